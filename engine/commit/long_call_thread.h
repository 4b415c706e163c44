#ifndef RESTATE_ENGINE_COMMIT_LONG_CALL_THREAD_H_
#define RESTATE_ENGINE_COMMIT_LONG_CALL_THREAD_H_

#include <functional>
#include <optional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "engine/commit/commit_queue.h"
#include "engine/sync/mutex.h"

namespace restate {

// Makes the calls of Lua functions that would take the sequencer too long, on a
// thread of its own: so that a function that never ends costs others no more than
// a trial of it. The system gives the thread a lower priority, so that neither
// does it cost them the processor where they need all of it.
//
// Thread-safe.
class LongCallThread {
 public:
  // `made` takes commits on; it is called by the thread.
  explicit LongCallThread(std::function<void(QueuedCommit)> made)
      : made_(std::move(made)) {}
  // Waits for the call that is under way.
  ~LongCallThread();
  LongCallThread(const LongCallThread&) = delete;
  LongCallThread& operator=(const LongCallThread&) = delete;

  // Makes what is to be made of the commit's long calls.
  // REQUIRES: the one before was passed to `made`.
  void Make(QueuedCommit commit);

 private:
  void Run();

  const std::function<void(QueuedCommit)> made_;
  Mutex mutex_;
  CondVar wake_;
  std::optional<QueuedCommit> commit_ ABSL_GUARDED_BY(mutex_);
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  // Started with the first commit.
  std::thread thread_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace restate

#endif  // RESTATE_ENGINE_COMMIT_LONG_CALL_THREAD_H_
