#ifndef RESTATE_SERVICE_SERVER_TERMINATION_H_
#define RESTATE_SERVICE_SERVER_TERMINATION_H_

#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "engine/sync/mutex.h"
#include "engine/threads/thread.h"

namespace restate {

// Keeps the signals of SignalRules from doing what they do by default, in this
// thread and in every one made later; what comes waits for a Termination. A
// handler that somebody has installed before, a profiler say, is left alone.
//
// To be called first of all in main.
void TakeOverSignals();

// Does what SignalRules say: a thread that waits for signals. The first that
// stops the server is what Wait waits for; the second ends the process with exit
// status 130.
class Termination {
 public:
  // REQUIRES: TakeOverSignals was called. RESOURCE_EXHAUSTED if the system has no
  // descriptor or no thread for it.
  static absl::StatusOr<std::unique_ptr<Termination>> Start();
  ~Termination();
  Termination(const Termination&) = delete;
  Termination& operator=(const Termination&) = delete;

  // Waits for the first signal; gives its number.
  int Wait();

 private:
  Termination() = default;

  void Loop();
  void Take(int number, int sender);
  void Note(int number, int sender);

  // Signals, and the end: made at the start, so that they are there when no
  // more descriptors are.
  int signals_ = -1;
  int end_ = -1;

  // The thread's own.
  absl::Duration noted_at_ = -absl::InfiniteDuration();

  Mutex mutex_;
  CondVar received_;
  // 0 before the first.
  int signal_ ABSL_GUARDED_BY(mutex_) = 0;
  Thread thread_;
};

}  // namespace restate

#endif  // RESTATE_SERVICE_SERVER_TERMINATION_H_
