#ifndef RESTATE_SERVICE_EVENTS_EVENT_SOURCE_H_
#define RESTATE_SERVICE_EVENTS_EVENT_SOURCE_H_

#include <memory>

#include "absl/status/status.h"
#include "engine/subscription/event_stream.h"
#include "service/events/parcel_source.h"

namespace restate {

// The messages of Subscribe, restate.v1.SubscribeResponse: whatever waits in one
// subscription, a batch at a time.
class EventSource final : public ParcelSource {
 public:
  EventSource(std::unique_ptr<EventStream> stream, ParcelSourceOptions options);

 private:
  absl::Status Encode(const Parcel& parcel) override;
};

}  // namespace restate

#endif  // RESTATE_SERVICE_EVENTS_EVENT_SOURCE_H_
