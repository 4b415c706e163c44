#ifndef RESTATE_ENGINE_LEASE_LEASE_TABLE_H_
#define RESTATE_ENGINE_LEASE_LEASE_TABLE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/time/time.h"
#include "engine/backend/commit_store.h"
#include "engine/clock/clock.h"
#include "engine/commit/commit_request.h"
#include "engine/path/path.h"
#include "engine/sync/mutex.h"

namespace restate {

// What is known of a path's lease.
struct LeaseStatus {
  LeaseTerms terms;
  // How much of the ttl is left: never negative; infinite without a ttl.
  absl::Duration expires_in;
};

// Which paths go by themselves: when a session is over (presence), or after a
// time. A path has one lease at most; a write or delete addressed to it or
// above ends it, and a write with a session or a ttl starts it anew.
//
// Time is the clock's monotonic one. A ttl counts from when its write was
// sequenced, and for leases that a store had kept, from when they were loaded.
//
// What a batch of commits does to the leases is staged, and becomes true with
// the batch, or never. Later commits of the batch see it.
//
// Find, HasOverdue, count and empty are thread-safe; the rest is the
// sequencer's thread's.
class LeaseTable {
 public:
  // `clock` outlives the table.
  LeaseTable(const Clock* clock, const std::vector<Lease>& leases);

  // Stages what the operations of a commit that was not refused do.
  void Stage(const CommitRequest& request, const CommitResult& result);
  // Stages the end of a lease.
  void End(const Path& path) { staged_[path] = std::nullopt; }
  // What is staged, for the store.
  std::vector<LeaseChange> Staged() const;
  bool HasStaged() const { return !staged_.empty(); }
  // The batch is decided, or it never was.
  void PublishStaged();
  void DropStaged() { staged_.clear(); }
  // The store was opened again: these are the leases that survived, and nothing
  // is staged.
  void Reload(const std::vector<Lease>& leases);

  // With what is staged, in path order: the paths that have a lease.
  std::vector<Path> Paths() const;
  // Of the paths bound to any session, or to one, `limit`, or all if there are
  // fewer; without what is staged to end.
  std::vector<Path> PathsOfSessions(size_t limit) const;
  std::vector<Path> PathsOf(const std::string& session_id, size_t limit) const;
  // The paths whose time is over, those first that have been for longest, at
  // most `limit` of them; without what is staged to end or to begin anew.
  std::vector<Path> Overdue(size_t limit) const;
  // Those are looked at again after `delay`: they cannot go now.
  void Postpone(const std::vector<Path>& paths, absl::Duration delay);

  // The lease of a path.
  std::optional<LeaseStatus> Find(const Path& path) const;
  // Quick: whether Overdue has anything to give.
  bool HasOverdue() const;
  // Quick: how many leases there are.
  size_t count() const { return count_.load(std::memory_order_acquire); }
  // Quick: whether there is no lease.
  bool empty() const { return count_.load(std::memory_order_acquire) == 0; }

 private:
  struct Entry {
    LeaseTerms terms;
    // By the monotonic clock; infinite without a ttl.
    absl::Duration deadline;
  };

  Entry StartNow(LeaseTerms terms) const;
  // Ends, as staged, the leases at and below `path` for which `ends` holds.
  template <typename Ends>
  void EndAtAndBelow(const Path& path, Ends ends);
  void Insert(const Path& path, Entry entry)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Erase(const Path& path) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void UpdateQuickViews() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Clock* const clock_;

  mutable Mutex mutex_;
  // All three are changed by the sequencer's thread alone.
  absl::btree_map<Path, Entry> leases_ ABSL_GUARDED_BY(mutex_);
  // Of those with a ttl.
  absl::btree_set<std::pair<absl::Duration, Path>> by_deadline_
      ABSL_GUARDED_BY(mutex_);
  // Of those with a session.
  absl::btree_set<std::pair<std::string, Path>> by_session_
      ABSL_GUARDED_BY(mutex_);
  std::atomic<size_t> count_ = 0;
  // The first deadline, in nanoseconds.
  std::atomic<int64_t> first_deadline_ = INT64_MAX;

  // Nothing: the lease ends.
  absl::btree_map<Path, std::optional<Entry>> staged_;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_LEASE_LEASE_TABLE_H_
