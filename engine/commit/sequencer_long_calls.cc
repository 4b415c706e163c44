// How a sequencer keeps calls of Lua functions that take long from holding
// everybody else up: it tries each, and what takes longer than the trial is made
// by another thread, while other commits go on. Then the commit is executed again,
// from the beginning. Those that are set aside wait for one another.
#include <memory>
#include <utility>
#include <vector>

#include "engine/commit/sequencer.h"
#include "engine/derivation/long_calls.h"

namespace restate {

bool Sequencer::FollowsOneAside(const CommitRequest& request) const {
  return request.order != nullptr && request.order->aside > 0 && !is_apart_;
}

void Sequencer::SetAside(QueuedCommit commit) {
  if (is_apart_) {
    has_left_ = true;
    const absl::Duration longest_wait =
        derivation_engine_.LongestWait(commit.request);
    long_call_thread_.Make(std::move(commit), longest_wait);
    return;
  }
  if (commit.request.order != nullptr) ++commit.request.order->aside;
  // Its arguments may be large, and may have changed when its turn comes.
  if (commit.request.long_calls != nullptr) commit.request.long_calls->Forget();
  commit.request.aside_since = options_.clock->Monotonic();
  queue_.SetAside(std::move(commit));
}

void Sequencer::RunApart(QueuedCommit commit) {
  const std::shared_ptr<CommitOrder> order = commit.request.order;
  if (recovering_) {
    // The server is going while the store is closed.
    commit.done(Health());
  } else {
    std::vector<QueuedCommit> alone;
    alone.push_back(std::move(commit));
    is_apart_ = true;
    MeasureBatch(std::move(alone));
    is_apart_ = false;
    if (std::exchange(has_left_, false)) return;
  }
  if (order != nullptr) --order->aside;
  queue_.EndApart();
}

}  // namespace restate
