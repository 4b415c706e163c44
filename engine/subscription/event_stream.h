#ifndef RESTATE_ENGINE_SUBSCRIPTION_EVENT_STREAM_H_
#define RESTATE_ENGINE_SUBSCRIPTION_EVENT_STREAM_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "engine/backend/backend.h"
#include "engine/path/path.h"
#include "engine/subscription/event.h"
#include "engine/subscription/event_bundle.h"
#include "engine/subscription/session_request.h"

namespace restate {

// Events that were not told: restate.v1.Gap.
struct EventGap {
  Revision after = 0;
  Revision through = 0;
  // 0 if not known.
  int64_t events = 0;
  // Only strictly below it. Nothing: anywhere.
  std::optional<Path> path;
};

// What was known no longer holds: restate.v1.Reset.
struct EventReset {
  // Strictly below it.
  Path path;
  // What follows is as of it.
  Revision revision = 0;
  // What was known is of another epoch.
  bool epoch_changed = false;
};

// What one subscription is handed at once: restate.v1.EventBatch.
struct EventBatch {
  // In delivery order.
  std::vector<Event> events;
  // The same, shared; only with SubscriptionSpec::takes_bundles, and then at most
  // one of the two is not empty.
  std::vector<std::shared_ptr<const EventBundle>> bundles;
  // r only when every event of every revision up to r has been handed over; 0
  // when the batch ends inside a revision or inside a snapshot.
  Revision revision = 0;
  // Where to go on after this batch; empty inside a snapshot.
  std::string resume_token;
  // The subscription is live as of `revision`.
  bool synced = false;
  std::optional<EventReset> reset;
  // The INITIAL events of the reset of this path are over.
  std::optional<Path> reset_done;
  std::optional<EventGap> gap;

  bool has_events() const { return !events.empty() || !bundles.empty(); }
  // REQUIRES: has_events().
  Event LastEvent() const {
    if (!events.empty()) return events.back();
    return Event{.delivery = bundles.back()->deliveries.back()};
  }
  // Whether the first event is live, and of a later revision.
  bool BeginsAfter(Revision earlier) const;
  // `events`, or what is in the bundles one by one.
  std::vector<Event> AllEvents() const;
};

// A batch, and whose it is.
struct SubscriptionRun {
  int64_t subscription_id = 0;
  // Empty for a subscription that is a stream of its own.
  std::string callback_id;
  // SubscriptionSpec::view.
  int view = 0;
  EventBatch batch;
};

// Everything up to a revision has been handed over.
struct SyncPoint {
  Revision revision = 0;
  int64_t sync_id = 0;
};

// A subscription that has ended from this side; its events were handed over.
struct EndedSubscription {
  int64_t subscription_id = 0;
  std::string callback_id;
  // RESOURCE_EXHAUSTED / SLOW_SUBSCRIBER, OUT_OF_RANGE / HISTORY_COMPACTED, or
  // what reading a snapshot or the history failed with.
  absl::Status status;
};

// What a stream is handed at once, in this order.
struct Parcel {
  std::vector<SubscriptionRun> runs;
  // Of a session.
  std::vector<std::shared_ptr<const SessionRequest>> requests;
  std::vector<SyncPoint> syncs;
  std::vector<EndedSubscription> ended;

  bool empty() const {
    return runs.empty() && requests.empty() && syncs.empty() &&
           ended.empty();
  }
  void Clear() {
    runs.clear();
    requests.clear();
    syncs.clear();
    ended.clear();
  }
};

// The receiving end of one subscription, or of all those of a session. Dropping
// it unsubscribes, or leaves the session without a stream.
//
// One consumer at a time calls Take; the rest is thread-safe.
class EventStream {
 public:
  virtual ~EventStream() = default;

  // Takes what is waiting, up to about `max_bytes` and `max_events` (at least
  // one event if any is waiting), without waiting for more; it may read a
  // snapshot or the history. `now` is for heartbeats.
  //   true: `*parcel` was filled.
  //   false: nothing is waiting now; the ready callback will be called when
  //     there is.
  // After the last parcel an error says why the stream ended: UNAVAILABLE /
  // SHUTTING_DOWN; for a session ABORTED / SESSION_TAKEN (another stream has
  // it) or NOT_FOUND / SESSION_LOST (it was closed); for a subscription that is
  // a stream of its own, what it ended with.
  virtual absl::StatusOr<bool> Take(size_t max_bytes, size_t max_events,
                                    absl::Duration now, Parcel* parcel) = 0;

  // Whether Take may have to wait for a network: it is to read a snapshot that
  // touches a mount which takes long to read, or may find that it is.
  virtual bool MayWait() const { return false; }

  // Whether Take would give a heartbeat now, though nothing waits. Cheap: no
  // lock.
  virtual bool HeartbeatDue(absl::Duration now) const = 0;
};

// Called when a stream whose Take returned false has something again: events or
// its end. On any thread, holding no lock: must not block, and must not call
// Take.
using ReadyCallback = absl::AnyInvocable<void()>;

}  // namespace restate

#endif  // RESTATE_ENGINE_SUBSCRIPTION_EVENT_STREAM_H_
