#ifndef RESTATE_ENGINE_COMMIT_COMMIT_QUEUE_H_
#define RESTATE_ENGINE_COMMIT_COMMIT_QUEUE_H_

#include <cstddef>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "engine/client/client_id.h"
#include "engine/clock/clock.h"
#include "engine/commit/commit_request.h"
#include "engine/commit/fair_queue.h"
#include "engine/commit/large_commit_pace.h"
#include "engine/measure/counter.h"
#include "engine/sync/mutex.h"

namespace restate {

// How much may wait.
struct CommitQueueBounds {
  size_t commits = 100'000;
  size_t bytes = size_t{256} << 20;
  // Of one client for which such bounds hold.
  size_t commits_per_client = 25'000;
  size_t bytes_per_client = size_t{64} << 20;
};

// How much is taken at once: a batch ends before the commit that would pass one of
// these, unless it is the first. What comes meanwhile waits for all of it.
struct BatchBounds {
  size_t commits = 4'096;
  size_t operations = 2'000;
  size_t bytes = size_t{4} << 20;
  // While nobody writes little, a batch may have so many times the operations and
  // bytes, which share one fsync.
  size_t times_in_bulk = 4;
  // A commit of fewer operations is little, and counts for so long.
  size_t few_operations = 64;
  absl::Duration bulk_after = absl::Seconds(1);
};

// What waits for the sequencer: commits, bounded in number and bytes, of which
// clients take turns (FairQueue), and tasks that are to run between two batches.
// Large commits wait apart from the others, are batches by themselves, and have
// their pace (LargeCommitPace).
// Commits that take long can be set aside, and then come one at a time: the next
// when the one before is done with. Thread-safe.
class CommitQueue {
 public:
  // What is there to do.
  struct Work {
    std::vector<absl::AnyInvocable<void()>> tasks;
    std::vector<QueuedCommit> commits;
    // One of those that were set aside, to be sequenced after the others. To be
    // followed by PutBack or EndApart.
    std::optional<QueuedCommit> apart;
    // Of TakeAllWithin: all of them.
    std::vector<QueuedCommit> aside;
    // Nothing more will come, and this is the last of it.
    bool finished = false;
  };

  // `clock` outlives the queue.
  CommitQueue(CommitQueueBounds bounds, const Clock* clock)
      : bounds_(bounds), clock_(clock) {}

  // Takes `commit`, or leaves it with RESOURCE_EXHAUSTED / QUEUE_FULL or
  // UNAVAILABLE / SHUTTING_DOWN. One that is larger than all that may wait is
  // taken when nothing else waits.
  absl::Status Push(QueuedCommit& commit);
  // UNAVAILABLE / SHUTTING_DOWN after Stop; the task is left.
  absl::Status PushTask(absl::AnyInvocable<void()>& task);

  // Puts a commit back that was taken, behind all that are aside. It counts among
  // those that wait.
  void SetAside(QueuedCommit commit);
  // The one that came from aside is to come again, before the others there.
  void PutBack(QueuedCommit commit);
  // It is done with.
  void EndApart();

  // Waits for work, at most a batch of it and one from aside. Tasks come first.
  Work Take(const BatchBounds& batch);
  // Everything that is there now, aside or not, or has come when `timeout` is
  // over or Stop is called. It is finished also if one from aside is still to be
  // put back.
  Work TakeAllWithin(absl::Duration timeout);

  // How much waits.
  struct Waiting {
    size_t commits = 0;
    size_t bytes = 0;
  };
  Waiting waiting() const;
  // How often a commit was refused because too much waited: of its client, and of
  // all.
  const Counter& refused_of_client() const { return refused_of_client_; }
  const Counter& refused_of_all() const { return refused_of_all_; }

  // Refuses what comes from now on.
  void Stop();
  bool stopped() const;

 private:
  // Waits a moment for about as many commits as the last batch had: the writers
  // it answered are about to come back, and a batch costs one fsync whether it
  // has one commit or a hundred. A lone writer never waits here.
  void GatherLocked(const BatchBounds& batch)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Work TakeLocked(const BatchBounds& batch)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // As much of the others as a batch may have.
  void TakeFromOthersLocked(const BatchBounds& batch, Work* work)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // A large one, or what has come behind one in its order.
  void TakeFromLargeLocked(const BatchBounds& batch, Work* work)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Whether the next batch is to be one of those; if not, `*wait` is how long they
  // have to wait, infinite if there is none.
  bool IsLargeNextLocked(absl::Duration* wait)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Whether `waiting` leaves no room for `bytes` more.
  static bool IsFull(const Waiting& waiting, size_t bytes, size_t max_commits,
                     size_t max_bytes);
  // Counts a commit that has come, or gone.
  void AddLocked(const CommitRequest& request)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void SubtractLocked(const CommitRequest& request)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  QueuedCommit PopAsideLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Whether there is one from aside to be taken.
  bool HasApartLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return !aside_.empty() && !apart_taken_;
  }
  // Whether there is nothing to do, nor the end.
  bool IdleLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return commits_.empty() && tasks_.empty() && !HasApartLocked() &&
           !(stopped_ && (!apart_taken_ || !large_.empty()));
  }

  const CommitQueueBounds bounds_;
  const Clock* const clock_;
  Counter refused_of_client_;
  Counter refused_of_all_;
  mutable Mutex mutex_;
  CondVar wake_;
  FairQueue commits_ ABSL_GUARDED_BY(mutex_);
  // The large ones, and what is behind them in its order.
  FairQueue large_ ABSL_GUARDED_BY(mutex_);
  LargeCommitPace pace_ ABSL_GUARDED_BY(mutex_);
  // When somebody has written little.
  absl::Duration few_taken_ ABSL_GUARDED_BY(mutex_) =
      -absl::InfiniteDuration();
  // Whether the last batch was a large one, and whether it is not done with.
  bool large_taken_ ABSL_GUARDED_BY(mutex_) = false;
  bool large_runs_ ABSL_GUARDED_BY(mutex_) = false;
  std::deque<QueuedCommit> aside_ ABSL_GUARDED_BY(mutex_);
  // Whether one that came from there is not done with.
  bool apart_taken_ ABSL_GUARDED_BY(mutex_) = false;
  Waiting waiting_now_ ABSL_GUARDED_BY(mutex_);
  // The part of each client that has any, and for which bounds hold.
  absl::flat_hash_map<ClientId, Waiting> of_clients_ ABSL_GUARDED_BY(mutex_);
  std::vector<absl::AnyInvocable<void()>> tasks_ ABSL_GUARDED_BY(mutex_);
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  // Whether the sequencer sleeps in Take until there are `wanted_` commits or
  // anything else: otherwise nobody needs to be woken.
  bool waiting_ ABSL_GUARDED_BY(mutex_) = false;
  size_t wanted_ ABSL_GUARDED_BY(mutex_) = 1;
  // How many commits the last batch had.
  size_t last_taken_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_COMMIT_COMMIT_QUEUE_H_
