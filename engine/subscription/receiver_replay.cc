// The history in Receiver: what a subscription is told that the queue did not
// hold.

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "engine/error/error.h"
#include "engine/subscription/commit_routing.h"
#include "engine/subscription/pattern_index.h"
#include "engine/subscription/receiver.h"

namespace restate {
namespace {

// Read at once.
constexpr size_t kPageBytes = size_t{256} << 10;

// Routes commits of the past to those who missed them.
class ReplaySink final : public DeliverySink {
 public:
  struct Member {
    Subscription* subscription;
    ResumePosition from;
  };

  ReplaySink(const std::vector<Member>& members, const History& history,
             const Interceptions& interceptions)
      : history_(history), interceptions_(interceptions) {
    for (const Member& member : members) {
      positions_[member.subscription] = &member.from;
      for (const PathPattern& pattern :
           member.subscription->spec().patterns) {
        index_.Add(pattern, member.subscription);
      }
    }
  }

  void Route(const PastCommit& past) {
    const Revision revision = past.commit.revision;
    gates_.clear();
    stops_.clear();
    reset_here_.clear();
    // The gates first: what became of those that are gone is in the history.
    for (const Effect& effect : past.commit.effects) {
      if (std::shared_ptr<BubbleGate> gate =
              interceptions_.Find(revision, effect.index)) {
        gates_[effect.index] = std::move(gate);
      }
    }
    NoteStops(past.stops);
    NoteStops(history_.StopsOf(revision));
    if (!paced_.empty()) LetGoBefore(past.commit);
    RouteCommit(past.commit, index_, this);
  }

  // In the order in which they are to be told.
  std::deque<QueueEntry> TakeEntries() {
    // Of those with a minimum interval only the latest is told.
    for (auto& [subscription, parked] : paced_) {
      AppendPaced(subscription, &parked);
    }
    paced_.clear();
    return std::move(entries_);
  }

  void BeginOperation(const SequencedCommit& commit,
                      const Effect& effect) override {
    reset_.clear();
    const auto gate = gates_.find(effect.index);
    gate_ = gate == gates_.end() ? nullptr : gate->second;
    const auto stops = stops_.find(effect.index);
    stops_here_ = stops == stops_.end() ? nullptr : &stops->second;
  }

  void Deliver(const std::shared_ptr<const Delivery>& delivery,
               const PatternIndex::Group& group, bool downward) override {
    const Path& place = delivery->current_path;
    if (!downward && IsStopped(place)) return;
    Event event{.delivery = delivery};
    if (!downward && gate_ != nullptr) {
      event.gate_level = interceptions_.LevelsBelow(*gate_, place);
      if (event.gate_level > 0) event.gate = gate_;
    }
    for (Subscription* subscription : group.subscriptions) {
      if (!subscription->Wants(*delivery->emission, place) ||
          positions_[subscription]->Covers(event)) {
        continue;
      }
      // What is behind a reset in its commit follows it at once.
      if (subscription->spec().min_interval > absl::ZeroDuration() &&
          !reset_here_.contains(subscription)) {
        paced_[subscription].Park(event);
      } else {
        Append(subscription, event);
      }
    }
  }

  void Reset(Subscription* subscription,
             const std::shared_ptr<const SubtreeReset>& reset) override {
    if (positions_[subscription]->CoversReset(reset->revision, reset->index) ||
        !reset_.insert(subscription).second) {
      return;
    }
    // What was before it comes before it.
    LetGo(subscription);
    reset_here_.insert(subscription);
    entries_.push_back(QueueEntry{.kind = QueueEntry::Kind::kReset,
                                  .subscription = subscription,
                                  .revision = reset->revision,
                                  .reset = reset});
  }

 private:
  void NoteStops(const std::vector<Stop>& stops) {
    for (const Stop& stop : stops) stops_[stop.index].push_back(stop.place);
  }
  bool IsStopped(const Path& place) const {
    return stops_here_ != nullptr &&
           std::any_of(
               stops_here_->begin(), stops_here_->end(),
               [&](const Path& stop) { return place.StrictlyContains(stop); });
  }
  // Lets go of what a reset of the commit must not overtake, before anything of the
  // commit, so that its entries stay together.
  void LetGoBefore(const SequencedCommit& commit) {
    for (const Effect& effect : commit.effects) {
      if (!effect.below_unknown || effect.skip_notify) continue;
      index_.ForEachListenerBelow(
          effect.path,
          [this](Subscription* subscription) { LetGo(subscription); });
    }
  }
  void LetGo(Subscription* subscription) {
    const auto paced = paced_.find(subscription);
    if (paced == paced_.end()) return;
    AppendPaced(subscription, &paced->second);
    paced_.erase(paced);
  }
  void AppendPaced(Subscription* subscription, ParkedEvents* parked) {
    std::unique_ptr<CoalescedGroup> group = GroupOf(*parked, false);
    for (Event& event : parked->TakeAll()) {
      Append(subscription, std::move(event));
      entries_.back().coalesced = std::move(group);
    }
  }
  void Append(Subscription* subscription, Event event) {
    const Revision revision = event.emission().revision;
    entries_.push_back(QueueEntry{.subscription = subscription,
                                  .revision = revision,
                                  .event = std::move(event)});
  }

  const History& history_;
  const Interceptions& interceptions_;
  PatternIndex index_;
  absl::flat_hash_map<Subscription*, const ResumePosition*> positions_;
  absl::flat_hash_map<Subscription*, ParkedEvents> paced_;
  std::deque<QueueEntry> entries_;

  // Of the commit at hand, by operation; and whom it has reset.
  absl::flat_hash_map<int32_t, std::shared_ptr<BubbleGate>> gates_;
  absl::flat_hash_map<int32_t, std::vector<Path>> stops_;
  absl::flat_hash_set<Subscription*> reset_here_;

  // Of the operation at hand; and whom it has reset.
  std::shared_ptr<BubbleGate> gate_;
  const std::vector<Path>* stops_here_ = nullptr;
  absl::flat_hash_set<Subscription*> reset_;
};

}  // namespace

bool Receiver::ReadHistory(ParcelBuilder* out) {
  std::vector<ReplaySink::Member> members;
  {
    MutexLock lock(&mutex_);
    if (!end_.ok()) return false;
    for (Subscription* subscription : replaying_) {
      SubscriptionProgress& progress = subscription->progress();
      if (popped_ >= progress.replay_after_entry && progress.held.empty() &&
          progress.initial == nullptr) {
        members.push_back({subscription, progress.replay_from});
      }
    }
  }
  if (members.empty()) return false;
  const History& history = parts_.sequencer->history();
  // Not what is published but not routed yet: whether anybody intercepts it is
  // known only then.
  const Revision routed = parts_.routed->load(std::memory_order_acquire);
  Revision after = members.front().from.whole();
  for (const ReplaySink::Member& member : members) {
    after = std::min(after, member.from.whole());
  }
  absl::StatusOr<History::Page> page =
      history.Read(after, std::max(after, routed), kPageBytes);
  if (!page.ok()) {
    const Revision oldest = history.oldest();
    std::vector<Subscription*> failed;
    for (const ReplaySink::Member& member : members) {
      if (ErrorReason(page.status()) != ReasonName(Reason::kHistoryCompacted) ||
          member.from.whole() < oldest) {
        failed.push_back(member.subscription);
      }
    }
    HistoryFailed(failed, page.status(), out);
    return !failed.empty();
  }
  ReplaySink sink(members, history, *parts_.interceptions);
  for (const std::shared_ptr<const PastCommit>& past : page->commits) {
    sink.Route(*past);
  }
  replayed_ = sink.TakeEntries();

  bool progressed = page->through > after;
  MutexLock lock(&mutex_);
  for (const ReplaySink::Member& member : members) {
    SubscriptionProgress& progress = member.subscription->progress();
    if (progress.mode != Mode::kReplaying) continue;
    const Revision through = std::max(page->through, member.from.revision);
    if (page->through >= member.from.revision) {
      progress.replay_from = AfterAllOf(through);
    }
    // Nothing was missed behind what was just read: from here on the sequencer
    // queues again, but for what it is about to route and was read already.
    if (progress.missed_through > page->through) continue;
    progressed = true;
    progress.mode = Mode::kLive;
    progress.skip_through = std::max(progress.skip_through, through);
    replaying_.erase(std::remove(replaying_.begin(), replaying_.end(),
                                 member.subscription),
                     replaying_.end());
    if (std::exchange(progress.announces_synced, false)) {
      replayed_.push_back(QueueEntry{.kind = QueueEntry::Kind::kSynced,
                                     .subscription = member.subscription,
                                     .revision = through});
    }
  }
  // Else the router pokes, once it has routed what was missed.
  return progressed;
}

void Receiver::HistoryFailed(absl::Span<Subscription* const> members,
                             const absl::Status& status, ParcelBuilder* out) {
  const bool compacted =
      ErrorReason(status) == ReasonName(Reason::kHistoryCompacted);
  for (Subscription* subscription : members) {
    if (compacted && subscription->spec().history_loss == HistoryLoss::kReset) {
      Revision after = 0;
      {
        MutexLock lock(&mutex_);
        after = subscription->progress().replay_from.revision;
      }
      StartOver(subscription, after);
    } else {
      EndSubscription(subscription, status, out);
    }
  }
}

}  // namespace restate
