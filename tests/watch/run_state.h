#ifndef RESTATE_TESTS_WATCH_RUN_STATE_H_
#define RESTATE_TESTS_WATCH_RUN_STATE_H_

#include <cstdint>
#include <string>

#include "absl/base/thread_annotations.h"
#include "engine/sync/mutex.h"

namespace restate::test {

// What the threads of one run tell each other: where the server is, how far the
// writers are, and where it all ends. Thread-safe.
class RunState {
 public:
  // The server serves at `address`; each time counts as another start.
  void ServerStarted(std::string address) {
    MutexLock lock(&mutex_);
    address_ = std::move(address);
    ++starts_;
    changed_.NotifyAll();
  }
  void CommitMade() {
    MutexLock lock(&mutex_);
    ++commits_;
    changed_.NotifyAll();
  }
  // Nothing is written any more; `revision` is the last one.
  void Finish(int64_t revision) {
    MutexLock lock(&mutex_);
    final_revision_ = revision;
    changed_.NotifyAll();
  }

  // Where the server is, once it was started after start number `*start`, which
  // becomes that of the answer.
  std::string WaitForServer(int* start) {
    MutexLock lock(&mutex_);
    while (starts_ <= *start) changed_.Wait(&mutex_);
    *start = starts_;
    return address_;
  }
  // As it is.
  std::string address(int* start) const {
    MutexLock lock(&mutex_);
    *start = starts_;
    return address_;
  }
  int64_t commits() const {
    MutexLock lock(&mutex_);
    return commits_;
  }
  // Until there were so many commits, or the server was started again after
  // `start`, or the end has come.
  void WaitForCommits(int64_t commits, int start) {
    MutexLock lock(&mutex_);
    while (commits_ < commits && final_revision_ == 0 && starts_ == start) {
      changed_.Wait(&mutex_);
    }
  }
  // 0 while it goes on.
  int64_t final_revision() const {
    MutexLock lock(&mutex_);
    return final_revision_;
  }

 private:
  mutable Mutex mutex_;
  CondVar changed_;
  std::string address_ ABSL_GUARDED_BY(mutex_);
  int starts_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t commits_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t final_revision_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace restate::test

#endif  // RESTATE_TESTS_WATCH_RUN_STATE_H_
