#include "engine/history/commit_codec.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/error/absl_view.h"
#include "engine/error/error.h"
#include "engine/value/value_proto.h"

namespace restate {
namespace {

using storage::v1::HistoryRecord;
using storage::v1::RecordedOperation;

// The first byte of a record.
constexpr char kRecordFormat = 1;
// A record's time comes first: one byte of tag, eight of number.
constexpr char kTimeTag = 0x09;
constexpr size_t kTimeBytes = 9;

absl::Status Damaged(Revision revision, std::string_view detail) {
  return MakeError(
      Reason::kCorrupt,
      absl::StrCat("the history's record of commit ", revision,
                   " is damaged (", AbslView(detail),
                   "): subscribe anew from a snapshot, and look after the "
                   "store"),
      {{"revision", absl::StrCat(revision)}});
}

storage::v1::RecordedKind KindToProto(Effect::Kind kind) {
  switch (kind) {
    case Effect::Kind::kSet:
      return storage::v1::RECORDED_KIND_SET;
    case Effect::Kind::kDelete:
      return storage::v1::RECORDED_KIND_DELETE;
    case Effect::Kind::kPing:
      return storage::v1::RECORDED_KIND_PING;
  }
  return storage::v1::RECORDED_KIND_UNSPECIFIED;
}

std::optional<Effect::Kind> KindFromProto(storage::v1::RecordedKind kind) {
  switch (kind) {
    case storage::v1::RECORDED_KIND_SET:
      return Effect::Kind::kSet;
    case storage::v1::RECORDED_KIND_DELETE:
      return Effect::Kind::kDelete;
    case storage::v1::RECORDED_KIND_PING:
      return Effect::Kind::kPing;
    default:
      return std::nullopt;
  }
}

storage::v1::RecordedOrigin OriginToProto(CommitOrigin origin) {
  switch (origin) {
    case CommitOrigin::kClient:
      return storage::v1::RECORDED_ORIGIN_CLIENT;
    case CommitOrigin::kMount:
      return storage::v1::RECORDED_ORIGIN_MOUNT;
    case CommitOrigin::kExpired:
      return storage::v1::RECORDED_ORIGIN_EXPIRED;
    case CommitOrigin::kFile:
      return storage::v1::RECORDED_ORIGIN_FILE;
    case CommitOrigin::kDerivation:
      return storage::v1::RECORDED_ORIGIN_DERIVATION;
  }
  return storage::v1::RECORDED_ORIGIN_UNSPECIFIED;
}

std::optional<CommitOrigin> OriginFromProto(
    storage::v1::RecordedOrigin origin) {
  switch (origin) {
    case storage::v1::RECORDED_ORIGIN_CLIENT:
      return CommitOrigin::kClient;
    case storage::v1::RECORDED_ORIGIN_MOUNT:
      return CommitOrigin::kMount;
    case storage::v1::RECORDED_ORIGIN_EXPIRED:
      return CommitOrigin::kExpired;
    case storage::v1::RECORDED_ORIGIN_FILE:
      return CommitOrigin::kFile;
    case storage::v1::RECORDED_ORIGIN_DERIVATION:
      return CommitOrigin::kDerivation;
    default:
      return std::nullopt;
  }
}

size_t SharedPrefix(std::string_view a, std::string_view b) {
  const size_t most = std::min(a.size(), b.size());
  return std::mismatch(a.begin(), a.begin() + most, b.begin()).first -
         a.begin();
}

bool SameTree(const Tree& a, const Tree& b) {
  if (a.has_value() != b.has_value()) return false;
  return !a.has_value() || Value::Identical(*a, *b);
}

// Effects share the empty key with the one before the first.
void EncodeEffect(const Effect& effect, std::string_view previous_key,
                  RecordedOperation* operation) {
  operation->set_index(effect.index);
  operation->set_kind(KindToProto(effect.kind));
  const std::string_view key = effect.path.key();
  const size_t shared = SharedPrefix(key, previous_key);
  operation->set_shared_path_bytes(static_cast<uint32_t>(shared));
  operation->set_path(key.data() + shared, key.size() - shared);
  if (effect.before.has_value()) {
    ToProto(*effect.before, operation->mutable_before());
  }
  // Only a ping leaves everything as it was.
  if (effect.kind == Effect::Kind::kPing &&
      SameTree(effect.before, effect.after)) {
    operation->set_unchanged(true);
  } else if (effect.after.has_value()) {
    ToProto(*effect.after, operation->mutable_after());
  }
  if (effect.default_value.has_value()) {
    ToProto(*effect.default_value, operation->mutable_default_value());
  }
  if (effect.payload.has_value()) {
    ToProto(*effect.payload, operation->mutable_payload());
  }
  operation->set_skip_notify(effect.skip_notify);
  operation->set_before_omitted(!effect.complete);
  operation->set_after_omitted(effect.after_incomplete);
  operation->set_below_unknown(effect.below_unknown);
  operation->set_derived(effect.derived);
  operation->set_below_kept(effect.keeps_below);
  for (const DerivedPart& part : effect.derived_below) {
    storage::v1::RecordedDerived* const derived = operation->add_derived_below();
    derived->set_path(part.dest.key());
    if (part.value.has_value()) {
      ToProto(*part.value, derived->mutable_value());
    }
  }
}

// Puts the value of a field into `*tree`; false if it is no value.
bool DecodeTree(bool present, const v1::Value& proto, Tree* tree) {
  if (!present) return true;
  absl::StatusOr<Value> value = FromProto(proto);
  if (!value.ok()) return false;
  *tree = *std::move(value);
  return true;
}

// Whether `key` is one that a path has.
bool IsPathKey(std::string_view key) {
  if (key.empty()) return true;
  if (key.back() != '\0') return false;
  for (std::string_view segment : Segments(key)) {
    if (!ValidateSegment(segment).ok()) return false;
  }
  return true;
}

// Null, or what is wrong.
const char* DecodeEffect(const RecordedOperation& operation,
                         std::string_view previous_key, Effect* effect) {
  effect->index = operation.index();
  const std::optional<Effect::Kind> kind = KindFromProto(operation.kind());
  if (!kind.has_value()) return "an operation is of an unknown kind";
  effect->kind = *kind;
  if (operation.shared_path_bytes() > previous_key.size()) {
    return "a path begins with more than there is of the one before";
  }
  std::string key(previous_key.substr(0, operation.shared_path_bytes()));
  key.append(operation.path());
  if (!IsPathKey(key)) return "a path is unreadable";
  effect->path = Path::FromKey(std::move(key));
  if (!DecodeTree(operation.has_before(), operation.before(),
                  &effect->before) ||
      !DecodeTree(operation.has_after(), operation.after(), &effect->after) ||
      !DecodeTree(operation.has_default_value(), operation.default_value(),
                  &effect->default_value) ||
      !DecodeTree(operation.has_payload(), operation.payload(),
                  &effect->payload)) {
    return "a value is unreadable";
  }
  if (operation.unchanged()) effect->after = effect->before;
  effect->skip_notify = operation.skip_notify();
  effect->complete = !operation.before_omitted();
  effect->after_incomplete = operation.after_omitted();
  effect->below_unknown = operation.below_unknown();
  effect->derived = operation.derived();
  effect->keeps_below = operation.below_kept();
  for (const storage::v1::RecordedDerived& derived :
       operation.derived_below()) {
    if (!IsPathKey(derived.path())) return "a path is unreadable";
    DerivedPart& part = effect->derived_below.emplace_back();
    part.dest = Path::FromKey(derived.path());
    if (!DecodeTree(derived.has_value(), derived.value(), &part.value)) {
      return "a value is unreadable";
    }
  }
  return nullptr;
}

// Null, or what is wrong. Takes the format off the front of `*bytes`.
const char* TakeFormat(std::string_view* bytes) {
  if (bytes->empty()) return "it is empty";
  if (bytes->front() != kRecordFormat) return "its format is unknown";
  bytes->remove_prefix(1);
  return nullptr;
}

}  // namespace

void CommitEncoder::Append(const SequencedCommit& commit, std::string* bytes) {
  record_.Clear();
  record_.set_commit_time(absl::ToUnixNanos(commit.commit_time));
  record_.set_origin(OriginToProto(commit.origin));
  std::string_view previous_key;
  for (const Effect& effect : commit.effects) {
    EncodeEffect(effect, previous_key, record_.add_operations());
    previous_key = effect.path.key();
  }
  bytes->push_back(kRecordFormat);
  record_.AppendToString(bytes);
  // A large commit must not keep its memory for good.
  if (commit.effects.size() > 1'000) record_ = HistoryRecord();
}

absl::StatusOr<SequencedCommit> DecodeCommit(Revision revision,
                                             std::string_view bytes) {
  if (const char* wrong = TakeFormat(&bytes); wrong != nullptr) {
    return Damaged(revision, wrong);
  }
  HistoryRecord record;
  if (!record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return Damaged(revision, "it does not parse");
  }
  SequencedCommit commit;
  commit.revision = revision;
  commit.commit_time = absl::FromUnixNanos(record.commit_time());
  const std::optional<CommitOrigin> origin = OriginFromProto(record.origin());
  if (!origin.has_value()) return Damaged(revision, "its origin is unknown");
  commit.origin = *origin;
  commit.effects.resize(record.operations_size());
  std::string_view previous_key;
  for (int i = 0; i < record.operations_size(); ++i) {
    const char* wrong = DecodeEffect(record.operations(i), previous_key,
                                     &commit.effects[i]);
    if (wrong != nullptr) return Damaged(revision, wrong);
    previous_key = commit.effects[i].path.key();
  }
  return commit;
}

absl::StatusOr<absl::Time> DecodeCommitTime(Revision revision,
                                            std::string_view bytes) {
  if (const char* wrong = TakeFormat(&bytes); wrong != nullptr) {
    return Damaged(revision, wrong);
  }
  // Protobuf leaves out zero: 1970 to the nanosecond.
  if (bytes.empty() || bytes.front() != kTimeTag) return absl::UnixEpoch();
  if (bytes.size() < kTimeBytes) return Damaged(revision, "it has no time");
  uint64_t nanos = 0;
  for (size_t i = kTimeBytes; i-- > 1;) {
    nanos = nanos << 8 | static_cast<unsigned char>(bytes[i]);
  }
  return absl::FromUnixNanos(static_cast<int64_t>(nanos));
}

}  // namespace restate
