#ifndef RESTATE_ENGINE_SUBSCRIPTION_INTERCEPTIONS_H_
#define RESTATE_ENGINE_SUBSCRIPTION_INTERCEPTIONS_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "engine/client/client_accounts.h"
#include "engine/measure/counter.h"
#include "engine/path/path.h"
#include "engine/subscription/bubble_gate.h"
#include "engine/sync/mutex.h"

namespace restate {

// Bounds of interception.
struct InterceptionLimits {
  // How long an interceptor may take for its answer.
  absl::Duration timeout = absl::Seconds(5);
  // Unanswered events of one subscription; what comes beyond goes on by itself.
  size_t max_pending = 1'000;
};

// The operations that somebody may still stop from bubbling.
//
// An operation is opened with all its levels by the sequencer, before any of its
// events can be taken. Its lowest level that has not let it pass is the one that
// is asked; a level has answered when all its interceptors have, or one has said
// stop, or its deadline has passed. A stop is recorded in the history before it
// takes effect, so that a replay shows what the stream showed.
//
// Times are of the monotonic clock. Thread-safe. The mutex is held for bookkeeping only; waiters are poked after.
class Interceptions {
 public:
  // `record_stop` brings a stop into the history and then calls StopRecorded;
  // it is called holding no lock.
  using RecordStop =
      std::function<void(std::shared_ptr<BubbleGate> gate, size_t level,
                         const Path& place)>;
  Interceptions(InterceptionLimits limits, RecordStop record_stop)
      : limits_(limits), record_stop_(std::move(record_stop)) {}

  // Whether one more event of the subscription may be intercepted.
  bool HasRoom(int64_t subscription_id) const;
  // Adds an interceptor at `place` to a gate that is not open yet; a place above
  // the last one is a new level. It counts on `account`, unless that is null.
  // Gives its ack id.
  uint64_t AddInterceptor(const std::shared_ptr<BubbleGate>& gate,
                          const Path& place, int64_t subscription_id,
                          const std::shared_ptr<ClientAccount>& account =
                              nullptr);
  // All levels are there: the first deadline runs.
  void Open(const std::shared_ptr<BubbleGate>& gate, absl::Duration now);

  // An operation that is still open, or null.
  std::shared_ptr<BubbleGate> Find(Revision revision, int32_t index) const;
  // How many levels of the gate are below `place`.
  size_t LevelsBelow(const BubbleGate& gate, const Path& place) const;

  // Answers. Gives the ids that are unknown, or too late.
  struct Answer {
    uint64_t ack_id = 0;
    bool stop = false;
  };
  std::vector<uint64_t> Take(absl::Span<const Answer> answers,
                             absl::Duration now);
  // Nobody will answer these.
  void GoOn(absl::Span<const uint64_t> ack_ids, absl::Duration now);
  // Nobody will answer anything of this subscription.
  void Forget(int64_t subscription_id, absl::Duration now);
  // The stop of a level is in the history.
  void StopRecorded(const std::shared_ptr<BubbleGate>& gate, size_t level);
  // Lets go on what is overdue.
  void Tick(absl::Duration now);

  // Notes that `waiter` waits for the gate at `level`. False if there is nothing
  // to wait for any more.
  bool Wait(const std::shared_ptr<BubbleGate>& gate, size_t level,
            const std::shared_ptr<GateWaiter>& waiter);

  size_t pending() const;
  // Intercepted events whose answer did not come in time.
  const Counter& timeouts() const { return timeouts_; }
  size_t pending_of(int64_t subscription_id) const;

 private:
  struct Pending {
    std::shared_ptr<BubbleGate> gate;
    size_t level = 0;
    int64_t subscription_id = 0;
    Hold hold;
  };
  struct Deadline {
    absl::Duration at;
    std::shared_ptr<BubbleGate> gate;
    size_t level = 0;
  };
  // What is to be done once the mutex is free.
  struct Aftermath {
    std::vector<std::shared_ptr<GateWaiter>> wake;
    struct Stop {
      std::shared_ptr<BubbleGate> gate;
      size_t level;
      Path place;
    };
    std::vector<Stop> stops;
  };

  bool AnswerLocked(uint64_t ack_id, bool stop, absl::Duration now,
                    Aftermath* after) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Moves past levels that have nothing open.
  void AdvanceLocked(const std::shared_ptr<BubbleGate>& gate,
                     absl::Duration now, Aftermath* after) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ForgetAckLocked(uint64_t ack_id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Closes the gate: nothing of it is pending any more.
  void CloseLocked(const std::shared_ptr<BubbleGate>& gate)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  static void CollectWaiters(BubbleGate* gate, Aftermath* after);
  void Do(const Aftermath& after);

  const InterceptionLimits limits_;
  const RecordStop record_stop_;
  Counter timeouts_;

  mutable Mutex mutex_;
  uint64_t last_ack_id_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::flat_hash_map<std::pair<Revision, int32_t>,
                      std::shared_ptr<BubbleGate>>
      gates_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<uint64_t, Pending> pending_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<int64_t, absl::btree_set<uint64_t>> of_subscription_
      ABSL_GUARDED_BY(mutex_);
  // In order.
  std::deque<Deadline> deadlines_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace restate

#endif  // RESTATE_ENGINE_SUBSCRIPTION_INTERCEPTIONS_H_
