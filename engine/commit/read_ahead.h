#ifndef RESTATE_ENGINE_COMMIT_READ_AHEAD_H_
#define RESTATE_ENGINE_COMMIT_READ_AHEAD_H_

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/types/span.h"
#include "engine/commit/commit_queue.h"
#include "engine/commit/published_state.h"
#include "engine/path/path.h"
#include "engine/sync/mutex.h"

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
// among those that do there is no order but that of their answers.
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

  // RESOURCE_EXHAUSTED / QUEUE_FULL or UNAVAILABLE / SHUTTING_DOWN, given to
  // the commit's own callback.
  void Add(QueuedCommit commit);
  // Answers what waits with SHUTTING_DOWN, and ends the threads.
  void Stop();

 private:
  void Run();

  const std::function<absl::Status(CommitRequest*)> read_;
  const std::function<void(QueuedCommit)> queue_;
  Mutex mutex_;
  CondVar wake_;
  std::deque<QueuedCommit> waiting_ ABSL_GUARDED_BY(mutex_);
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  // Started with the first commit.
  std::vector<std::thread> threads_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace restate

#endif  // RESTATE_ENGINE_COMMIT_READ_AHEAD_H_
