#include "engine/commit/publication.h"

#include "absl/strings/str_cat.h"
#include "engine/error/error.h"

namespace restate {

Publication::Publication(std::shared_ptr<const PublishedState> first)
    : last_given_(first->revision()), newest_(std::move(first)) {}

std::shared_ptr<const PublishedState> Publication::Newest() const {
  MutexLock lock(&mutex_);
  return newest_;
}

void Publication::WhenPublished(Revision revision, StateCallback done) {
  std::shared_ptr<const PublishedState> state;
  {
    MutexLock lock(&mutex_);
    if (newest_->revision() >= revision) {
      state = newest_;
    } else if (revision <= last_given()) {
      waiters_.push_back(Waiter{revision, std::move(done)});
      return;
    }
  }
  if (state != nullptr) {
    done(std::move(state));
    return;
  }
  done(MakeError(
      Reason::kRevisionInFuture,
      absl::StrCat("revision ", revision,
                   " was never given out, the last one is ", last_given(),
                   ": use the revision of an earlier answer"),
      {{"last_revision", absl::StrCat(last_given())}}));
}

void Publication::Publish(std::shared_ptr<const PublishedState> state) {
  std::vector<Waiter> served;
  std::shared_ptr<const PublishedState> before;
  {
    MutexLock lock(&mutex_);
    before = std::exchange(newest_, state);
    std::vector<Waiter> waiting;
    for (Waiter& waiter : waiters_) {
      (waiter.revision <= state->revision() ? served : waiting)
          .push_back(std::move(waiter));
    }
    waiters_ = std::move(waiting);
  }
  // Letting go of the state before may free a lot: not under the lock.
  before.reset();
  for (Waiter& waiter : served) waiter.done(state);
}

void Publication::FailWaiters(const absl::Status& error) {
  std::vector<Waiter> failed;
  {
    MutexLock lock(&mutex_);
    failed.swap(waiters_);
  }
  for (Waiter& waiter : failed) waiter.done(error);
}

}  // namespace restate
