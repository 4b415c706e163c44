// What Receiver holds back, and in which order it lets it go.

#include <algorithm>
#include <utility>

#include "absl/container/btree_map.h"
#include "engine/subscription/receiver.h"

namespace restate {
namespace {

bool Contains(const std::vector<Subscription*>& list,
              const Subscription* subscription) {
  return std::find(list.begin(), list.end(), subscription) != list.end();
}

}  // namespace

void Receiver::Hold(QueueEntry entry) {
  Subscription* const subscription = entry.subscription;
  entry.held_number = ++last_held_;
  if (entry.kind == QueueEntry::Kind::kEvent) {
    held_events_[OperationOf(entry)].push_back(
        {entry.held_number, entry.event.current_path().depth()});
  }
  subscription->progress().held.push_back(std::move(entry));
  if (!Contains(holding_, subscription)) holding_.push_back(subscription);
}

bool Receiver::FollowsHeld(const QueueEntry& entry) const {
  if (held_events_.empty() || entry.kind != QueueEntry::Kind::kEvent) {
    return false;
  }
  const auto held = held_events_.find(OperationOf(entry));
  if (held == held_events_.end()) return false;
  const size_t depth = entry.event.current_path().depth();
  for (const HeldEvent& other : held->second) {
    if (entry.held_number != 0 && other.number >= entry.held_number) break;
    if (other.depth >= depth) return true;
  }
  return false;
}

void Receiver::ForgetHeld(HeldOperation operation, uint64_t number) {
  const auto held = held_events_.find(operation);
  std::deque<HeldEvent>& events = held->second;
  events.erase(std::find_if(
      events.begin(), events.end(),
      [number](const HeldEvent& event) { return event.number == number; }));
  if (events.empty()) held_events_.erase(held);
}

void Receiver::ReleaseHeld(ParcelBuilder* out) {
  if (holding_.empty()) return;
  // The first of each, by number.
  absl::btree_map<uint64_t, Subscription*> firsts;
  const auto add_first = [&firsts](Subscription* subscription) {
    const SubscriptionProgress& progress = subscription->progress();
    if (progress.held.empty() || progress.initial != nullptr) return;
    firsts[progress.held.front().held_number] = subscription;
  };
  for (Subscription* subscription : holding_) add_first(subscription);
  while (!firsts.empty() && !out->full()) {
    Subscription* const subscription = firsts.begin()->second;
    firsts.erase(firsts.begin());
    std::list<QueueEntry>& held = subscription->progress().held;
    QueueEntry& entry = held.front();
    const bool is_event = entry.kind == QueueEntry::Kind::kEvent;
    // Admit moves the event out.
    const HeldOperation operation =
        is_event ? OperationOf(entry) : HeldOperation();
    if (FollowsHeld(entry) || Admit(&entry, out) == Admission::kHeld) continue;
    if (is_event) ForgetHeld(operation, entry.held_number);
    held.pop_front();
    add_first(subscription);
  }
  holding_.erase(std::remove_if(holding_.begin(), holding_.end(),
                                [](Subscription* subscription) {
                                  return subscription->progress().held.empty();
                                }),
                 holding_.end());
}

}  // namespace restate
