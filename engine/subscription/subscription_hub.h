#ifndef RESTATE_ENGINE_SUBSCRIPTION_SUBSCRIPTION_HUB_H_
#define RESTATE_ENGINE_SUBSCRIPTION_SUBSCRIPTION_HUB_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "engine/client/client_accounts.h"
#include "engine/clock/clock.h"
#include "engine/commit/sequencer.h"
#include "engine/subscription/event_router.h"
#include "engine/subscription/event_stream.h"
#include "engine/subscription/interceptions.h"
#include "engine/subscription/receiver.h"
#include "engine/subscription/subscription.h"
#include "engine/subscription/subscription_counters.h"
#include "engine/sync/mutex.h"

namespace restate {

// Who listens to one sequencer: brings subscriptions into the router's index
// between two batches, and out of it again, and knows all of them.
//
// Thread-safe. Lock order: mutex_ before a Receiver's; never held while the
// sequencer is waited for.
class SubscriptionHub {
 public:
  // The listener of the sequencer that Start is given.
  SubscriptionHub(InterceptionLimits limits, const Clock* clock);
  SubscriptionHub(const SubscriptionHub&) = delete;
  SubscriptionHub& operator=(const SubscriptionHub&) = delete;

  CommitListener* listener() { return &core_->router; }
  // Once, before anything below.
  void Start(std::shared_ptr<Sequencer> sequencer);

  // What it holds is on `account`.
  std::shared_ptr<Receiver> NewReceiver(
      size_t max_queue_bytes, std::shared_ptr<ClientAccount> account);
  // The receiver's stream, alone: dropping it ends its subscription.
  std::unique_ptr<EventStream> StreamOf(std::shared_ptr<Receiver> receiver,
                                        uint64_t stream, int64_t id);

  struct Added {
    int64_t id = 0;
    // Live, or resumed, as of this revision.
    Revision revision = 0;
  };
  // Whether there must be room for it on the receiver's account, or the caller
  // ends another whose place it takes.
  enum class Room { kMustBe, kIsTakenOver };
  // Subscribes between two batches; blocks until the one at hand is done.
  //   RESOURCE_EXHAUSTED / TOO_MANY_SUBSCRIPTIONS, TOO_MANY_PATTERNS
  //   OUT_OF_RANGE / EPOCH_CHANGED, REVISION_IN_FUTURE, HISTORY_COMPACTED
  //   UNAVAILABLE / SHUTTING_DOWN
  absl::StatusOr<Added> Add(const std::shared_ptr<Receiver>& receiver,
                            SubscriptionSpec spec, std::string session_id,
                            std::string callback_id, Room room = Room::kMustBe);
  // Ends a subscription; no error if it is over.
  void Remove(int64_t id);

  // Puts a sync point behind everything up to `revision`; calls `done` when it
  // has its place. OUT_OF_RANGE / REVISION_IN_FUTURE; RESOURCE_EXHAUSTED /
  // QUEUE_FULL if kMaxSyncs have not been read; UNAVAILABLE / OUTCOME_UNKNOWN,
  // SHUTTING_DOWN.
  void Sync(const std::shared_ptr<Receiver>& receiver, Revision revision,
            absl::AnyInvocable<void(absl::StatusOr<int64_t>)> done);

  // Every stream ends with `why` after what it holds.
  void EndAll(const absl::Status& why);
  void Tick(absl::Duration now);

  Interceptions& interceptions() { return *core_->interceptions; }
  Sequencer& sequencer() { return *core_->sequencer; }
  std::vector<SubscriptionStatus> List(const std::string& session_id,
                                       int64_t after_id, size_t limit) const;
  size_t count() const;
  const SubscriptionCounters& counters() const { return *core_->counters; }
  // What waits for subscribers and sessions: for all together, and for the one
  // that most waits for.
  struct QueuedBytes {
    size_t total = 0;
    size_t largest = 0;
  };
  QueuedBytes queued_bytes() const;

 private:
  struct Entry {
    std::shared_ptr<Subscription> subscription;
    std::shared_ptr<Receiver> receiver;
    Hold subscriptions;
    Hold patterns;
  };

  // What streams need after the hub may be gone.
  struct Core : std::enable_shared_from_this<Core> {
    // Ends what it knows of a subscription.
    void Forget(int64_t id);

    // The sequencer's thread alone.
    EventRouter router;
    std::shared_ptr<Sequencer> sequencer;
    std::shared_ptr<Interceptions> interceptions;
    const Clock* clock = nullptr;
    const std::shared_ptr<SubscriptionCounters> counters =
        std::make_shared<SubscriptionCounters>();

    mutable Mutex mutex;
    int64_t last_id ABSL_GUARDED_BY(mutex) = 0;
    int64_t last_sync_id ABSL_GUARDED_BY(mutex) = 0;
    absl::btree_map<int64_t, Entry> subscriptions ABSL_GUARDED_BY(mutex);
    // Those with subscriptions that have a minimum interval, by subscription.
    absl::flat_hash_map<int64_t, std::weak_ptr<Receiver>> paced
        ABSL_GUARDED_BY(mutex);
    absl::flat_hash_map<const Receiver*, std::weak_ptr<Receiver>> receivers
        ABSL_GUARDED_BY(mutex);
  };
  class PlainStream;

  static void RecordStop(const std::weak_ptr<Core>& core,
                         std::shared_ptr<BubbleGate> gate, size_t level,
                         const Path& place);

  const std::shared_ptr<Core> core_;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_SUBSCRIPTION_SUBSCRIPTION_HUB_H_
