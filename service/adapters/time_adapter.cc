#include "service/adapters/time_adapter.h"

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "engine/error/absl_view.h"
#include "engine/error/error.h"

namespace restate {
namespace {

// As google/protobuf/duration.proto has it.
constexpr int64_t kMostSeconds = 315'576'000'000;
constexpr int32_t kMostNanos = 999'999'999;

}  // namespace

void EncodeTime(absl::Time time, google::protobuf::Timestamp* proto) {
  const int64_t seconds = absl::ToUnixSeconds(time);
  proto->set_seconds(seconds);
  proto->set_nanos(static_cast<int32_t>(
      absl::ToInt64Nanoseconds(time - absl::FromUnixSeconds(seconds))));
}

absl::StatusOr<absl::Duration> DecodeDuration(
    std::string_view field, const google::protobuf::Duration& proto) {
  const int64_t seconds = proto.seconds();
  const int32_t nanos = proto.nanos();
  if (seconds >= -kMostSeconds && seconds <= kMostSeconds &&
      nanos >= -kMostNanos && nanos <= kMostNanos &&
      !(seconds > 0 && nanos < 0) && !(seconds < 0 && nanos > 0)) {
    return absl::Seconds(seconds) + absl::Nanoseconds(nanos);
  }
  return MakeError(
      Reason::kInvalidRequest,
      absl::StrCat(AbslView(field), " is no valid duration: it has ", seconds,
                   " seconds and ", nanos,
                   " nanos; both must have the same sign, nanos be below 10^9, "
                   "and seconds at most ",
                   kMostSeconds));
}

void EncodeDuration(absl::Duration duration,
                    google::protobuf::Duration* proto) {
  absl::Duration rest;
  proto->set_seconds(absl::IDivDuration(duration, absl::Seconds(1), &rest));
  proto->set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(rest)));
}

gpr_timespec GrpcDeadline(absl::Duration from_now) {
  return gpr_time_add(
      gpr_now(GPR_CLOCK_MONOTONIC),
      gpr_time_from_nanos(absl::ToInt64Nanoseconds(from_now), GPR_TIMESPAN));
}

}  // namespace restate
