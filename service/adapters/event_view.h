#ifndef RESTATE_SERVICE_ADAPTERS_EVENT_VIEW_H_
#define RESTATE_SERVICE_ADAPTERS_EVENT_VIEW_H_

#include <cstddef>

#include "engine/subscription/event.h"
#include "restate/v1/event_service.pb.h"
#include "restate/v1/value.pb.h"

namespace restate {

// How a subscriber wants to see events: who has the same view can share bytes.
struct EventView {
  v1::EventValues values = v1::EVENT_VALUES_BOTH;
  v1::ValueEncoding encoding = v1::VALUE_ENCODING_JSON;
  // Values that take more are left out and flagged; above 0, at most
  // kMaxEventValueBytes.
  size_t max_value_bytes = kMaxEventValueBytes;
  friend bool operator==(const EventView&, const EventView&) = default;
};

// The view that a request asks for, UNSPECIFIED resolved. REQUIRES: the request
// passed DecodeSubscribe.
EventView ViewOf(const v1::SubscribeRequest& request);

// A view as SubscriptionSpec::view, and back.
int PackView(const EventView& view);
EventView UnpackView(int packed);

// Where the bytes of an event are kept with its delivery (EncodedViews), if the
// event has no value that `max_value_bytes` leaves out. Views that differ only
// in that bound share them.
size_t SharedIndex(const EventView& view);

}  // namespace restate

#endif  // RESTATE_SERVICE_ADAPTERS_EVENT_VIEW_H_
