#ifndef RESTATE_SERVICE_ADAPTERS_SUBSCRIBE_ADAPTER_H_
#define RESTATE_SERVICE_ADAPTERS_SUBSCRIBE_ADAPTER_H_

#include <vector>

#include "absl/status/statusor.h"
#include "engine/path/pattern.h"
#include "engine/subscription/subscription_spec.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "restate/v1/event_service.pb.h"
#include "restate/v1/path.pb.h"
#include "service/adapters/limits.h"

namespace restate {

// Checks patterns and gives them sorted, each once. There may be none.
//   INVALID_ARGUMENT / INVALID_PATH: the message begins with "pattern 2: " and
//     the metadata has `pattern`, the index.
//   RESOURCE_EXHAUSTED / TOO_MANY_PATTERNS.
absl::StatusOr<std::vector<PathPattern>> DecodePatterns(
    const google::protobuf::RepeatedPtrField<v1::PathPattern>& protos,
    const RequestLimits& limits);

// Checks a subscription, and makes `view` of how it wants to see its events
// (UnpackView). The epoch of a token becomes the spec's. Whether the epoch is
// the server's, and the start in its past, is the engine's to say.
//   Errors of DecodePatterns.
//   INVALID_ARGUMENT / INVALID_REQUEST: no pattern, an unknown enum number, a
//     number or a length of time out of range, no token of ours.
//   OUT_OF_RANGE / EPOCH_CHANGED: token and `epoch` do not go together.
absl::StatusOr<SubscriptionSpec> DecodeSubscribe(
    const v1::SubscribeRequest& request, const RequestLimits& limits);

}  // namespace restate

#endif  // RESTATE_SERVICE_ADAPTERS_SUBSCRIBE_ADAPTER_H_
