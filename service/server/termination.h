#ifndef RESTATE_SERVICE_SERVER_TERMINATION_H_
#define RESTATE_SERVICE_SERVER_TERMINATION_H_

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "engine/sync/mutex.h"
#include "engine/threads/thread.h"

namespace restate {

// SIGTERM and SIGINT: the first asks the process to stop, the second ends it at
// once with exit status 130. SIGPIPE is ignored.
//
// Make one, in main, before any other thread: the signals are blocked there and
// in every thread made later, and taken by a thread that waits for them.
class Termination {
 public:
  Termination();
  ~Termination();
  Termination(const Termination&) = delete;
  Termination& operator=(const Termination&) = delete;

  // OK, or RESOURCE_EXHAUSTED / TOO_MANY_THREADS: then no signal is taken.
  const absl::Status& status() const { return status_; }

  // Waits for the first signal; gives its number.
  int Wait();

 private:
  void Loop();

  Mutex mutex_;
  CondVar received_;
  // 0 before the first.
  int signal_ ABSL_GUARDED_BY(mutex_) = 0;
  Thread thread_;
  absl::Status status_;
};

}  // namespace restate

#endif  // RESTATE_SERVICE_SERVER_TERMINATION_H_
