#include "engine/commit/commit_queue.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "engine/error/error.h"

namespace restate {
namespace {

// How long a batch waits for the writers that the one before it answered: about
// what the fsync costs that they would otherwise need for themselves.
constexpr absl::Duration kLongestGathering = absl::Microseconds(200);

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
  const size_t waiting = commits_.size() + aside_.size();
  if (waiting >= max_commits_ ||
      (waiting > 0 && bytes_ + bytes > max_bytes_)) {
    return MakeError(
        Reason::kQueueFull,
        absl::StrCat("the server has ", waiting, " commits of ",
                     bytes_, " bytes waiting: slow down and try again"));
  }
  bytes_ += bytes;
  commits_.push_back(std::move(commit));
  if (waiting_ && commits_.size() >= wanted_) {
    waiting_ = false;
    wake_.NotifyOne();
  }
  return absl::OkStatus();
}

absl::Status CommitQueue::PushTask(absl::AnyInvocable<void()>& task) {
  MutexLock lock(&mutex_);
  if (stopped_) return ShuttingDown();
  tasks_.push_back(std::move(task));
  if (std::exchange(waiting_, false)) wake_.NotifyOne();
  return absl::OkStatus();
}

void CommitQueue::SetAside(QueuedCommit commit) {
  MutexLock lock(&mutex_);
  bytes_ += commit.request.bytes;
  aside_.push_back(std::move(commit));
}

void CommitQueue::PutBack(QueuedCommit commit) {
  MutexLock lock(&mutex_);
  bytes_ += commit.request.bytes;
  aside_.push_front(std::move(commit));
  apart_taken_ = false;
  if (std::exchange(waiting_, false)) wake_.NotifyOne();
}

void CommitQueue::EndApart() {
  MutexLock lock(&mutex_);
  apart_taken_ = false;
}

CommitQueue::Waiting CommitQueue::waiting() const {
  MutexLock lock(&mutex_);
  return {commits_.size() + aside_.size(), bytes_};
}

QueuedCommit CommitQueue::PopLocked(std::deque<QueuedCommit>& from) {
  QueuedCommit commit = std::move(from.front());
  from.pop_front();
  bytes_ -= commit.request.bytes;
  return commit;
}

CommitQueue::Work CommitQueue::TakeLocked(size_t max_commits) {
  Work work;
  work.tasks.swap(tasks_);
  const size_t count = std::min(max_commits, commits_.size());
  work.commits.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    work.commits.push_back(PopLocked(commits_));
  }
  last_taken_ = count;
  work.finished =
      stopped_ && commits_.empty() && aside_.empty() && !apart_taken_;
  return work;
}

CommitQueue::Work CommitQueue::Take(size_t max_commits) {
  MutexLock lock(&mutex_);
  while (IdleLocked()) {
    wanted_ = 1;
    waiting_ = true;
    wake_.Wait(&mutex_);
  }
  waiting_ = false;
  if (!HasApartLocked()) {
    GatherLocked(max_commits);
    return TakeLocked(max_commits);
  }
  QueuedCommit apart = PopLocked(aside_);
  apart_taken_ = true;
  Work work = TakeLocked(max_commits);
  work.apart.emplace(std::move(apart));
  return work;
}

void CommitQueue::GatherLocked(size_t max_commits) {
  wanted_ = std::min(max_commits, last_taken_ - last_taken_ / 4);
  if (commits_.size() >= wanted_ || stopped_ || !tasks_.empty()) return;
  waiting_ = true;
  wake_.WaitFor(&mutex_, kLongestGathering);
  waiting_ = false;
}

CommitQueue::Work CommitQueue::TakeAllWithin(absl::Duration timeout) {
  MutexLock lock(&mutex_);
  if (commits_.empty() && aside_.empty() && tasks_.empty() && !stopped_) {
    wanted_ = 1;
    waiting_ = true;
    wake_.WaitFor(&mutex_, timeout);
    waiting_ = false;
  }
  Work work = TakeLocked(commits_.size());
  while (!aside_.empty()) work.aside.push_back(PopLocked(aside_));
  work.finished = stopped_;
  return work;
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
