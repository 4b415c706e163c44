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

// Two revisions and a flag.
constexpr size_t kCommitsBytes = 17;

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
