#ifndef RESTATE_TESTS_SUPPORT_GATE_H_
#define RESTATE_TESTS_SUPPORT_GATE_H_

#include "absl/base/thread_annotations.h"
#include "engine/sync/mutex.h"

namespace restate::test {

// Where others wait while it is closed. Open at first. Thread-safe.
class Gate {
 public:
  // Waits until it is open.
  void Pass() {
    MutexLock lock(&mutex_);
    ++waiting_;
    changed_.NotifyAll();
    while (closed_) changed_.Wait(&mutex_);
    --waiting_;
  }
  void Close() {
    MutexLock lock(&mutex_);
    closed_ = true;
  }
  void Open() {
    MutexLock lock(&mutex_);
    closed_ = false;
    changed_.NotifyAll();
  }
  // Until so many wait. REQUIRES: closed.
  void WaitForWaiting(int count) {
    MutexLock lock(&mutex_);
    while (waiting_ < count) changed_.Wait(&mutex_);
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  int waiting_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace restate::test

#endif  // RESTATE_TESTS_SUPPORT_GATE_H_
