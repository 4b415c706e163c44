#include "engine/threads/spare_threads.h"

#include <vector>

#include "absl/base/thread_annotations.h"
#include "engine/sync/mutex.h"
#include "engine/threads/thread.h"

namespace restate {
namespace {

// What threads wait for. Thread-safe.
class Gate {
 public:
  void Wait() {
    MutexLock lock(&mutex_);
    while (!open_) opened_.Wait(&mutex_);
  }
  void Open() {
    MutexLock lock(&mutex_);
    open_ = true;
    opened_.NotifyAll();
  }

 private:
  Mutex mutex_;
  CondVar opened_;
  bool open_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace

absl::Status CheckSpareThreads(size_t count) {
  Gate gate;
  std::vector<Thread> threads(count);
  absl::Status status;
  for (Thread& thread : threads) {
    status = thread.Start("restate-spare", [&gate] { gate.Wait(); });
    if (!status.ok()) break;
  }
  gate.Open();
  for (Thread& thread : threads) thread.Join();
  return status;
}

}  // namespace restate
