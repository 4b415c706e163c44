#include "engine/backend/rocksdb/disk_format.h"

#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/error/error.h"
#include "engine/value/value_proto.h"
#include "restate/v1/value.pb.h"

namespace restate::disk_format {
namespace {

// The first byte of a leaf record.
constexpr char kLeafFormat = 1;
// The same of a lease, and of an answered request.
constexpr char kLeaseFormat = 1;
constexpr char kRequestFormat = 1;
// And of a small record, and of a write in the journal.
constexpr char kRecordFormat = 1;
constexpr char kJournalFormat = 1;
// Format, id, fingerprint and time, before the answer.
constexpr size_t kRequestHeadBytes = 41;

// Mount, revision and number.
constexpr size_t kJournalKeyBytes = 16;

// Two revisions and a flag.
constexpr size_t kCommitsBytes = 17;

constexpr size_t kRevisionBytes = 8;
// The first revision, two times and a size.
constexpr size_t kSegmentBytes = 32;
// A revision, a one, and the index of an operation.
constexpr size_t kStopKeyBytes = 13;
constexpr char kStopKeyMark = 1;

void AppendBigEndian(uint64_t number, size_t bytes, std::string* out) {
  for (size_t i = bytes; i-- > 0;) {
    out->push_back(static_cast<char>(number >> (8 * i)));
  }
}

uint64_t ReadBigEndian(std::string_view bytes) {
  uint64_t number = 0;
  for (char byte : bytes) {
    number = number << 8 | static_cast<unsigned char>(byte);
  }
  return number;
}

void AppendVarint(uint64_t number, std::string* out) {
  for (; number >= 0x80; number >>= 7) {
    out->push_back(static_cast<char>(number | 0x80));
  }
  out->push_back(static_cast<char>(number));
}

// Takes a varint off the front of `bytes`.
std::optional<uint64_t> TakeVarint(std::string_view* bytes) {
  uint64_t number = 0;
  for (int shift = 0; shift < 64 && !bytes->empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes->front());
    bytes->remove_prefix(1);
    number |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return number;
  }
  return std::nullopt;
}

}  // namespace

std::string EncodeCommits(const CommitsRecord& record) {
  std::string bytes;
  bytes.reserve(kCommitsBytes);
  AppendBigEndian(static_cast<uint64_t>(record.last_committed), 8, &bytes);
  AppendBigEndian(static_cast<uint64_t>(record.reserved), 8, &bytes);
  bytes.push_back(record.closed ? 1 : 0);
  return bytes;
}

std::optional<CommitsRecord> DecodeCommits(std::string_view bytes) {
  if (bytes.size() != kCommitsBytes) return std::nullopt;
  CommitsRecord record;
  record.last_committed =
      static_cast<Revision>(ReadBigEndian(bytes.substr(0, 8)));
  record.reserved = static_cast<Revision>(ReadBigEndian(bytes.substr(8, 8)));
  record.closed = bytes[16] == 1;
  if (record.last_committed < 0 || record.reserved < record.last_committed ||
      static_cast<unsigned char>(bytes[16]) > 1) {
    return std::nullopt;
  }
  return record;
}

std::string EncodeUint32(uint32_t number) {
  std::string bytes;
  AppendBigEndian(number, 4, &bytes);
  return bytes;
}

std::optional<uint32_t> DecodeUint32(std::string_view bytes) {
  if (bytes.size() != 4) return std::nullopt;
  return static_cast<uint32_t>(ReadBigEndian(bytes));
}

std::string EncodeRevision(Revision revision) {
  std::string bytes;
  AppendBigEndian(static_cast<uint64_t>(revision), kRevisionBytes, &bytes);
  return bytes;
}

std::optional<Revision> DecodeRevision(std::string_view bytes) {
  if (bytes.size() != kRevisionBytes) return std::nullopt;
  const auto revision = static_cast<Revision>(ReadBigEndian(bytes));
  if (revision < 0) return std::nullopt;
  return revision;
}

std::string EncodeLease(const LeaseTerms& terms) {
  std::string bytes(1, kLeaseFormat);
  AppendVarint(static_cast<uint64_t>(absl::ToInt64Milliseconds(terms.ttl)),
               &bytes);
  bytes.append(terms.session_id);
  return bytes;
}

std::optional<LeaseTerms> DecodeLease(std::string_view bytes) {
  if (bytes.empty() || bytes.front() != kLeaseFormat) return std::nullopt;
  bytes.remove_prefix(1);
  const std::optional<uint64_t> millis = TakeVarint(&bytes);
  if (!millis.has_value() || *millis > INT64_MAX ||
      (*millis == 0 && bytes.empty())) {
    return std::nullopt;
  }
  return LeaseTerms{std::string(bytes),
                    absl::Milliseconds(static_cast<int64_t>(*millis))};
}

std::string RequestKey(uint64_t sequence) {
  std::string key;
  AppendBigEndian(sequence, 8, &key);
  return key;
}

std::string EncodeRequest(const StoredRequest& request) {
  std::string bytes;
  bytes.reserve(kRequestHeadBytes + request.answer.size());
  bytes.push_back(kRequestFormat);
  for (absl::uint128 number :
       {request.identity.id, request.identity.fingerprint}) {
    AppendBigEndian(absl::Uint128High64(number), 8, &bytes);
    AppendBigEndian(absl::Uint128Low64(number), 8, &bytes);
  }
  AppendBigEndian(static_cast<uint64_t>(absl::ToUnixNanos(request.time)), 8,
                  &bytes);
  bytes.append(request.answer);
  return bytes;
}

std::optional<StoredRequest> DecodeRequest(std::string_view key,
                                           std::string_view bytes) {
  if (key.size() != 8 || bytes.size() < kRequestHeadBytes ||
      bytes.front() != kRequestFormat) {
    return std::nullopt;
  }
  const auto number = [bytes](size_t at) {
    return absl::MakeUint128(ReadBigEndian(bytes.substr(at, 8)),
                             ReadBigEndian(bytes.substr(at + 8, 8)));
  };
  StoredRequest request;
  request.sequence = ReadBigEndian(key);
  request.identity = {number(1), number(17)};
  request.time = absl::FromUnixNanos(
      static_cast<int64_t>(ReadBigEndian(bytes.substr(33, 8))));
  request.answer = std::string(bytes.substr(kRequestHeadBytes));
  return request;
}

std::optional<Path> DecodePathKey(std::string_view bytes) {
  if (!bytes.empty() && bytes.back() != '\0') return std::nullopt;
  for (std::string_view segment : Segments(bytes)) {
    if (!ValidateSegment(segment).ok()) return std::nullopt;
  }
  Path path = Path::FromKey(std::string(bytes));
  if (!path.CheckLimits().ok()) return std::nullopt;
  return path;
}

std::string RecordKey(std::string_view key) {
  return std::string(kRecordKeyPrefix).append(key);
}

std::string EncodeRecord(std::string_view value) {
  std::string bytes(1, kRecordFormat);
  bytes.append(value);
  return bytes;
}

std::optional<std::string> DecodeRecord(std::string_view bytes) {
  if (bytes.empty() || bytes.front() != kRecordFormat) return std::nullopt;
  return std::string(bytes.substr(1));
}

std::string JournalKey(uint32_t mount, Revision revision, uint32_t number) {
  std::string key;
  key.reserve(kJournalKeyBytes);
  AppendBigEndian(mount, 4, &key);
  AppendBigEndian(static_cast<uint64_t>(revision), kRevisionBytes, &key);
  AppendBigEndian(number, 4, &key);
  return key;
}

std::string EncodeJournal(const Write& write) {
  std::string bytes(1, kJournalFormat);
  bytes.push_back(write.scope == Write::Scope::kOwnValue ? 1 : 0);
  AppendVarint(write.path.key().size(), &bytes);
  bytes.append(write.path.key());
  if (write.value.has_value()) {
    v1::Value proto;
    ToProto(*write.value, &proto);
    proto.AppendToString(&bytes);
  }
  return bytes;
}

std::optional<Write> DecodeJournal(std::string_view key,
                                   std::string_view bytes) {
  if (key.size() != kJournalKeyBytes || bytes.size() < 3 ||
      bytes[0] != kJournalFormat || static_cast<unsigned char>(bytes[1]) > 1) {
    return std::nullopt;
  }
  const std::optional<Revision> revision =
      DecodeRevision(key.substr(4, kRevisionBytes));
  Write write;
  write.scope =
      bytes[1] == 1 ? Write::Scope::kOwnValue : Write::Scope::kSubtree;
  bytes.remove_prefix(2);
  const std::optional<uint64_t> path_bytes = TakeVarint(&bytes);
  if (!revision.has_value() || !path_bytes.has_value() ||
      *path_bytes > bytes.size()) {
    return std::nullopt;
  }
  write.revision = *revision;
  std::optional<Path> path = DecodePathKey(bytes.substr(0, *path_bytes));
  if (!path.has_value()) return std::nullopt;
  write.path = *std::move(path);
  bytes.remove_prefix(*path_bytes);
  // A value always has a kind, and so at least one byte.
  if (bytes.empty()) return write;
  v1::Value proto;
  if (!proto.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return std::nullopt;
  }
  absl::StatusOr<Value> value = FromProto(proto);
  if (!value.ok()) return std::nullopt;
  write.value = *std::move(value);
  return write;
}

std::string SegmentKey(Revision last) {
  return std::string(kSegmentKeyPrefix) + EncodeRevision(last);
}

std::string EncodeSegment(const HistorySegment& segment) {
  std::string bytes = EncodeRevision(segment.first);
  for (absl::Time time : {segment.first_time, segment.last_time}) {
    AppendBigEndian(static_cast<uint64_t>(absl::ToUnixNanos(time)), 8, &bytes);
  }
  AppendBigEndian(segment.bytes, 8, &bytes);
  return bytes;
}

std::optional<HistorySegment> DecodeSegment(std::string_view key,
                                            std::string_view bytes) {
  if (!key.starts_with(kSegmentKeyPrefix) || bytes.size() != kSegmentBytes) {
    return std::nullopt;
  }
  key.remove_prefix(kSegmentKeyPrefix.size());
  const std::optional<Revision> last = DecodeRevision(key);
  const std::optional<Revision> first = DecodeRevision(bytes.substr(0, 8));
  if (!last.has_value() || !first.has_value() || *first > *last) {
    return std::nullopt;
  }
  HistorySegment segment;
  segment.first = *first;
  segment.last = *last;
  segment.first_time = absl::FromUnixNanos(
      static_cast<int64_t>(ReadBigEndian(bytes.substr(8, 8))));
  segment.last_time = absl::FromUnixNanos(
      static_cast<int64_t>(ReadBigEndian(bytes.substr(16, 8))));
  segment.bytes = ReadBigEndian(bytes.substr(24, 8));
  return segment;
}

std::string EncodeDuration(absl::Duration duration) {
  std::string bytes;
  AppendBigEndian(static_cast<uint64_t>(absl::ToInt64Nanoseconds(duration)), 8,
                  &bytes);
  return bytes;
}

std::optional<absl::Duration> DecodeDuration(std::string_view bytes) {
  if (bytes.size() != 8) return std::nullopt;
  return absl::Nanoseconds(static_cast<int64_t>(ReadBigEndian(bytes)));
}

std::string HistoryKey(Revision revision) { return EncodeRevision(revision); }

std::string StopKey(const HistoryStop& stop) {
  std::string key;
  key.reserve(kStopKeyBytes + stop.place.size());
  AppendBigEndian(static_cast<uint64_t>(stop.revision), kRevisionBytes, &key);
  key.push_back(kStopKeyMark);
  AppendBigEndian(static_cast<uint32_t>(stop.index), 4, &key);
  key.append(stop.place);
  return key;
}

std::optional<HistoryKeyParts> ParseHistoryKey(std::string_view key) {
  const std::optional<Revision> revision =
      DecodeRevision(key.substr(0, kRevisionBytes));
  if (!revision.has_value()) return std::nullopt;
  HistoryKeyParts parts{*revision, std::nullopt};
  if (key.size() == kRevisionBytes) return parts;
  if (key.size() < kStopKeyBytes || key[kRevisionBytes] != kStopKeyMark) {
    return std::nullopt;
  }
  const auto index =
      static_cast<int32_t>(ReadBigEndian(key.substr(kRevisionBytes + 1, 4)));
  if (index < 0) return std::nullopt;
  parts.stop = HistoryStop{*revision, index, key.substr(kStopKeyBytes)};
  return parts;
}

std::string TreeKey(uint32_t mount, std::string_view path_key) {
  std::string key;
  key.reserve(kMountIdBytes + path_key.size());
  AppendBigEndian(mount, kMountIdBytes, &key);
  key.append(path_key);
  return key;
}

std::string TreeEnd(uint32_t mount) { return TreeKey(mount + 1, ""); }

void AppendLeaf(Revision revision, const Value& value, std::string* bytes) {
  bytes->push_back(kLeafFormat);
  AppendVarint(static_cast<uint64_t>(revision), bytes);
  v1::Value proto;
  ToProto(value, &proto);
  proto.AppendToString(bytes);
}

absl::StatusOr<Leaf> DecodeLeaf(std::string_view bytes) {
  if (bytes.empty() || bytes.front() != kLeafFormat) {
    return MakeError(Reason::kCorrupt,
                     bytes.empty()
                         ? std::string("the record is empty")
                         : absl::StrCat("the record has the unknown format ",
                                        static_cast<unsigned char>(
                                            bytes.front())));
  }
  bytes.remove_prefix(1);
  std::optional<uint64_t> revision = TakeVarint(&bytes);
  if (!revision.has_value()) {
    return MakeError(Reason::kCorrupt, "the record ends inside its revision");
  }
  v1::Value proto;
  if (!proto.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return MakeError(Reason::kCorrupt, "the record's value does not parse");
  }
  absl::StatusOr<Value> value = FromProto(proto);
  if (!value.ok()) {
    return MakeError(Reason::kCorrupt,
                     absl::StrCat("the record's value is invalid: ",
                                  value.status().message()));
  }
  if (value->is_map() && !value->is_empty_map()) {
    return MakeError(Reason::kCorrupt, "the record holds a map with children");
  }
  return Leaf{static_cast<Revision>(*revision), *std::move(value)};
}

}  // namespace restate::disk_format
