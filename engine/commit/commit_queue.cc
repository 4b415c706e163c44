#include "engine/commit/commit_queue.h"

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/error/absl_view.h"
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

absl::Status QueueFull(std::string_view who, size_t commits, size_t bytes,
                       std::string_view how) {
  return MakeError(
      Reason::kQueueFull,
      absl::StrCat(AbslView(who), " ", commits, " commits of ", bytes,
                   " bytes waiting", AbslView(how),
                   ": slow down and try again"));
}

}  // namespace

bool CommitQueue::IsFull(const Waiting& waiting, size_t bytes,
                         size_t max_commits, size_t max_bytes) {
  return waiting.commits >= max_commits ||
         (waiting.commits > 0 && waiting.bytes + bytes > max_bytes);
}

absl::Status CommitQueue::Push(QueuedCommit& commit) {
  MutexLock lock(&mutex_);
  if (stopped_) return ShuttingDown();
  const CommitRequest& request = commit.request;
  if (IsFull(waiting_now_, request.bytes, bounds_.commits, bounds_.bytes)) {
    refused_of_all_.Add();
    return QueueFull("the server has", waiting_now_.commits,
                     waiting_now_.bytes, "");
  }
  if (request.client.bounded()) {
    const auto of_client = of_clients_.find(request.client);
    if (of_client != of_clients_.end() &&
        IsFull(of_client->second, request.bytes, bounds_.commits_per_client,
               bounds_.bytes_per_client)) {
      refused_of_client_.Add();
      return QueueFull("your address has", of_client->second.commits,
                       of_client->second.bytes,
                       ", as much as one client may");
    }
  }
  AddLocked(request);
  CommitOrder* const order = request.order.get();
  if (LargeCommitPace::IsLarge(request) ||
      (order != nullptr && order->behind_large > 0)) {
    if (order != nullptr) ++order->behind_large;
    large_.Push(std::move(commit));
    if (std::exchange(waiting_, false)) wake_.NotifyOne();
    return absl::OkStatus();
  }
  if (order != nullptr) ++order->before_large;
  commits_.Push(std::move(commit));
  if (waiting_ && commits_.size() >= wanted_) {
    waiting_ = false;
    wake_.NotifyOne();
  }
  return absl::OkStatus();
}

void CommitQueue::AddLocked(const CommitRequest& request) {
  ++waiting_now_.commits;
  waiting_now_.bytes += request.bytes;
  if (!request.client.bounded()) return;
  Waiting& of_client = of_clients_[request.client];
  ++of_client.commits;
  of_client.bytes += request.bytes;
}

void CommitQueue::SubtractLocked(const CommitRequest& request) {
  --waiting_now_.commits;
  waiting_now_.bytes -= request.bytes;
  if (!request.client.bounded()) return;
  const auto of_client = of_clients_.find(request.client);
  of_client->second.bytes -= request.bytes;
  if (--of_client->second.commits == 0) of_clients_.erase(of_client);
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
  AddLocked(commit.request);
  aside_.push_back(std::move(commit));
}

void CommitQueue::PutBack(QueuedCommit commit) {
  MutexLock lock(&mutex_);
  AddLocked(commit.request);
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
  return waiting_now_;
}

QueuedCommit CommitQueue::PopAsideLocked() {
  QueuedCommit commit = std::move(aside_.front());
  aside_.pop_front();
  SubtractLocked(commit.request);
  return commit;
}

bool CommitQueue::IsLargeNextLocked(absl::Duration* wait) {
  *wait = absl::InfiniteDuration();
  if (large_.empty()) return false;
  // Others have a batch between two of them.
  if (large_taken_ && !commits_.empty()) return false;
  const CommitRequest& next = large_.Front().request;
  if (next.order != nullptr && next.order->before_large > 0) return false;
  *wait = LargeCommitPace::IsLarge(next) && !stopped_
              ? pace_.Wait(next.client, clock_->Monotonic())
              : absl::ZeroDuration();
  return *wait == absl::ZeroDuration();
}

void CommitQueue::TakeFromLargeLocked(const BatchBounds& batch, Work* work) {
  size_t operations = 0;
  size_t bytes = 0;
  while (!large_.empty() && work->commits.size() < batch.commits) {
    const CommitRequest& next = large_.Front().request;
    const CommitWeight weight = WeightOf(next);
    operations += weight.operations;
    bytes += weight.bytes;
    if (!work->commits.empty() &&
        (LargeCommitPace::IsLarge(next) ||
         (next.order != nullptr && next.order->before_large > 0) ||
         operations > batch.operations || bytes > batch.bytes)) {
      break;
    }
    if (next.order != nullptr) --next.order->behind_large;
    const bool is_large = LargeCommitPace::IsLarge(next);
    work->commits.push_back(large_.PopFront());
    SubtractLocked(work->commits.back().request);
    if (is_large) break;
  }
  large_taken_ = true;
  large_runs_ = true;
  pace_.Began(clock_->Monotonic());
}

void CommitQueue::TakeFromOthersLocked(const BatchBounds& batch, Work* work) {
  const absl::Duration now = clock_->Monotonic();
  work->commits.reserve(std::min(batch.commits, commits_.size()));
  size_t operations = 0;
  size_t bytes = 0;
  while (!commits_.empty() && work->commits.size() < batch.commits) {
    const CommitRequest& next = commits_.Front().request;
    const CommitWeight weight = WeightOf(next);
    operations += weight.operations;
    bytes += weight.bytes;
    if (weight.operations < batch.few_operations) few_taken_ = now;
    const size_t times =
        now - few_taken_ > batch.bulk_after ? batch.times_in_bulk : 1;
    // Divided, since there may be no bound.
    if (!work->commits.empty() && (operations / times > batch.operations ||
                                   bytes / times > batch.bytes)) {
      break;
    }
    if (next.order != nullptr) --next.order->before_large;
    work->commits.push_back(commits_.PopFront());
    SubtractLocked(work->commits.back().request);
  }
  if (work->commits.empty()) return;
  large_taken_ = false;
  // Two of many are enough to know whether there are others than any one.
  pace_.TookOther(work->commits.front().request.client, now);
  pace_.TookOther(work->commits.back().request.client, now);
}

CommitQueue::Work CommitQueue::TakeLocked(const BatchBounds& batch) {
  Work work;
  work.tasks.swap(tasks_);
  absl::Duration wait;
  if (IsLargeNextLocked(&wait)) {
    TakeFromLargeLocked(batch, &work);
  } else {
    TakeFromOthersLocked(batch, &work);
  }
  last_taken_ = work.commits.size();
  work.finished = stopped_ && commits_.empty() && large_.empty() &&
                  aside_.empty() && !apart_taken_;
  return work;
}

CommitQueue::Work CommitQueue::Take(const BatchBounds& batch) {
  MutexLock lock(&mutex_);
  if (std::exchange(large_runs_, false)) pace_.Ended(clock_->Monotonic());
  absl::Duration wait;
  while (!IsLargeNextLocked(&wait) && IdleLocked()) {
    wanted_ = 1;
    waiting_ = true;
    if (wait == absl::InfiniteDuration()) {
      wake_.Wait(&mutex_);
    } else {
      wake_.WaitFor(&mutex_, wait);
    }
  }
  waiting_ = false;
  if (!HasApartLocked()) {
    if (!IsLargeNextLocked(&wait)) GatherLocked(batch);
    return TakeLocked(batch);
  }
  QueuedCommit apart = PopAsideLocked();
  apart_taken_ = true;
  Work work = TakeLocked(batch);
  work.apart.emplace(std::move(apart));
  return work;
}

void CommitQueue::GatherLocked(const BatchBounds& batch) {
  wanted_ = std::min(batch.commits, last_taken_ - last_taken_ / 4);
  if (commits_.size() >= wanted_ || stopped_ || !tasks_.empty()) return;
  waiting_ = true;
  wake_.WaitFor(&mutex_, kLongestGathering);
  waiting_ = false;
}

CommitQueue::Work CommitQueue::TakeAllWithin(absl::Duration timeout) {
  MutexLock lock(&mutex_);
  if (commits_.empty() && large_.empty() && aside_.empty() &&
      tasks_.empty() && !stopped_) {
    wanted_ = 1;
    waiting_ = true;
    wake_.WaitFor(&mutex_, timeout);
    waiting_ = false;
  }
  Work work;
  work.tasks.swap(tasks_);
  TakeFromOthersLocked({.commits = SIZE_MAX,
                        .operations = SIZE_MAX,
                        .bytes = SIZE_MAX},
                       &work);
  while (!large_.empty()) {
    QueuedCommit commit = large_.PopFront();
    if (commit.request.order != nullptr) --commit.request.order->behind_large;
    SubtractLocked(commit.request);
    work.commits.push_back(std::move(commit));
  }
  while (!aside_.empty()) work.aside.push_back(PopAsideLocked());
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
