#ifndef RESTATE_SERVICE_ADAPTERS_EVENT_ADAPTER_H_
#define RESTATE_SERVICE_ADAPTERS_EVENT_ADAPTER_H_

#include <cstddef>
#include <string>

#include "engine/subscription/event.h"
#include "engine/subscription/event_stream.h"
#include "restate/v1/event.pb.h"
#include "service/adapters/event_view.h"

namespace restate {

// What a stream's batches have in common.
struct StreamOrigin {
  // Which sequence of revisions.
  std::string epoch;
  // Who gives ack tokens (EncodeAckToken).
  std::string issuer;
};

// Whether an event that is seen in this way loses a value to its
// `max_value_bytes`.
bool LosesValues(const Emission& emission, const EventView& view);

// Fills what an event says to everybody who has this view and hears of it at
// this place by this pattern: all but `ack_token` and `coalesced`.
void EncodeDelivery(const Delivery& delivery, const EventView& view,
                    v1::Event* proto);

// Fill empty messages.
void EncodeReset(const EventReset& reset, v1::Reset* proto);
void EncodeGap(const EventGap& gap, v1::Gap* proto);

// Fills an empty batch. BatchEncoder gives the same as bytes, and shares those
// of the events; this is for batches that need looking after.
void EncodeBatch(const EventBatch& batch, const StreamOrigin& origin,
                 const EventView& view, v1::EventBatch* proto);

// Takes the values out of the events of `batch` that have the largest, until it
// is at most `max_bytes` or none are left, and flags what it took.
void OmitValues(size_t max_bytes, v1::EventBatch* batch);

}  // namespace restate

#endif  // RESTATE_SERVICE_ADAPTERS_EVENT_ADAPTER_H_
