#ifndef RESTATE_ENGINE_SUBSCRIPTION_RECEIVER_H_
#define RESTATE_ENGINE_SUBSCRIPTION_RECEIVER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "engine/client/client_accounts.h"
#include "engine/commit/published_state.h"
#include "engine/commit/sequencer.h"
#include "engine/history/history.h"
#include "engine/subscription/bubble_gate.h"
#include "engine/subscription/event_stream.h"
#include "engine/subscription/interceptions.h"
#include "engine/subscription/parcel_builder.h"
#include "engine/subscription/subscription.h"
#include "engine/subscription/subscription_counters.h"
#include "engine/sync/mutex.h"

namespace restate {

// What receivers work with; shared, since streams may outlive the controller.
struct ReceiverParts {
  std::shared_ptr<Sequencer> sequencer;
  std::shared_ptr<Interceptions> interceptions;
  // The last commit whose events are all in the queues.
  std::shared_ptr<const std::atomic<Revision>> routed;
  const Clock* clock = nullptr;
  std::shared_ptr<SubscriptionCounters> counters;
  // A subscription has ended from this side: nobody routes to it any more.
  // Called by the consumer.
  std::function<void(const std::shared_ptr<Subscription>&)> ended;
};

// Sync points of one receiver that may wait. A client with more does not read its
// session.
inline constexpr size_t kMaxSyncs = 10'000;

// One end that listens: a plain subscription, or a session with all of its own.
// Between the sequencer, which fills its bounded queue, and one consumer, which
// empties it.
//
// Where the events of a subscription come from, in this order:
//
//   its snapshot     if it began with one, or lost track
//   the queue        what the sequencer put there: whole commits
//   the history      after a token, and whenever the queue was full: the
//                    sequencer then only notes that there was something; when
//                    the history shows nothing that was missed, the sequencer's
//                    events are queued again
//
// Events that wait for an interceptor are held back, with all that follow of the
// same subscription, and with them the events of the same operations for other
// subscriptions: those of one operation leave in their order, deepest first,
// whoever they are for. Other operations go on.
//
// Begin, Stage and Flush belong to the sequencer's thread; Take to one
// consumer at a time, which the take mutex sees to when a session changes hands;
// the rest is thread-safe. Lock order: take_mutex_, mutex_; nothing is called
// while mutex_ is held, nothing of another receiver while take_mutex_ is.
class Receiver final : public GateWaiter,
                       public std::enable_shared_from_this<Receiver> {
 public:
  Receiver(ReceiverParts parts, size_t max_queue_bytes,
           std::shared_ptr<ClientAccount> account)
      : parts_(std::move(parts)),
        max_queue_bytes_(max_queue_bytes),
        account_(std::move(account)) {}
  ~Receiver() override {
    account_->Subtract(Holding::kQueuedBytes, settled_bytes_);
  }

  // Whose it is.
  const std::shared_ptr<ClientAccount>& account() const { return account_; }

  // ---- The sequencer's thread.

  // A subscription begins, as of `state`, and is in the index from now on.
  // OUT_OF_RANGE / REVISION_IN_FUTURE, HISTORY_COMPACTED.
  absl::Status Begin(const std::shared_ptr<Subscription>& subscription,
                     std::shared_ptr<const PublishedState> state);
  // Whether somebody would answer for an intercepted event.
  bool CanIntercept(Subscription* subscription);
  // Notes an event. True if it is the first since the last Flush.
  bool Stage(Subscription* subscription, Event event) {
    staged_.push_back(QueueEntry{.subscription = subscription,
                                 .revision = event.emission().revision,
                                 .event = std::move(event)});
    return staged_.size() == 1;
  }
  // Notes several, of whole commits: for the only subscription.
  bool StageBundle(Subscription* subscription,
                   std::shared_ptr<const EventBundle> bundle);
  // Notes that what the subscription knows below a path no longer holds; once,
  // however often it is said of one operation.
  bool StageReset(Subscription* subscription,
                  const std::shared_ptr<const SubtreeReset>& reset);
  // Queues what was staged, commit by commit, and wakes the consumer.
  void Flush();
  // Everything of the batch is in the queues: who reads the history may go on.
  void AllRouted();

  // ---- Anybody.

  // Forgets a subscription: no event of it is handed over any more.
  void Drop(const std::shared_ptr<Subscription>& subscription);
  // Asks the client for something, behind what is queued; or, if that is
  // urgent, before it.
  void Ask(std::shared_ptr<SessionRequest> request, bool urgent);
  // Whether fewer than kMaxSyncs wait to be read.
  bool HasRoomForSync() const {
    return syncs_.load(std::memory_order_relaxed) < kMaxSyncs;
  }
  // Puts a sync point behind what is queued.
  void AddSync(SyncPoint sync);
  // No more events; the stream ends with `why` after what is queued.
  void End(absl::Status why);
  // Queues what minimum intervals held back and is due.
  void ReleaseDue(absl::Duration now);
  // Something a held event waits for has changed.
  void Poke() override;
  SubscriptionStatus StatusOf(Subscription* subscription);
  // What waits.
  size_t queued_bytes() const {
    return queued_bytes_.load(std::memory_order_relaxed);
  }

  // ---- The consumer.

  // Begins a stream; the one before, if any, ends with ABORTED / SESSION_TAKEN.
  // Gives the number to call Take with.
  uint64_t Attach(ReadyCallback ready);
  // The stream is gone.
  void Detach(uint64_t stream);
  // EventStream::Take and HeartbeatDue.
  absl::StatusOr<bool> Take(uint64_t stream, size_t max_bytes,
                            size_t max_events, absl::Duration now,
                            Parcel* parcel);
  // EventStream::MayWait.
  bool MayWait() const;
  bool HeartbeatDue(absl::Duration now) const {
    return absl::ToInt64Milliseconds(now) >=
           next_heartbeat_.load(std::memory_order_relaxed);
  }

 private:
  using Mode = SubscriptionProgress::Mode;
  // Events of one commit, in order.
  using Commit = absl::Span<QueueEntry>;
  // What held events belong to: a revision and an index.
  using HeldOperation = std::pair<Revision, int32_t>;
  struct HeldEvent {
    uint64_t number;
    // Of where it is told.
    size_t depth;
  };

  // receiver_queue.cc: the sequencer's side.
  // What is not in bundles, by revision.
  void QueueCommits(absl::Span<QueueEntry> entries,
                    std::vector<uint64_t>* unanswerable)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void QueueCommit(Commit commit, std::vector<uint64_t>* unanswerable)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Behind what is parked, which it must not overtake.
  void QueueResetLocked(QueueEntry entry, bool overflows,
                        std::vector<uint64_t>* unanswerable)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Of a reset and what is behind it in its commit: in a coalescing subscription
  // too, up to twice the bound.
  void PushWholeLocked(QueueEntry entry, bool overflows,
                       std::vector<uint64_t>* unanswerable)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // From `lost_from` on it is told no more.
  void EndSlowLocked(Subscription* subscription, Revision lost_from,
                     std::string_view why)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OverflowLocked(QueueEntry entry, std::vector<uint64_t>* unanswerable)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void PushLocked(QueueEntry entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void SetReplayingLocked(Subscription* subscription, Revision after)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The callback to be called once the mutex is free, if the consumer waits.
  std::shared_ptr<ReadyCallback> WakeLocked()
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // receiver_parking.cc: what later events may take the place of.
  // Whether a minimum interval holds the event back.
  bool IsPaced(Subscription* subscription, const QueueEntry& entry);
  void ParkLocked(QueueEntry entry, std::vector<uint64_t>* unanswerable)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void UnparkLocked(absl::Span<Subscription* const> subscriptions)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // receiver_take.cc: the consumer's side.
  absl::Status BeginTake(uint64_t stream, ParcelBuilder* out)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(take_mutex_);
  void TakeInitials(ParcelBuilder* out)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(take_mutex_);
  // False when it is over.
  bool TakeInitial(Subscription* subscription, ParcelBuilder* out)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(take_mutex_);
  bool TakeQueued(ParcelBuilder* out)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(take_mutex_);
  void Handle(QueueEntry entry, ParcelBuilder* out)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(take_mutex_);
  // Whether an event may be told now; drops it if it never may.
  enum class Admission { kTold, kDropped, kHeld };
  Admission Admit(QueueEntry* entry, ParcelBuilder* out)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(take_mutex_);
  // Whether so much more would be too much to wait, here or for the client.
  bool Overflows(size_t bytes) const;
  // Brings what waits here into the client's account: once for many events.
  void SettleBytes();
  // It has left the queue, told or not.
  void Account(const QueueEntry& entry);
  void DropEntry(const QueueEntry& entry);
  void PassSyncs(ParcelBuilder* out)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(take_mutex_);
  bool IsBehind(Revision revision)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(take_mutex_);
  void AddHeartbeats(absl::Duration now, Revision routed, ParcelBuilder* out)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(take_mutex_);
  void EndSubscription(Subscription* subscription, absl::Status status,
                       ParcelBuilder* out)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(take_mutex_);
  void Purge(Subscription* subscription)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(take_mutex_);

  // receiver_complete.cc: revisions and tokens.
  void Complete(absl::Duration now, Revision routed, ParcelBuilder* out)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(take_mutex_);
  void CompleteRun(size_t i, Revision routed, ParcelBuilder* out)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(take_mutex_, mutex_);
  // Whether more of `revision` may follow run `i`, which ends with some of it.
  bool EndsInside(size_t i, Revision revision, ParcelBuilder* out)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(take_mutex_, mutex_);
  // Whether nothing waits anywhere for a subscription.
  bool IsIdle(const SubscriptionProgress& progress) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(take_mutex_, mutex_);

  // receiver_bundles.cc: several events in one entry.
  void QueueBundle(QueueEntry entry, std::vector<uint64_t>* unanswerable)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Puts the events of a bundle in its place at the front of the queue.
  void ExpandFrontLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Hands a bundle over as it is, or event by event if it must be.
  void HandleBundle(QueueEntry entry, ParcelBuilder* out)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(take_mutex_);

  // receiver_hold.cc: what waits for an interceptor, and what is behind that.
  static HeldOperation OperationOf(const QueueEntry& entry) {
    return {entry.revision, entry.event.emission().index};
  }
  void Hold(QueueEntry entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(take_mutex_);
  // Whether an event of the same operation that came before, as deep or deeper,
  // is held. One that is not as deep may itself wait for this one's answer.
  bool FollowsHeld(const QueueEntry& entry) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(take_mutex_);
  // It is held no more.
  void ForgetHeld(HeldOperation operation, uint64_t number)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(take_mutex_);
  void ReleaseHeld(ParcelBuilder* out)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(take_mutex_);

  // receiver_replay.cc: reading the history.
  bool ReadHistory(ParcelBuilder* out)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(take_mutex_);
  void HistoryFailed(absl::Span<Subscription* const> members,
                     const absl::Status& status, ParcelBuilder* out)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(take_mutex_);

  // receiver_resets.cc: what was known no longer holds.
  // Below a path: begins again there, with what is there.
  void BeginReset(Subscription* subscription,
                  const std::shared_ptr<const SubtreeReset>& reset)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(take_mutex_);
  // Anywhere, after `after`: begins again with a snapshot.
  void StartOver(Subscription* subscription, Revision after)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(take_mutex_);
  // A snapshot has been handed over whole, with this run.
  void EndInitial(Subscription* subscription, EventBatch* batch, RunNote* note)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(take_mutex_);

  const ReceiverParts parts_;
  const size_t max_queue_bytes_;
  const std::shared_ptr<ClientAccount> account_;

  // The sequencer's.
  std::vector<QueueEntry> staged_;

  Mutex take_mutex_;
  // Read from the history, not handled yet.
  std::deque<QueueEntry> replayed_ ABSL_GUARDED_BY(take_mutex_);
  // Those with an initial phase, and those that hold events back.
  std::vector<Subscription*> initial_ ABSL_GUARDED_BY(take_mutex_);
  std::vector<Subscription*> holding_ ABSL_GUARDED_BY(take_mutex_);
  // The held events of each operation, by number. What is held is let go in the
  // order of the numbers.
  absl::flat_hash_map<HeldOperation, std::deque<HeldEvent>> held_events_
      ABSL_GUARDED_BY(take_mutex_);
  uint64_t last_held_ ABSL_GUARDED_BY(take_mutex_) = 0;
  std::vector<SyncPoint> waiting_syncs_ ABSL_GUARDED_BY(take_mutex_);
  // The queue had its turn: the history is next.
  bool history_next_ ABSL_GUARDED_BY(take_mutex_) = false;
  // Kept for its memory.
  std::vector<QueueEntry> taken_ ABSL_GUARDED_BY(take_mutex_);
  // Whose Take it is.
  uint64_t taking_stream_ ABSL_GUARDED_BY(take_mutex_) = 0;

  mutable Mutex mutex_;
  std::deque<QueueEntry> queue_ ABSL_GUARDED_BY(mutex_);
  // To be sent before the queue.
  std::vector<std::shared_ptr<SessionRequest>> urgent_ ABSL_GUARDED_BY(mutex_);
  // How many entries were ever put into the queue, and taken out; a bundle is as
  // many as it has events.
  uint64_t pushed_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t popped_ ABSL_GUARDED_BY(mutex_) = 0;
  // `pushed_` behind what was parked and has been queued since: it is older than
  // sync points that were taken out before.
  uint64_t unparked_end_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::btree_map<int64_t, std::shared_ptr<Subscription>> subscriptions_
      ABSL_GUARDED_BY(mutex_);
  // Began with a snapshot; not seen by the consumer yet.
  std::vector<Subscription*> starting_ ABSL_GUARDED_BY(mutex_);
  std::vector<Subscription*> replaying_ ABSL_GUARDED_BY(mutex_);
  // Those with parked events.
  std::vector<Subscription*> parking_ ABSL_GUARDED_BY(mutex_);
  // Dropped, and kept until the consumer has forgotten them.
  std::vector<std::shared_ptr<Subscription>> dropped_ ABSL_GUARDED_BY(mutex_);
  absl::Status end_ ABSL_GUARDED_BY(mutex_);
  uint64_t stream_ ABSL_GUARDED_BY(mutex_) = 0;
  bool attached_ ABSL_GUARDED_BY(mutex_) = false;
  std::shared_ptr<ReadyCallback> ready_ ABSL_GUARDED_BY(mutex_);
  // The consumer found nothing and is to be woken.
  bool waiting_ ABSL_GUARDED_BY(mutex_) = false;
  // It is to look again although nothing was queued.
  bool poked_ ABSL_GUARDED_BY(mutex_) = false;
  // A snapshot is to be read, or may turn out to be.
  bool reads_tree_ ABSL_GUARDED_BY(mutex_) = false;

  // Of the queue and of what is held; counted until it is told.
  std::atomic<size_t> queued_bytes_ = 0;
  // What of it is in the account.
  std::atomic<size_t> settled_bytes_ = 0;
  // Sync points that have not been handed over.
  std::atomic<size_t> syncs_ = 0;
  // In milliseconds of the monotonic clock: the first that may be due.
  std::atomic<int64_t> next_heartbeat_ = INT64_MAX;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_SUBSCRIPTION_RECEIVER_H_
