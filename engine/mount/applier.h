#ifndef RESTATE_ENGINE_MOUNT_APPLIER_H_
#define RESTATE_ENGINE_MOUNT_APPLIER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "engine/backend/backend.h"
#include "engine/clock/clock.h"
#include "engine/mount/flush_schedule.h"
#include "engine/mount/pending_writes.h"
#include "engine/mount/views_in_use.h"
#include "engine/sync/mutex.h"
#include "engine/threads/job_pool.h"

namespace restate {

// What an applier works with, and its bounds.
struct ApplierOptions {
  // For messages.
  Path at;
  // Required; outlives the applier.
  Backend* backend = nullptr;
  // Required; outlives the applier.
  const Clock* clock = nullptr;
  // Required; outlives the applier.
  JobPool* jobs = nullptr;
  // As in JobPool::Add.
  std::string job_group;
  // If set, writes stay in memory until they are flushed. Otherwise they are
  // applied as soon as they are decided.
  std::optional<CachePolicy> cache;
  // What makes writes part of the store, if not Backend::ApplyPossible, and as
  // that. Called by the applier's job; may block.
  std::function<absl::Status(std::vector<Write>, Revision,
                             std::vector<LeftWrite>*)>
      apply;
  // Called by the applier's job, without a lock, when something was applied
  // or the store came or went: what TakeSnapshot and Applied give has changed.
  std::function<void()> on_change;
  // What may wait to be applied: more is refused. A cache flushes when it has
  // half of it.
  size_t max_pending_bytes = size_t{64} << 20;
  // Between attempts at a store that is down: doubled each time, with jitter.
  absl::Duration first_retry = absl::Milliseconds(50);
  absl::Duration longest_retry = absl::Seconds(5);
  // How long a reader may keep a view that must go before more is applied to a
  // store without snapshots.
  absl::Duration longest_view = absl::Seconds(60);
};

// How the writes that wait for a store are.
struct ApplierStatus {
  // OK; UNAVAILABLE / MOUNT_UNAVAILABLE while the store is down and tried
  // again; or what it refused for good.
  absl::Status health;
  // Whether it was for good.
  bool failed = false;
  // Of the writes that wait, how many the store left when it took others, and
  // the first of them. They are tried again.
  size_t stuck_writes = 0;
  std::vector<LeftWrite> stuck;
  // What waits.
  size_t pending_writes = 0;
  size_t pending_bytes = 0;
  // What has been applied.
  uint64_t applied_batches = 0;
  uint64_t failed_attempts = 0;
  Revision applied_revision = 0;
  // Since the oldest write that waits was decided; zero if none does.
  absl::Duration oldest_pending_age;
};

// How far the store is; for the journal.
struct ApplierProgress {
  // Everything up to this revision is in the store, except `left`.
  Revision through = 0;
  std::vector<Write> left;
  // Another number whenever `left` is another.
  uint64_t version = 0;
};

// Brings decided writes to a store that is not part of the commit store, by a
// job of its own, so that nobody waits for it; until then reads show them laid
// over the store. The same for a cache, which brings them later.
//
// A store that answers UNAVAILABLE is tried again until it takes them, and
// meanwhile CanTake refuses more. A store that refuses for good is left alone:
// reads keep showing what it did not take. Writes that a store leaves when it
// takes others (Backend::ApplyPossible) are stuck: they alone wait, are shown to
// readers and tried again; later writes to the same places take theirs.
//
// Add, TakeSnapshot and LetGo are the sequencer's thread's; the rest is
// thread-safe. One lock, never held while the store or a callback is called, nor
// while a snapshot is let go of.
class Applier {
 public:
  explicit Applier(ApplierOptions options);
  // Calls Stop(kAbandon).
  ~Applier();

  // OK, or why it takes no writes: UNAVAILABLE / MOUNT_UNAVAILABLE naming the
  // mount.
  absl::Status CanTake(size_t bytes) const;
  // Decided writes, in revision order.
  void Add(absl::Span<const Write> writes, Revision revision);
  // The store with everything added laid over it; or why it cannot be read.
  absl::StatusOr<std::shared_ptr<const Snapshot>> TakeSnapshot();

  // Drops what is held of the store's snapshots until TakeUp.
  void LetGo();
  void TakeUp();

  // 0 if nothing was added.
  ApplierProgress Progress() const;
  // Whether everything added is.
  bool Clean() const;
  // Whether all that waits is what the store has left when it took the rest.
  bool OnlyStuckWaits() const;
  ApplierStatus Status() const;

  // Time has passed: see whether a flush is due.
  void Tick();
  // Calls `done`, on any thread, when everything added so far is in the store,
  // or with what keeps it from getting there.
  void Flush(absl::AnyInvocable<void(absl::Status)> done);

  enum class Rest {
    // Tries once more to apply what waits.
    kApply,
    // Leaves it: it is in the journal, or given up.
    kAbandon,
  };
  // Ends the job; then nothing is applied any more. Returns what kept the
  // rest from being applied, if anything did. Called by one thread.
  absl::Status Stop(Rest rest);

 private:
  using SnapshotOr = absl::StatusOr<std::shared_ptr<const Snapshot>>;
  struct Flusher {
    // What it waits for.
    Revision through;
    absl::AnyInvocable<void(absl::Status)> done;
  };
  class NotingSnapshot;
  // That something was read, for a cache that flushes on reads.
  struct ReadMark {
    std::atomic<bool> set = false;
  };
  // What is let go of once the lock is free: the destructors of snapshots call
  // back.
  struct Garbage {
    std::shared_ptr<const Snapshot> current;
    SnapshotOr base = absl::UnknownError("");
  };

  // What is brought to the store at once.
  struct Attempt {
    std::vector<Write> writes;
    Revision through = 0;
    // Whether what is stuck is among it.
    bool stuck_too = false;
    // When views that are in the way are ended; infinite until one was seen.
    absl::Duration views_end = absl::InfiniteDuration();
  };

  // The job: does what is to be done now, and gives how long it is until there
  // is more.
  absl::Duration Step();
  Attempt NewAttempt();
  // How long to wait for views that are in the way; zero if none is any more.
  absl::Duration AwaitViews(Attempt* attempt);
  // Brings it to the store, or finds out why not.
  void Apply(Attempt attempt);
  // How long until what failed is tried again; zero if nothing has.
  absl::Duration RetryDelay();
  // Whether there is something to bring to the store at `now`.
  bool IsDue(absl::Duration now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool RetryIsDue(absl::Duration now) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // What is to be brought there: all, or what is not stuck.
  std::vector<Write> TakeWrites(bool stuck_too)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // What a later write takes the place of is not stuck any more.
  void DropStuck(const Write& later) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // After a batch of which `left` was left.
  void KeepStuck(std::vector<LeftWrite> left, bool stuck_tried)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // What keeps writes from the store now; OK if nothing does.
  absl::Status Trouble() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Takes note of how an attempt ended; `base` is what the store is now.
  void Applied(Revision through, std::vector<LeftWrite> left, bool stuck_tried,
               SnapshotOr base, Garbage* garbage)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Refused(const absl::Status& status)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Looks at the store anew.
  void RefreshBase();
  absl::Duration Jittered(absl::Duration delay);
  absl::Status Unavailable(std::string_view why) const;

  const ApplierOptions options_;
  const std::shared_ptr<ReadMark> read_mark_ = std::make_shared<ReadMark>();
  // Null if the store keeps its snapshots.
  std::shared_ptr<ViewsInUse> views_;
  // The job's.
  std::minstd_rand random_;
  // One that waits for views.
  std::optional<Attempt> attempt_;

  mutable Mutex mutex_;
  // The store, without what waits.
  SnapshotOr base_ ABSL_GUARDED_BY(mutex_);
  bool let_go_ ABSL_GUARDED_BY(mutex_) = false;
  // What TakeSnapshot gave last, if it is still right.
  std::shared_ptr<const Snapshot> current_ ABSL_GUARDED_BY(mutex_);
  // Everything that is not known to be in the store; and that part of it which
  // was added since the attempt at hand began.
  PendingWrites pending_ ABSL_GUARDED_BY(mutex_);
  PendingWrites fresh_ ABSL_GUARDED_BY(mutex_);
  size_t pending_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t fresh_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  // Those in pending_ that the store has left, by the key of the path; and when
  // they are tried again.
  std::map<std::string, LeftWrite> stuck_ ABSL_GUARDED_BY(mutex_);
  uint64_t stuck_version_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Duration stuck_delay_ ABSL_GUARDED_BY(mutex_);
  absl::Duration stuck_retry_at_ ABSL_GUARDED_BY(mutex_);
  // By the monotonic clock: when the oldest of each was added.
  absl::Duration pending_since_ ABSL_GUARDED_BY(mutex_);
  absl::Duration fresh_since_ ABSL_GUARDED_BY(mutex_);
  Revision added_ ABSL_GUARDED_BY(mutex_) = 0;
  Revision applied_ ABSL_GUARDED_BY(mutex_) = 0;
  // Of a cache.
  std::optional<FlushSchedule> schedule_ ABSL_GUARDED_BY(mutex_);
  absl::Status health_ ABSL_GUARDED_BY(mutex_);
  bool failed_ ABSL_GUARDED_BY(mutex_) = false;
  // Zero unless the last attempt failed and is to be repeated.
  absl::Duration retry_delay_ ABSL_GUARDED_BY(mutex_);
  uint64_t applied_batches_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t failed_attempts_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<Flusher> flushers_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;

  const std::shared_ptr<Job> job_;
  // Of who calls Stop.
  bool stopped_ = false;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_MOUNT_APPLIER_H_
