#ifndef RESTATE_ENGINE_LEASE_LEASE_TABLE_H_
#define RESTATE_ENGINE_LEASE_LEASE_TABLE_H_

#include <atomic>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_map.h"
#include "engine/backend/commit_store.h"
#include "engine/commit/commit_request.h"
#include "engine/path/path.h"
#include "engine/sync/mutex.h"

namespace restate {

// Which paths are bound to which sessions: presence. A path has one lease at
// most; a write or delete addressed to it or above ends it, and a write with a
// session starts it anew.
//
// What a batch of commits does to the leases is staged, and becomes true with
// the batch, or never. Later commits of the batch see it.
//
// Find and empty are thread-safe; the rest is the sequencer's thread's.
class LeaseTable {
 public:
  explicit LeaseTable(const std::vector<Lease>& leases);

  // Stages what the operations of a commit that was not refused do.
  void Stage(const CommitRequest& request, const CommitResult& result);
  // What is staged, for the store.
  std::vector<LeaseChange> Staged() const;
  bool HasStaged() const { return !staged_.empty(); }
  // The batch is decided, or it never was.
  void PublishStaged();
  void DropStaged() { staged_.clear(); }
  // The store was opened again: these are the leases that survived, and nothing
  // is staged.
  void Reload(const std::vector<Lease>& leases);

  // The paths bound to a session, or to any if none is named, with what is
  // staged, in path order.
  std::vector<Path> PathsOf(const std::optional<std::string>& session_id) const;

  // The session that a path is bound to.
  std::optional<std::string> Find(const Path& path) const;
  // Quick: whether nothing is bound.
  bool empty() const { return count_.load(std::memory_order_acquire) == 0; }

 private:
  // Ends, as staged, the leases at and below `path` for which `ends` holds.
  template <typename Ends>
  void EndAtAndBelow(const Path& path, Ends ends);

  mutable Mutex mutex_;
  // Changed by the sequencer's thread alone.
  absl::btree_map<Path, std::string> leases_ ABSL_GUARDED_BY(mutex_);
  std::atomic<size_t> count_ = 0;
  // Nothing: the lease ends.
  absl::btree_map<Path, std::optional<std::string>> staged_;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_LEASE_LEASE_TABLE_H_
