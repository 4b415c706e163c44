#ifndef RESTATE_SERVICE_ADAPTERS_TIME_ADAPTER_H_
#define RESTATE_SERVICE_ADAPTERS_TIME_ADAPTER_H_

#include <grpc/support/time.h>

#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"

namespace restate {

// Nanoseconds are never negative, as protobuf has it, before 1970 too.
void EncodeTime(absl::Time time, google::protobuf::Timestamp* proto);

// A length of time as protobuf allows it: seconds and nanos of the same sign,
// nanos below 10^9, at most 10,000 years. Else INVALID_ARGUMENT /
// INVALID_REQUEST, naming `field`.
absl::StatusOr<absl::Duration> DecodeDuration(
    std::string_view field, const google::protobuf::Duration& proto);

// REQUIRES: finite.
void EncodeDuration(absl::Duration duration, google::protobuf::Duration* proto);

// A deadline of gRPC's that is so far from now. By the monotonic clock, which a
// time_point of the system's clock is not: gRPC would take it for a time of day.
gpr_timespec GrpcDeadline(absl::Duration from_now);

}  // namespace restate

#endif  // RESTATE_SERVICE_ADAPTERS_TIME_ADAPTER_H_
