#ifndef RESTATE_ENGINE_SUBSCRIPTION_EVENT_STREAM_H_
#define RESTATE_ENGINE_SUBSCRIPTION_EVENT_STREAM_H_

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "engine/backend/backend.h"
#include "engine/path/pattern.h"
#include "engine/subscription/event.h"

namespace restate {

// What a subscriber wants to hear.
struct SubscriptionSpec {
  // At least one.
  std::vector<PathPattern> patterns;
  // Begin with INITIAL events for the present state.
  bool snapshot = false;
  // Only events whose emitting path is the matching path.
  bool exact = false;
  // Only these kinds; empty means all.
  std::vector<EventKind> kinds;
  // If not empty, must be the server's epoch.
  std::string epoch;
  // The bound of the queue.
  size_t max_queue_bytes = size_t{8} << 20;
};

// What a subscriber is handed at once.
struct EventBatch {
  // In delivery order.
  std::vector<Event> events;
  // r only when every event of every revision up to r has been handed over; 0
  // when the batch ends inside a revision or inside the snapshot.
  Revision revision = 0;
  // The subscription is live as of `revision`. Once, at the start.
  bool synced = false;
};

// The receiving end of one subscription: a bounded queue that the sequencer
// fills and one consumer empties. Dropping it unsubscribes.
//
// One consumer at a time calls Take; the rest is thread-safe.
class EventStream {
 public:
  virtual ~EventStream() = default;

  // Takes what is waiting, up to about `max_bytes` and `max_events` (at least
  // one event if any is waiting), without blocking.
  //   true: `*batch` was filled.
  //   false: nothing is waiting now; the ready callback will be called once
  //     when there is.
  // After the last batch an error says why the stream ended:
  //   RESOURCE_EXHAUSTED / SLOW_SUBSCRIBER, UNAVAILABLE / SHUTTING_DOWN, or
  //   what reading the snapshot failed with.
  virtual absl::StatusOr<bool> Take(size_t max_bytes, size_t max_events,
                                    EventBatch* batch) = 0;
};

// Called when a stream whose Take returned false has something again: a batch
// or its end. On the sequencer's thread, holding no lock: must not block, and
// must not call Take.
using ReadyCallback = absl::AnyInvocable<void()>;

}  // namespace restate

#endif  // RESTATE_ENGINE_SUBSCRIPTION_EVENT_STREAM_H_
