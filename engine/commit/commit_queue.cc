#include "engine/commit/commit_queue.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "engine/error/error.h"

namespace restate {
namespace {

absl::Status ShuttingDown() {
  return MakeError(Reason::kShuttingDown,
                   "the server is shutting down: try again, it may come back "
                   "or another take its place");
}

}  // namespace

absl::Status CommitQueue::Push(QueuedCommit& commit) {
  MutexLock lock(&mutex_);
  if (stopped_) return ShuttingDown();
  const size_t bytes = commit.request.bytes;
  if (commits_.size() >= max_commits_ ||
      (!commits_.empty() && bytes_ + bytes > max_bytes_)) {
    return MakeError(
        Reason::kQueueFull,
        absl::StrCat("the server has ", commits_.size(), " commits of ",
                     bytes_, " bytes waiting: slow down and try again"));
  }
  bytes_ += bytes;
  commits_.push_back(std::move(commit));
  if (std::exchange(waiting_, false)) wake_.NotifyOne();
  return absl::OkStatus();
}

absl::Status CommitQueue::PushTask(absl::AnyInvocable<void()>& task) {
  MutexLock lock(&mutex_);
  if (stopped_) return ShuttingDown();
  tasks_.push_back(std::move(task));
  if (std::exchange(waiting_, false)) wake_.NotifyOne();
  return absl::OkStatus();
}

CommitQueue::Work CommitQueue::TakeLocked(size_t max_commits) {
  Work work;
  work.tasks.swap(tasks_);
  const size_t count = std::min(max_commits, commits_.size());
  work.commits.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    bytes_ -= commits_.front().request.bytes;
    work.commits.push_back(std::move(commits_.front()));
    commits_.pop_front();
  }
  work.finished = stopped_ && commits_.empty();
  return work;
}

CommitQueue::Work CommitQueue::Take(size_t max_commits) {
  MutexLock lock(&mutex_);
  while (commits_.empty() && tasks_.empty() && !stopped_) {
    waiting_ = true;
    wake_.Wait(&mutex_);
  }
  waiting_ = false;
  return TakeLocked(max_commits);
}

CommitQueue::Work CommitQueue::TakeAllWithin(absl::Duration timeout) {
  MutexLock lock(&mutex_);
  if (commits_.empty() && tasks_.empty() && !stopped_) {
    waiting_ = true;
    wake_.WaitFor(&mutex_, timeout);
    waiting_ = false;
  }
  return TakeLocked(commits_.size());
}

void CommitQueue::Stop() {
  MutexLock lock(&mutex_);
  stopped_ = true;
  wake_.NotifyAll();
}

bool CommitQueue::stopped() const {
  MutexLock lock(&mutex_);
  return stopped_;
}

}  // namespace restate
