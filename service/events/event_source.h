#ifndef RESTATE_SERVICE_EVENTS_EVENT_SOURCE_H_
#define RESTATE_SERVICE_EVENTS_EVENT_SOURCE_H_

#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "engine/subscription/event_stream.h"
#include "restate/v1/event_service.pb.h"
#include "service/adapters/event_adapter.h"
#include "service/streams/message_source.h"

namespace restate {

// About how much goes into one message of Subscribe.
inline constexpr size_t kMaxBatchEvents = 512;
inline constexpr size_t kMaxBatchBytes = size_t{1} << 20;

// The messages of Subscribe: whatever waits in one subscription, a batch at a
// time.
class EventSource final : public MessageSource<v1::SubscribeResponse> {
 public:
  // No message is larger than `max_message_bytes`, which has room for an event
  // without values: an event that is too large loses them, and says so.
  EventSource(std::unique_ptr<EventStream> stream, std::string epoch,
              EventView view, size_t max_message_bytes);

  Supply Next(v1::SubscribeResponse* message, absl::Status* end) override;

 private:
  const std::unique_ptr<EventStream> stream_;
  const std::string epoch_;
  const EventView view_;
  const size_t max_message_bytes_;
  // Kept for its memory.
  EventBatch batch_;
};

// Takes the values out of the events of `batch` that have the largest, until it
// is at most `max_bytes` or none are left, and flags what it took.
void OmitValues(size_t max_bytes, v1::EventBatch* batch);

}  // namespace restate

#endif  // RESTATE_SERVICE_EVENTS_EVENT_SOURCE_H_
