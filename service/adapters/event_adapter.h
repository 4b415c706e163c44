#ifndef RESTATE_SERVICE_ADAPTERS_EVENT_ADAPTER_H_
#define RESTATE_SERVICE_ADAPTERS_EVENT_ADAPTER_H_

#include <string>

#include "absl/status/statusor.h"
#include "engine/subscription/event.h"
#include "engine/subscription/event_stream.h"
#include "restate/v1/event.pb.h"
#include "restate/v1/event_service.pb.h"
#include "service/adapters/limits.h"

namespace restate {

// Checks a subscription; `values` and `encoding` too. A pattern given twice
// counts once. The spec's queue bound is left at its default.
//   INVALID_ARGUMENT / INVALID_PATH: the message begins with "pattern 2: " and
//     the metadata has `pattern`, the index.
//   INVALID_ARGUMENT / INVALID_REQUEST: no pattern, or an unknown enum number.
//   RESOURCE_EXHAUSTED / TOO_MANY_PATTERNS.
absl::StatusOr<SubscriptionSpec> DecodeSubscribe(
    const v1::SubscribeRequest& request, const RequestLimits& limits);

// How a subscriber wants to see events: who has the same view can share bytes.
struct EventView {
  v1::EventValues values = v1::EVENT_VALUES_BOTH;
  v1::ValueEncoding encoding = v1::VALUE_ENCODING_JSON;
  friend bool operator==(const EventView&, const EventView&) = default;
};

// The view that a request asks for, UNSPECIFIED resolved. REQUIRES: the request
// passed DecodeSubscribe.
EventView ViewOf(const v1::SubscribeRequest& request);

// An event is what its emission says, the same for everybody with one view,
// followed by where it is delivered. The serialized bytes of the two parts, one
// after the other, are the serialized event.

// Fills everything but `current_path` and `pattern`.
void EncodeEmission(const Emission& emission, const EventView& view,
                    v1::Event* proto);
// Fills `current_path` and `pattern`.
void EncodeDelivery(const Event& event, v1::Event* proto);

// Fills an empty batch.
void EncodeBatch(const EventBatch& batch, const std::string& epoch,
                 const EventView& view, v1::EventBatch* proto);

}  // namespace restate

#endif  // RESTATE_SERVICE_ADAPTERS_EVENT_ADAPTER_H_
