#ifndef RESTATE_ENGINE_MOUNT_WAKE_UP_H_
#define RESTATE_ENGINE_MOUNT_WAKE_UP_H_

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "engine/sync/mutex.h"

namespace restate {

// What one thread sleeps on. A call that comes while it is awake is not lost:
// its next wait ends at once. Thread-safe; a leaf in the lock order.
class WakeUp {
 public:
  void Call() {
    MutexLock lock(&mutex_);
    called_ = true;
    condition_.NotifyOne();
  }
  void Wait() {
    MutexLock lock(&mutex_);
    while (!called_) condition_.Wait(&mutex_);
    called_ = false;
  }
  // No longer than `timeout`, and possibly less.
  void WaitFor(absl::Duration timeout) {
    MutexLock lock(&mutex_);
    if (!called_) condition_.WaitFor(&mutex_, timeout);
    called_ = false;
  }

 private:
  Mutex mutex_;
  CondVar condition_;
  bool called_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_MOUNT_WAKE_UP_H_
