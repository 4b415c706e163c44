#ifndef RESTATE_ENGINE_HISTORY_COMMIT_HISTORY_H_
#define RESTATE_ENGINE_HISTORY_COMMIT_HISTORY_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "engine/backend/commit_store.h"
#include "engine/backend/history_log.h"
#include "engine/clock/clock.h"
#include "engine/history/age_clock.h"
#include "engine/history/commit_codec.h"
#include "engine/history/history.h"
#include "engine/history/recent_commits.h"
#include "engine/history/segment_list.h"
#include "engine/sync/mutex.h"

namespace restate {

// How much of the past is kept.
struct HistoryBounds {
  // With a store, of its records; else of memory.
  size_t bytes = size_t{64} << 20;
  absl::Duration age = absl::Hours(24);
  // Of the newest commits, which with a store are in memory as well.
  size_t recent_bytes = size_t{16} << 20;
  // With a store, commits are forgotten in runs of about this size, or of a
  // sixteenth of a bound if that is less.
  size_t segment_bytes = size_t{4} << 20;
};

// The history: in a commit store, with the newest commits in memory as well, or
// in memory alone.
//
// A commit gets into it in three steps of the sequencer's: Prepare gives what
// the store must write with the batch; when the batch is decided, Append makes
// it part of the history; SetPublished, before the revision can be seen by
// anybody, lets readers have it. So a batch that failed is never read, although
// the store may have it.
//
// Commits grow old by an AgeClock: it does not matter what is done to the wall
// clock.
//
// One lock, held to copy pointers; never while the store is read or written.
// Readers of old commits read the store itself. What they read may be forgotten
// meanwhile, so they look at the end whether it has been, and the sequencer
// says that it is before it does it.
class CommitHistory final : public History {
 public:
  // `store` may be null; else it outlives every call of the sequencer's. `clock`
  // outlives the history.
  // DATA_LOSS / CORRUPT if what the store has is damaged.
  static absl::StatusOr<std::shared_ptr<CommitHistory>> Open(
      const HistoryBounds& bounds, CommitStore* store, const Clock* clock);

  absl::StatusOr<Page> Read(Revision after, Revision through,
                            size_t max_bytes) const override;
  Revision oldest() const override;
  absl::Time oldest_time() const override;
  size_t bytes() const override;
  std::vector<Stop> StopsOf(Revision revision) const override;
  absl::Status RecordStop(Revision revision, const Stop& stop) override;
  absl::Status Compact(Revision through) override;
  absl::Status EnforceBounds() override;

  // The sequencer's. What the store writes for these commits, in the batch that
  // decides them; the views are valid until the next call.
  HistoryChanges Prepare(absl::Span<const SequencedCommit> commits);
  // The sequencer's: the commits last prepared are decided.
  void Append(const CommitGroup& commits);
  // The sequencer's: readers may read up to `revision`.
  void SetPublished(Revision revision);
  // The sequencer's: the store was opened again, and holds commits up to
  // `last_committed`. If it has lost some that were not waited for, nothing is
  // taken up across them: everything up to now is forgotten.
  absl::Status StoreReopened(Revision last_committed);

 private:
  CommitHistory(const HistoryBounds& bounds, CommitStore* store,
                const Clock* clock, Revision newest);

  // Takes over what the store has.
  absl::Status Load();
  absl::Status Forget(Revision through);
  // Keeps it in the store if the wall clock was set.
  absl::Status NoticeStep();
  absl::Status Compacted(Revision after) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Commits from the store. Nothing is left out that is not forgotten.
  absl::Status ReadLog(Revision after, Revision through, size_t max_bytes,
                       Page* page) const;
  void ReadRecent(std::vector<RecentCommits::Entry> entries,
                  std::vector<std::vector<Stop>> stops, Page* page) const;
  // Adds what is recorded in memory.
  std::vector<Stop> WithRecentStops(Revision revision,
                                    std::vector<Stop> stops) const;

  const HistoryBounds bounds_;
  CommitStore* const store_;
  const Clock* const clock_;
  // Null without a store.
  const std::shared_ptr<const HistoryLog> log_;

  // The sequencer's own.
  CommitEncoder encoder_;
  std::string encoded_;
  HistorySegment prepared_;

  mutable Mutex mutex_;
  AgeClock age_clock_ ABSL_GUARDED_BY(mutex_);
  // Commits up to this one are forgotten.
  Revision forgotten_ ABSL_GUARDED_BY(mutex_);
  // The last commit appended, and what readers may read.
  Revision newest_ ABSL_GUARDED_BY(mutex_);
  Revision published_ ABSL_GUARDED_BY(mutex_);
  // Readers leave what they made of a commit for the next.
  mutable RecentCommits recent_ ABSL_GUARDED_BY(mutex_);
  // Of the store.
  SegmentList segments_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace restate

#endif  // RESTATE_ENGINE_HISTORY_COMMIT_HISTORY_H_
