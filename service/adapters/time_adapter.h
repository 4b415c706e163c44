#ifndef RESTATE_SERVICE_ADAPTERS_TIME_ADAPTER_H_
#define RESTATE_SERVICE_ADAPTERS_TIME_ADAPTER_H_

#include "absl/time/time.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"

namespace restate {

// Nanoseconds are never negative, as protobuf has it, before 1970 too.
void EncodeTime(absl::Time time, google::protobuf::Timestamp* proto);

// REQUIRES: finite.
void EncodeDuration(absl::Duration duration, google::protobuf::Duration* proto);

}  // namespace restate

#endif  // RESTATE_SERVICE_ADAPTERS_TIME_ADAPTER_H_
