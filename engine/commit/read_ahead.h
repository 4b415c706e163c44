#ifndef RESTATE_ENGINE_COMMIT_READ_AHEAD_H_
#define RESTATE_ENGINE_COMMIT_READ_AHEAD_H_

#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/types/span.h"
#include "engine/commit/commit_queue.h"
#include "engine/commit/published_state.h"
#include "engine/path/path.h"
#include "engine/sync/mutex.h"
#include "engine/threads/thread.h"

namespace restate {

// Whether a commit reads or writes at, above or below one of `places`.
bool Touches(const CommitRequest& request, absl::Span<const Path> places);

// Executes `request` on its own against `state`, for nothing but to find out
// what it reads of the mounts at `slow`, and notes that in the request. What
// the commit comes to is not known by this: it may be judged otherwise when its
// turn comes. UNAVAILABLE / MOUNT_UNAVAILABLE if a mount cannot be read.
absl::Status ReadAheadOf(const PublishedState& state,
                         absl::Span<const Path> slow, size_t max_leaf_bytes,
                         CommitRequest* request);

// Commits that wait for what they need of slow mounts, and the threads that
// read it. So one that needs the network does not hold up those that do not;
// among those that do there is no order but that of their answers. Half of the
// threads at most read of one store, so that one that does not answer leaves
// some for the others.
//
// What was read may have changed when the commit is judged, and then it is read
// again. A commit whose reads keep changing holds its store: until it is
// answered, no other commit of that store is read for, so that those already on
// their way are all that can still be faster. In the end it holds every store,
// because what it needs may lie in several.
//
// Thread-safe.
class ReadAhead {
 public:
  // `read` fills in what a commit needs; `queue` takes it on. Both are called
  // by threads of this.
  ReadAhead(std::function<absl::Status(CommitRequest*)> read,
            std::function<void(QueuedCommit)> queue);
  // Calls Stop.
  ~ReadAhead();

  // RESOURCE_EXHAUSTED / QUEUE_FULL or TOO_MANY_THREADS, or UNAVAILABLE /
  // SHUTTING_DOWN, given to the commit's own callback.
  // `store` names what it waits for.
  void Add(QueuedCommit commit, std::string store);
  // Answers what waits with SHUTTING_DOWN, and ends the threads.
  void Stop();

 private:
  struct Waiting {
    QueuedCommit commit;
    std::string store;
  };

  void Run();
  // The first that may be read for, taken out; nullopt if there is none.
  std::optional<Waiting> Take() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Read(Waiting waiting);
  // Makes `commit` hold `held` until it is answered, unless one does already.
  void Hold(const std::string& held, QueuedCommit* commit)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Release(const std::string& held);
  // Starts threads if there is none yet. One is enough.
  absl::Status StartThreads() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::function<absl::Status(CommitRequest*)> read_;
  const std::function<void(QueuedCommit)> queue_;
  Mutex mutex_;
  CondVar wake_;
  std::deque<Waiting> waiting_ ABSL_GUARDED_BY(mutex_);
  // How many are being read for, by store.
  std::map<std::string, int> reading_ ABSL_GUARDED_BY(mutex_);
  // The stores that a commit holds; kAllStores if one holds them all.
  std::set<std::string> held_ ABSL_GUARDED_BY(mutex_);
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  // Started with the first commit.
  std::vector<Thread> threads_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace restate

#endif  // RESTATE_ENGINE_COMMIT_READ_AHEAD_H_
