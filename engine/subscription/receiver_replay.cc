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

// The last revision that was told whole.
Revision WholeBefore(const ResumePosition& position) {
  return position.point.has_value() ? position.revision - 1
                                    : position.revision;
}

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
    // The gates first: what became of those that are gone is in the history.
    for (const Effect& effect : past.commit.effects) {
      if (std::shared_ptr<BubbleGate> gate =
              interceptions_.Find(revision, effect.index)) {
        gates_[effect.index] = std::move(gate);
      }
    }
    NoteStops(past.stops);
    NoteStops(history_.StopsOf(revision));
    RouteCommit(past.commit, index_, this);
  }

  // In the order in which they are to be told.
  std::deque<QueueEntry> TakeEntries() {
    // Of those with a minimum interval only the latest is told.
    for (auto& [subscription, parked] : paced_) {
      for (Event& event : parked.TakeAll()) Append(subscription, std::move(event));
    }
    paced_.clear();
    return std::move(entries_);
  }

  void BeginOperation(const SequencedCommit& commit,
                      const Effect& effect) override {
    revision_ = commit.revision;
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
      if (lost_.contains(subscription) ||
          !subscription->Wants(*delivery->emission, place) ||
          positions_[subscription]->Covers(event)) {
        continue;
      }
      if (subscription->spec().min_interval > absl::ZeroDuration()) {
        paced_[subscription].Park(event);
      } else {
        Append(subscription, event);
      }
    }
  }

  void Lost(Subscription* subscription, const Path& path) override {
    const Revision revision = revision_;
    const ResumePosition& from = *positions_[subscription];
    // A position inside the revision is behind the loss only if it was told of
    // something in it; then it knows.
    if (from.revision >= revision || !lost_.insert(subscription).second) {
      return;
    }
    entries_.push_back(QueueEntry{.kind = QueueEntry::Kind::kLost,
                                  .subscription = subscription,
                                  .revision = revision});
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
  // Begin again with a snapshot.
  absl::flat_hash_set<Subscription*> lost_;
  absl::flat_hash_map<Subscription*, ParkedEvents> paced_;
  std::deque<QueueEntry> entries_;

  // Of the commit at hand, by operation.
  absl::flat_hash_map<int32_t, std::shared_ptr<BubbleGate>> gates_;
  absl::flat_hash_map<int32_t, std::vector<Path>> stops_;

  // Of the operation at hand.
  Revision revision_ = 0;
  std::shared_ptr<BubbleGate> gate_;
  const std::vector<Path>* stops_here_ = nullptr;
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
  Revision after = WholeBefore(members.front().from);
  for (const ReplaySink::Member& member : members) {
    after = std::min(after, WholeBefore(member.from));
  }
  absl::StatusOr<History::Page> page =
      history.Read(after, std::max(after, routed), kPageBytes);
  if (!page.ok()) {
    const Revision oldest = history.oldest();
    std::vector<Subscription*> failed;
    for (const ReplaySink::Member& member : members) {
      if (ErrorReason(page.status()) != ReasonName(Reason::kHistoryCompacted) ||
          WholeBefore(member.from) < oldest) {
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
      progress.replay_from = ResumePosition{through, std::nullopt};
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

void Receiver::StartOver(Subscription* subscription, Revision after) {
  std::shared_ptr<const PublishedState> state =
      parts_.sequencer->publication().Newest();
  const Revision revision = state->revision();
  SubscriptionProgress& progress = subscription->progress();
  progress.initial = std::make_unique<InitialPhase>(
      std::move(state), subscription->spec().patterns);
  progress.initial->reset = Path();
  progress.initial->gap = EventGap{after, revision, 0};
  progress.drop_through = revision;
  initial_.push_back(subscription);
  parts_.counters->resets.Add();
  MutexLock lock(&mutex_);
  progress.announces_synced = false;
  if (progress.mode == Mode::kReplaying) {
    progress.replay_from = ResumePosition{revision, std::nullopt};
  } else {
    progress.skip_through = std::max(progress.skip_through, revision);
  }
}

}  // namespace restate
