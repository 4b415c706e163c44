#ifndef RESTATE_ENGINE_SUBSCRIPTION_SUBSCRIPTION_PROGRESS_H_
#define RESTATE_ENGINE_SUBSCRIPTION_SUBSCRIPTION_PROGRESS_H_

#include <atomic>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "engine/backend/backend.h"
#include "engine/commit/published_state.h"
#include "engine/path/path.h"
#include "engine/subscription/event.h"
#include "engine/subscription/event_bundle.h"
#include "engine/subscription/event_stream.h"
#include "engine/subscription/initial_events.h"
#include "engine/subscription/parked_events.h"
#include "engine/subscription/reset_floors.h"
#include "engine/subscription/resume_position.h"
#include "engine/subscription/subtree_reset.h"

namespace restate {

class Subscription;

// What goes with the first of several events that were parked together.
struct CoalescedGroup {
  // The last of them that stands for others, which are missing before it.
  Revision through = 0;
  // To be told before the event.
  std::optional<EventGap> gap;
};

// Null if nobody's place was taken: then nothing is missing. With a gap if
// `announced`.
std::unique_ptr<CoalescedGroup> GroupOf(const ParkedEvents& parked,
                                        bool announced);

// Something in a receiver's queue.
struct QueueEntry {
  enum class Kind {
    kEvent,
    // `bundle`: several at once.
    kBundle,
    // The subscription is live as of `revision`.
    kSynced,
    // `reset`: what it knew below a path no longer holds.
    kReset,
    // The subscription ends with `status`.
    kEnd,
    // Everything up to `revision` was queued before; `sync_id`.
    kSync,
    // `request`, unless it is withdrawn.
    kRequest,
  };
  Kind kind = Kind::kEvent;
  // None for kSync and kRequest.
  Subscription* subscription = nullptr;
  // Of a bundle: its first.
  Revision revision = 0;
  Event event;
  std::shared_ptr<const EventBundle> bundle;
  std::shared_ptr<const SubtreeReset> reset;
  std::unique_ptr<CoalescedGroup> coalesced;
  // Counted in the bound of the queue; 0 for what was read from the history.
  size_t bytes = 0;
  absl::Status status;
  int64_t sync_id = 0;
  std::shared_ptr<SessionRequest> request;
  // While it is held: how many were before, and itself.
  uint64_t held_number = 0;

  // How many it stands for.
  size_t weight() const { return bundle == nullptr ? 1 : bundle->size(); }
};

// The events of a bundle, each with an entry of its own.
std::vector<QueueEntry> EntriesOf(const QueueEntry& bundle);

// A snapshot that is being handed over: at the beginning, or because what was known
// no longer holds, everywhere or below a path.
struct InitialPhase {
  // Everything that matches, as of `state`.
  InitialPhase(std::shared_ptr<const PublishedState> state,
               const std::vector<PathPattern>& patterns);
  // What matches below the path of a reset: what its commit kept, or, if there is
  // a `state`, as of that.
  InitialPhase(std::shared_ptr<const SubtreeReset> of,
               std::shared_ptr<const PublishedState> state,
               const std::vector<PathPattern>& patterns);

  // Of a subtree; else null.
  const std::shared_ptr<const SubtreeReset> subtree;
  const std::shared_ptr<const Snapshot> tree;
  const Revision revision;
  InitialEvents events;
  // Whether something is to be forgotten.
  bool is_reset = false;
  // Told with the first batch.
  std::optional<EventReset> reset;
  std::optional<EventGap> gap;
};

// How far a subscription has come. All of it belongs to its Receiver, which
// guards the first part by its mutex and the second by its take mutex.
struct SubscriptionProgress {
  enum class Mode {
    // The sequencer queues its events.
    kLive,
    // It reads the history; what the sequencer has for it is only noted.
    kReplaying,
    // No more.
    kEnded,
  };

  // ---- Guarded by Receiver::mutex_.
  Mode mode = Mode::kLive;
  // Commits up to this one are told from elsewhere: the sequencer's are
  // dropped.
  Revision skip_through = 0;
  // The last commit with events for it that was not queued.
  Revision missed_through = 0;
  // The history is read once this many entries have left the queue.
  uint64_t replay_after_entry = 0;
  // If it ended because it was slow: the first commit that was dropped, in whole or
  // in part.
  Revision lost_from = 0;
  // Everything up to here was told or queued, or has been read from the history.
  ResumePosition replay_from;
  // Everything up to here was handed over.
  ResumePosition told;
  // `told` is of the epoch that the subscription asked for, not of this one.
  bool told_elsewhere = false;
  // Whether `synced` is still to be told.
  bool announces_synced = false;
  // All of commits behind what was queued: a commit is parked or queued whole, but
  // for one with a reset, which is queued from there on.
  ParkedEvents parked;
  // The last commit of which a reset was queued.
  Revision reset_revision = 0;
  // Of the minimum interval: nothing passes before; what belongs to
  // `released_revision` passes all the same.
  absl::Duration next_release = -absl::InfiniteDuration();
  Revision released_revision = 0;
  int64_t dropped = 0;

  // ---- Guarded by Receiver::take_mutex_.
  std::unique_ptr<InitialPhase> initial;
  // What the snapshot shows: events up to here are dropped.
  Revision drop_through = 0;
  // The same below paths: what resets have shown.
  ResetFloors floors;
  // Whether `synced` was told: it is, once.
  bool synced_told = false;
  // Events that wait for an interceptor, and those behind them. Nearly always
  // empty, and a list takes nothing then.
  std::list<QueueEntry> held;
  // To be told with the next event.
  std::optional<EventGap> gap;
  // Of the groups that have left the queue in part: up to here something may be
  // missing that a later event stands for.
  Revision coalesced_through = 0;
  absl::Duration last_sent = -absl::InfiniteDuration();

  // ---- Thread-safe.
  std::atomic<int64_t> queued_events = 0;
  std::atomic<int64_t> queued_bytes = 0;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_SUBSCRIPTION_SUBSCRIPTION_PROGRESS_H_
