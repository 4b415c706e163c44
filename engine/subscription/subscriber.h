#ifndef RESTATE_ENGINE_SUBSCRIPTION_SUBSCRIBER_H_
#define RESTATE_ENGINE_SUBSCRIPTION_SUBSCRIBER_H_

#include <deque>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "engine/backend/backend.h"
#include "engine/subscription/event.h"
#include "engine/subscription/event_stream.h"
#include "engine/sync/mutex.h"

namespace restate {

// One subscription: what it wants, and the bounded queue of what it has not
// taken yet. Shared between the sequencer, which fills the queue, and the
// stream, which empties it.
//
// The queue grows by whole commits only, so that a batch that empties it ends
// behind a commit. When a commit does not fit, the subscription ends behind the
// commit before: what was queued is still delivered, nothing is lost silently.
//
// Stage and Flush belong to the sequencer's thread; the rest is thread-safe.
// The mutex is held only to move events in and out, never during a callback.
class Subscriber {
 public:
  Subscriber(SubscriptionSpec spec, ReadyCallback ready)
      : spec_(std::move(spec)), ready_(std::move(ready)) {}

  const SubscriptionSpec& spec() const { return spec_; }
  // Whether the subscription's filters let the event through.
  bool Wants(const Emission& emission, const Path& current_path) const;

  // Notes an event of the commit at hand. Returns whether it is the first.
  bool Stage(Event event) {
    staged_.push_back(std::move(event));
    return staged_.size() == 1;
  }
  // Queues what was staged, as one commit, or ends the subscription if it is
  // full.
  void Flush();
  // Calls the ready callback if the stream waits for something to take.
  void WakeIfWaiting();

  // No more events; the stream ends with `why` after what is queued. The first
  // reason stays.
  void End(absl::Status why);
  bool ended() const;

  // The stream's side of Take: true if `batch` got something; false if nothing
  // waits, in which case the next Flush or End wakes; or why it has ended.
  absl::StatusOr<bool> TakeQueued(size_t max_bytes, size_t max_events,
                                  EventBatch* batch);

 private:
  const SubscriptionSpec spec_;
  // Called by the sequencer's thread alone.
  ReadyCallback ready_;
  std::vector<Event> staged_;

  mutable Mutex mutex_;
  std::deque<Event> queue_ ABSL_GUARDED_BY(mutex_);
  size_t queued_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status end_ ABSL_GUARDED_BY(mutex_);
  // The stream found nothing and is to be woken.
  bool waiting_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_SUBSCRIPTION_SUBSCRIBER_H_
