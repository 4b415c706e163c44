#include "engine/derivation/progress_codec.h"

#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "derivation_record.pb.h"
#include "engine/error/error.h"

namespace restate {
namespace {

using storage::v1::DerivationProgressRecord;

storage::v1::RecordedStatus StatusToProto(DerivationStatus status) {
  switch (status) {
    case DerivationStatus::kOk:
      return storage::v1::RECORDED_STATUS_OK;
    case DerivationStatus::kError:
      return storage::v1::RECORDED_STATUS_ERROR;
    case DerivationStatus::kOverBudget:
      return storage::v1::RECORDED_STATUS_OVER_BUDGET;
    case DerivationStatus::kStale:
      return storage::v1::RECORDED_STATUS_STALE;
  }
  return storage::v1::RECORDED_STATUS_UNSPECIFIED;
}

std::optional<DerivationStatus> StatusFromProto(
    storage::v1::RecordedStatus status) {
  switch (status) {
    case storage::v1::RECORDED_STATUS_OK:
      return DerivationStatus::kOk;
    case storage::v1::RECORDED_STATUS_ERROR:
      return DerivationStatus::kError;
    case storage::v1::RECORDED_STATUS_OVER_BUDGET:
      return DerivationStatus::kOverBudget;
    case storage::v1::RECORDED_STATUS_STALE:
      return DerivationStatus::kStale;
    default:
      return std::nullopt;
  }
}

// Nothing if the record of it is not kept. What is known of hosts does not
// outlive a start, so that those have none.
std::string Encode(const Definition& definition,
                   const DerivationProgress& progress) {
  const bool well = progress.status == DerivationStatus::kOk &&
                    progress.computed_present;
  if (definition.hosted() || (well && !definition.tracked())) return {};
  DerivationProgressRecord record;
  record.set_status(StatusToProto(progress.status));
  record.set_message(progress.message);
  if (definition.tracked()) {
    for (const Path& read : progress.reads) record.add_reads(read.key());
    for (const Path& read : progress.cyclic_reads) {
      record.add_cyclic_reads(read.key());
    }
  }
  record.set_never_computed(!progress.computed_present);
  return record.SerializeAsString();
}

// Whether they are recorded alike.
bool SameRecord(const DerivationProgress& a, const DerivationProgress& b) {
  return a.status == b.status && a.message == b.message &&
         a.computed_present == b.computed_present && a.reads == b.reads &&
         a.cyclic_reads == b.cyclic_reads;
}

std::string RecordKey(const Path& dest) {
  return absl::StrCat(std::string(kProgressRecordPrefix), dest.key());
}

// False if one is no path.
bool DecodePaths(const google::protobuf::RepeatedPtrField<std::string>& keys,
                 std::vector<Path>* paths) {
  paths->clear();
  for (const std::string& key : keys) {
    if (!key.empty() && key.back() != '\0') return false;
    for (std::string_view segment : Segments(key)) {
      if (!ValidateSegment(segment).ok()) return false;
    }
    paths->push_back(Path::FromKey(key));
  }
  return true;
}

absl::Status Damaged(std::string_view detail) {
  return MakeError(
      Reason::kCorrupt,
      absl::StrCat("the record of how a derivation is doing is damaged: ",
                   std::string(detail)));
}

}  // namespace

bool ProgressChange(const Definition& definition,
                    const DerivationProgress& before,
                    const DerivationProgress& after, RecordChange* change) {
  if (SameRecord(before, after)) return false;
  const std::string now = Encode(definition, after);
  if (now == Encode(definition, before)) return false;
  change->key = RecordKey(definition.dest);
  change->value = now.empty() ? std::nullopt : std::optional<std::string>(now);
  return true;
}

RecordChange ForgetProgress(const Path& dest) {
  return {RecordKey(dest), std::nullopt};
}

absl::Status DecodeProgress(std::string_view bytes,
                            DerivationProgress* progress) {
  DerivationProgressRecord record;
  if (!record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return Damaged("it does not parse");
  }
  const std::optional<DerivationStatus> status =
      StatusFromProto(record.status());
  if (!status.has_value()) return Damaged("its status is unknown");
  progress->status = *status;
  progress->message = record.message();
  progress->computed_present = !record.never_computed();
  if (record.reads_size() > 0 &&
      (!DecodePaths(record.reads(), &progress->reads) ||
       !DecodePaths(record.cyclic_reads(), &progress->cyclic_reads))) {
    return Damaged("what it read is unreadable");
  }
  return absl::OkStatus();
}

}  // namespace restate
