#include "engine/subscription/interceptions.h"

#include <algorithm>

namespace restate {

bool Interceptions::HasRoom(int64_t subscription_id) const {
  return pending_of(subscription_id) < limits_.max_pending;
}

uint64_t Interceptions::AddInterceptor(
    const std::shared_ptr<BubbleGate>& gate, const Path& place,
    int64_t subscription_id, const std::shared_ptr<ClientAccount>& account) {
  MutexLock lock(&mutex_);
  if (gate->levels_.empty() || gate->levels_.back().place != place) {
    gate->levels_.emplace_back().place = place;
  }
  const uint64_t ack_id = ++last_ack_id_;
  gate->levels_.back().open.push_back(ack_id);
  pending_[ack_id] =
      Pending{gate, gate->levels_.size() - 1, subscription_id,
              account == nullptr
                  ? Hold()
                  : account->TakeAnyway(Holding::kInterceptions)};
  of_subscription_[subscription_id].insert(ack_id);
  return ack_id;
}

void Interceptions::Open(const std::shared_ptr<BubbleGate>& gate,
                         absl::Duration now) {
  MutexLock lock(&mutex_);
  // Interceptors may have gone while the levels were being added.
  const size_t passed = gate->passed_.load(std::memory_order_relaxed);
  for (size_t i = 0; i < passed; ++i) {
    for (uint64_t ack_id : gate->levels_[i].open) ForgetAckLocked(ack_id);
    gate->levels_[i].open.clear();
  }
  if (passed == gate->levels_.size()) return;
  gates_[{gate->revision(), gate->index()}] = gate;
  deadlines_.push_back(Deadline{now + limits_.timeout, gate, passed});
}

std::shared_ptr<BubbleGate> Interceptions::Find(Revision revision,
                                                int32_t index) const {
  MutexLock lock(&mutex_);
  auto it = gates_.find({revision, index});
  return it == gates_.end() ? nullptr : it->second;
}

size_t Interceptions::LevelsBelow(const BubbleGate& gate,
                                  const Path& place) const {
  MutexLock lock(&mutex_);
  // All levels are on one way up: the deeper is the lower.
  return static_cast<size_t>(std::count_if(
      gate.levels_.begin(), gate.levels_.end(),
      [depth = place.depth()](const BubbleGate::Level& level) {
        return level.place.depth() > depth;
      }));
}

std::vector<uint64_t> Interceptions::Take(absl::Span<const Answer> answers,
                                          absl::Duration now) {
  std::vector<uint64_t> unknown;
  Aftermath after;
  {
    MutexLock lock(&mutex_);
    for (const Answer& answer : answers) {
      if (!AnswerLocked(answer.ack_id, answer.stop, now, &after)) {
        unknown.push_back(answer.ack_id);
      }
    }
  }
  Do(after);
  return unknown;
}

void Interceptions::GoOn(absl::Span<const uint64_t> ack_ids,
                         absl::Duration now) {
  if (ack_ids.empty()) return;
  Aftermath after;
  {
    MutexLock lock(&mutex_);
    for (uint64_t ack_id : ack_ids) AnswerLocked(ack_id, false, now, &after);
  }
  Do(after);
}

void Interceptions::Forget(int64_t subscription_id, absl::Duration now) {
  Aftermath after;
  {
    MutexLock lock(&mutex_);
    auto it = of_subscription_.find(subscription_id);
    if (it == of_subscription_.end()) return;
    const std::vector<uint64_t> ack_ids(it->second.begin(), it->second.end());
    for (uint64_t ack_id : ack_ids) AnswerLocked(ack_id, false, now, &after);
  }
  Do(after);
}

bool Interceptions::AnswerLocked(uint64_t ack_id, bool stop, absl::Duration now,
                                 Aftermath* after) {
  auto it = pending_.find(ack_id);
  if (it == pending_.end()) return false;
  const std::shared_ptr<BubbleGate> gate = it->second.gate;
  const size_t number = it->second.level;
  BubbleGate::Level& level = gate->levels_[number];
  ForgetAckLocked(ack_id);
  level.open.erase(std::remove(level.open.begin(), level.open.end(), ack_id),
                   level.open.end());
  if (level.stopping) return true;
  if (stop) {
    level.stopping = true;
    for (uint64_t other : level.open) ForgetAckLocked(other);
    level.open.clear();
    after->stops.push_back({gate, number, level.place});
    return true;
  }
  AdvanceLocked(gate, now, after);
  return true;
}

void Interceptions::AdvanceLocked(const std::shared_ptr<BubbleGate>& gate,
                                  absl::Duration now, Aftermath* after) {
  const size_t before = gate->passed_.load(std::memory_order_relaxed);
  size_t passed = before;
  while (passed < gate->levels_.size() && gate->levels_[passed].open.empty() &&
         !gate->levels_[passed].stopping) {
    ++passed;
  }
  if (passed == before) return;
  gate->passed_.store(passed, std::memory_order_release);
  CollectWaiters(gate.get(), after);
  if (passed == gate->levels_.size()) {
    CloseLocked(gate);
  } else if (!gate->levels_[passed].stopping) {
    deadlines_.push_back(Deadline{now + limits_.timeout, gate, passed});
  }
}

void Interceptions::StopRecorded(const std::shared_ptr<BubbleGate>& gate,
                                 size_t level) {
  Aftermath after;
  {
    MutexLock lock(&mutex_);
    gate->stopped_.store(level, std::memory_order_release);
    CloseLocked(gate);
    CollectWaiters(gate.get(), &after);
  }
  Do(after);
}

void Interceptions::Tick(absl::Duration now) {
  Aftermath after;
  {
    MutexLock lock(&mutex_);
    while (!deadlines_.empty() && deadlines_.front().at <= now) {
      const Deadline due = std::move(deadlines_.front());
      deadlines_.pop_front();
      BubbleGate::Level& level = due.gate->levels_[due.level];
      if (due.gate->passed_.load(std::memory_order_relaxed) != due.level ||
          level.stopping) {
        continue;
      }
      timeouts_.Add(level.open.size());
      for (uint64_t ack_id : level.open) ForgetAckLocked(ack_id);
      level.open.clear();
      AdvanceLocked(due.gate, now, &after);
    }
  }
  Do(after);
}

bool Interceptions::Wait(const std::shared_ptr<BubbleGate>& gate, size_t level,
                         const std::shared_ptr<GateWaiter>& waiter) {
  MutexLock lock(&mutex_);
  if (gate->VerdictAt(level) != BubbleGate::Verdict::kWait) return false;
  // It may ask again before anything has changed.
  const bool waits_already = std::any_of(
      gate->waiters_.begin(), gate->waiters_.end(),
      [&](const std::weak_ptr<GateWaiter>& other) {
        return !other.owner_before(waiter) && !waiter.owner_before(other);
      });
  if (!waits_already) gate->waiters_.push_back(waiter);
  return true;
}

size_t Interceptions::pending() const {
  MutexLock lock(&mutex_);
  return pending_.size();
}

size_t Interceptions::pending_of(int64_t subscription_id) const {
  MutexLock lock(&mutex_);
  auto it = of_subscription_.find(subscription_id);
  return it == of_subscription_.end() ? 0 : it->second.size();
}

void Interceptions::ForgetAckLocked(uint64_t ack_id) {
  auto it = pending_.find(ack_id);
  if (it == pending_.end()) return;
  auto of = of_subscription_.find(it->second.subscription_id);
  of->second.erase(ack_id);
  if (of->second.empty()) of_subscription_.erase(of);
  pending_.erase(it);
}

void Interceptions::CloseLocked(const std::shared_ptr<BubbleGate>& gate) {
  for (BubbleGate::Level& level : gate->levels_) {
    for (uint64_t ack_id : level.open) ForgetAckLocked(ack_id);
    level.open.clear();
  }
  gates_.erase({gate->revision(), gate->index()});
}

void Interceptions::CollectWaiters(BubbleGate* gate, Aftermath* after) {
  for (const std::weak_ptr<GateWaiter>& waiter : gate->waiters_) {
    if (std::shared_ptr<GateWaiter> alive = waiter.lock()) {
      after->wake.push_back(std::move(alive));
    }
  }
  gate->waiters_.clear();
}

void Interceptions::Do(const Aftermath& after) {
  for (const Aftermath::Stop& stop : after.stops) {
    record_stop_(stop.gate, stop.level, stop.place);
  }
  for (const std::shared_ptr<GateWaiter>& waiter : after.wake) waiter->Poke();
}

}  // namespace restate
