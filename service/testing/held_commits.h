#ifndef RESTATE_SERVICE_TESTING_HELD_COMMITS_H_
#define RESTATE_SERVICE_TESTING_HELD_COMMITS_H_

#include <cstddef>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "engine/commit/commit_request.h"
#include "engine/sync/mutex.h"

namespace restate {

// Takes commits as the engine would and answers them when the test says so, in
// any order. Thread-safe.
class HeldCommits {
 public:
  // Waits until `count` commits were taken in all.
  void WaitForCommits(size_t count) {
    MutexLock lock(&mutex_);
    while (callbacks_.size() < count) changed_.Wait(&mutex_);
  }
  size_t count() const {
    MutexLock lock(&mutex_);
    return callbacks_.size();
  }
  // The commit taken as number `index`.
  CommitRequest request(size_t index) const {
    MutexLock lock(&mutex_);
    return requests_[index];
  }
  // Answers the commit taken as number `index`, once.
  void Answer(size_t index, absl::StatusOr<CommitResult> result) {
    CommitCallback callback;
    {
      MutexLock lock(&mutex_);
      callback = std::move(callbacks_[index]);
    }
    callback(std::move(result));
  }
  // What one changed operation comes to.
  static CommitResult Changed(Revision revision) {
    CommitResult result;
    result.revision = revision;
    result.changed = true;
    result.results.resize(1);
    result.results[0].changed = true;
    return result;
  }

  // Stands in for Controller::Commit.
  void Take(CommitRequest request, CommitCallback done) {
    MutexLock lock(&mutex_);
    requests_.push_back(std::move(request));
    callbacks_.push_back(std::move(done));
    changed_.NotifyAll();
  }

 private:
  mutable Mutex mutex_;
  CondVar changed_;
  std::vector<CommitRequest> requests_ ABSL_GUARDED_BY(mutex_);
  std::vector<CommitCallback> callbacks_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace restate

#endif  // RESTATE_SERVICE_TESTING_HELD_COMMITS_H_
