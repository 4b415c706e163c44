#ifndef RESTATE_ENGINE_COMMIT_LONG_CALL_THREAD_H_
#define RESTATE_ENGINE_COMMIT_LONG_CALL_THREAD_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "engine/commit/commit_queue.h"
#include "engine/derivation/long_calls.h"
#include "engine/sync/mutex.h"
#include "engine/threads/thread.h"

namespace restate {

// Makes the calls of Lua functions that would take the sequencer too long, on a
// thread of its own: so that a function that never ends costs others no more than
// a trial of it. The system gives the thread a low priority, so that neither does
// it cost them much of the processor where they need all of it. A commit waits for
// its calls no longer than a bound.
//
// Such a thread may be kept waiting anywhere, also where it holds a lock. So it
// shares one with nobody but a second thread, an ordinary one, which takes commits
// in and passes them on.
//
// Thread-safe. Lock order: none is taken while another is held.
class LongCallThread {
 public:
  // `made` takes commits on; it is called by the ordinary thread.
  explicit LongCallThread(std::function<void(QueuedCommit)> made)
      : made_(std::move(made)) {}
  // Waits for the call that is under way.
  ~LongCallThread();
  LongCallThread(const LongCallThread&) = delete;
  LongCallThread& operator=(const LongCallThread&) = delete;

  // Starts both threads, before anybody needs them: so a server that is given no
  // more threads is told so when it starts, and not its clients when they write.
  // RESOURCE_EXHAUSTED / TOO_MANY_THREADS.
  absl::Status Start();

  // Makes what is to be made of the commit's long calls. `longest_wait`: for all
  // of them, with what it has waited before.
  // REQUIRES: Start has gone well, and the one before was passed to `made`.
  void Make(QueuedCommit commit, absl::Duration longest_wait);

 private:
  // The ordinary thread.
  void PassOn();
  // The slow one.
  void MakeCalls();
  // By the ordinary thread: waits until the slow one has made them, or for
  // `longest_wait` at most.
  void AwaitCalls(LongCalls* calls, absl::Duration longest_wait);

  const std::function<void(QueuedCommit)> made_;

  Mutex mutex_;
  CondVar wake_;
  std::optional<QueuedCommit> commit_ ABSL_GUARDED_BY(mutex_);
  absl::Duration commit_wait_ ABSL_GUARDED_BY(mutex_);
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;

  // Of the two threads.
  Mutex slow_mutex_;
  CondVar slow_wake_;
  // To be made; null when they are, or nobody waits for them any more.
  LongCalls* calls_ ABSL_GUARDED_BY(slow_mutex_) = nullptr;
  // Another for each time that somebody waits.
  uint64_t wait_ ABSL_GUARDED_BY(slow_mutex_) = 0;
  bool slow_stopped_ ABSL_GUARDED_BY(slow_mutex_) = false;

  Thread slow_thread_;
  Thread thread_;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_COMMIT_LONG_CALL_THREAD_H_
