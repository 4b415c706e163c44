#include "engine/subscription/event_router.h"

#include <algorithm>
#include <utility>

namespace restate {
namespace {

constexpr size_t kFewestSharing = 4;

}  // namespace

EventRouter::EventRouter()
    : routed_(std::make_shared<std::atomic<Revision>>(0)) {}

void EventRouter::Add(std::shared_ptr<Subscription> subscription,
                      std::shared_ptr<Receiver> receiver) {
  Subscription* const raw = subscription.get();
  for (const PathPattern& pattern : raw->spec().patterns) {
    index_.Add(pattern, raw);
  }
  if (raw->spec().intercepting) ++intercepting_;
  subscriptions_.emplace(raw,
                         Entry{std::move(subscription), std::move(receiver)});
}

void EventRouter::Remove(const Subscription* subscription) {
  auto it = subscriptions_.find(subscription);
  if (it == subscriptions_.end()) return;
  for (const PathPattern& pattern : subscription->spec().patterns) {
    index_.Remove(pattern, subscription);
  }
  if (subscription->spec().intercepting) --intercepting_;
  subscriptions_.erase(it);
}

void EventRouter::OnPublished(absl::Span<const SequencedCommit> commits) {
  if (commits.empty()) return;
  if (!index_.empty()) {
    for (const SequencedCommit& commit : commits) {
      sharing_ = MayShare(commit);
      if (!sharing_) {
        // What was told before comes before.
        for (auto& [group, listeners] : listeners_) {
          Share(listeners, listeners.bundles.TakeAll());
        }
      }
      RouteCommit(commit, index_, this);
      EndCommit();
    }
    for (auto& [group, listeners] : listeners_) {
      Share(listeners, listeners.bundles.TakeAll());
    }
    listeners_.clear();
    for (Receiver* receiver : touched_) receiver->Flush();
  }
  routed_->store(commits.back().revision, std::memory_order_release);
  for (Receiver* receiver : touched_) receiver->AllRouted();
  touched_.clear();
}

void EventRouter::BeginOperation(const SequencedCommit& commit,
                                 const Effect& effect) {
  commit_ = &commit;
  index_in_commit_ = effect.index;
  place_ = effect.path;
  intercepted_here_ = false;
  levels_below_ = 0;
}

EventRouter::Listeners& EventRouter::ListenersOf(
    const PatternIndex::Group& group) {
  auto [it, is_new] = listeners_.try_emplace(&group);
  Listeners& listeners = it->second;
  if (is_new) {
    for (Subscription* subscription : group.subscriptions) {
      (subscription->shares_bundles() ? listeners.sharing : listeners.others)
          .push_back(subscription);
    }
  }
  return listeners;
}

void EventRouter::Share(const Listeners& listeners,
                        BundleBuilder::Ready ready) {
  if (ready.bundle != nullptr) {
    for (Subscription* subscription : listeners.sharing) {
      Receiver* const receiver = subscription->receiver();
      if (receiver->StageBundle(subscription, ready.bundle)) {
        touched_.push_back(receiver);
      }
    }
  }
  for (const std::shared_ptr<const Delivery>& delivery : ready.single) {
    DeliverTo(listeners.sharing, delivery, false);
  }
}

void EventRouter::EndCommit() {
  for (Listeners* listeners : told_) {
    listeners->bundles.EndCommit();
    listeners->told = false;
  }
  told_.clear();
}

void EventRouter::Deliver(const std::shared_ptr<const Delivery>& delivery,
                          const PatternIndex::Group& group, bool downward) {
  const bool may_wait = !downward && intercepting_ > 0;
  if (may_wait && delivery->current_path != place_) {
    if (std::exchange(intercepted_here_, false)) ++levels_below_;
    place_ = delivery->current_path;
  }
  // Few have little to share.
  if (!sharing_ || intercepting_ > 0 ||
      group.subscriptions.size() < kFewestSharing) {
    DeliverTo(group.subscriptions, delivery, may_wait);
    return;
  }
  Listeners& listeners = ListenersOf(group);
  if (!listeners.sharing.empty()) {
    if (!std::exchange(listeners.told, true)) told_.push_back(&listeners);
    Share(listeners, listeners.bundles.Add(delivery));
  }
  DeliverTo(listeners.others, delivery, may_wait);
}

void EventRouter::DeliverTo(absl::Span<Subscription* const> subscriptions,
                            const std::shared_ptr<const Delivery>& delivery,
                            bool may_wait) {
  for (Subscription* subscription : subscriptions) {
    if (!subscription->Wants(*delivery->emission, delivery->current_path)) {
      continue;
    }
    Receiver* const receiver = subscription->receiver();
    Event event{.delivery = delivery};
    if (may_wait) {
      if (levels_below_ > 0) {
        event.gate = gate_;
        event.gate_level = levels_below_;
      }
      if (subscription->spec().intercepting &&
          receiver->CanIntercept(subscription)) {
        event.ack_id = Intercept(*subscription);
      }
    }
    if (receiver->Stage(subscription, std::move(event))) {
      touched_.push_back(receiver);
    }
  }
}

uint64_t EventRouter::Intercept(const Subscription& subscription) {
  if (gate_ == nullptr) {
    gate_ = std::make_shared<BubbleGate>(commit_->revision, index_in_commit_);
  }
  intercepted_here_ = true;
  return interceptions_->AddInterceptor(gate_, place_, subscription.id(),
                                        subscription.receiver()->account());
}

void EventRouter::EndOperation() {
  if (gate_ == nullptr) return;
  interceptions_->Open(gate_, clock_->Monotonic());
  gate_.reset();
}

bool EventRouter::MayShare(const SequencedCommit& commit) {
  // One with a reset is queued for each, whole: it is read from the history whole
  // if it does not fit.
  return std::none_of(
      commit.effects.begin(), commit.effects.end(),
      [](const Effect& effect) { return effect.below_unknown; });
}

void EventRouter::Reset(Subscription* subscription,
                        const std::shared_ptr<const SubtreeReset>& reset) {
  if (subscription->receiver()->StageReset(subscription, reset)) {
    touched_.push_back(subscription->receiver());
  }
}

}  // namespace restate
