#include "engine/subscription/subscription_hub.h"

#include <future>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/error/error.h"
#include "engine/history/history.h"

namespace restate {
namespace {

absl::Status TooManySyncs() {
  return MakeError(Reason::kQueueFull,
                   absl::StrCat("the session has not read its last ", kMaxSyncs,
                                " sync markers: read its stream, then ask for "
                                "more"));
}

}  // namespace

// The stream of a subscription by itself.
class SubscriptionHub::PlainStream final : public EventStream {
 public:
  PlainStream(std::shared_ptr<Core> core, std::shared_ptr<Receiver> receiver,
              uint64_t stream, int64_t id)
      : core_(std::move(core)),
        receiver_(std::move(receiver)),
        stream_(stream),
        id_(id) {}
  ~PlainStream() override {
    receiver_->Detach(stream_);
    core_->Forget(id_);
  }

  absl::StatusOr<bool> Take(size_t max_bytes, size_t max_events,
                            absl::Duration now, Parcel* parcel) override {
    if (!end_.ok()) return end_;
    absl::StatusOr<bool> taken =
        receiver_->Take(stream_, max_bytes, max_events, now, parcel);
    // What ends its only subscription ends the stream, behind what was taken.
    if (taken.ok() && !parcel->ended.empty()) {
      end_ = parcel->ended.front().status;
      parcel->ended.clear();
      if (parcel->empty()) return end_;
    }
    return taken;
  }
  bool MayWait() const override { return receiver_->MayWait(); }
  bool HeartbeatDue(absl::Duration now) const override {
    return receiver_->HeartbeatDue(now);
  }

 private:
  const std::shared_ptr<Core> core_;
  const std::shared_ptr<Receiver> receiver_;
  const uint64_t stream_;
  const int64_t id_;
  absl::Status end_;
};

SubscriptionHub::SubscriptionHub(InterceptionLimits limits, const Clock* clock)
    : core_(std::make_shared<Core>()) {
  core_->clock = clock;
  core_->interceptions = std::make_shared<Interceptions>(
      limits, [core = std::weak_ptr<Core>(core_)](
                  std::shared_ptr<BubbleGate> gate, size_t level,
                  const Path& place) {
        RecordStop(core, std::move(gate), level, place);
      });
  core_->router.set_interceptions(core_->interceptions, clock);
}

void SubscriptionHub::RecordStop(const std::weak_ptr<Core>& weak,
                                 std::shared_ptr<BubbleGate> gate,
                                 size_t level, const Path& place) {
  const std::shared_ptr<Core> core = weak.lock();
  if (core == nullptr) return;
  // The history is the sequencer's to write; nobody is told before it is there.
  const absl::Status status = core->sequencer->AtBoundary(
      [weak, gate, level, stop = Stop{gate->index(), place}] {
        const std::shared_ptr<Core> core = weak.lock();
        if (core == nullptr) return;
        // If the store fails, the stop holds as long as this process does.
        core->sequencer->history()
            .RecordStop(gate->revision(), stop)
            .IgnoreError();
        core->interceptions->StopRecorded(gate, level);
      });
  if (!status.ok()) core->interceptions->StopRecorded(gate, level);
}

void SubscriptionHub::Start(std::shared_ptr<Sequencer> sequencer) {
  core_->router.StartFrom(sequencer->publication().Newest()->revision());
  core_->sequencer = std::move(sequencer);
}

std::shared_ptr<Receiver> SubscriptionHub::NewReceiver(
    size_t max_queue_bytes, std::shared_ptr<ClientAccount> account) {
  ReceiverParts parts;
  parts.sequencer = core_->sequencer;
  parts.interceptions = core_->interceptions;
  parts.routed = core_->router.routed();
  parts.clock = core_->clock;
  parts.counters = core_->counters;
  parts.ended = [core = std::weak_ptr<Core>(core_)](
                    const std::shared_ptr<Subscription>& subscription) {
    if (auto alive = core.lock()) alive->Forget(subscription->id());
  };
  auto receiver = std::make_shared<Receiver>(std::move(parts), max_queue_bytes,
                                             std::move(account));
  MutexLock lock(&core_->mutex);
  core_->receivers[receiver.get()] = receiver;
  return receiver;
}

std::unique_ptr<EventStream> SubscriptionHub::StreamOf(
    std::shared_ptr<Receiver> receiver, uint64_t stream, int64_t id) {
  return std::make_unique<PlainStream>(core_, std::move(receiver), stream, id);
}

absl::StatusOr<SubscriptionHub::Added> SubscriptionHub::Add(
    const std::shared_ptr<Receiver>& receiver, SubscriptionSpec spec,
    std::string session_id, std::string callback_id, Room room) {
  // What is of another epoch can be begun anew, by whoever wants that.
  const bool may_be_of_another =
      std::holds_alternative<StartAfter>(spec.start) &&
      spec.history_loss == HistoryLoss::kReset;
  if (absl::Status status = core_->sequencer->CheckEpoch(spec.epoch);
      !status.ok() && !may_be_of_another) {
    return status;
  }
  ClientAccount& account = *receiver->account();
  const auto take = [&](Holding what, size_t amount) -> absl::StatusOr<Hold> {
    if (room == Room::kIsTakenOver) return account.TakeAnyway(what, amount);
    return account.Take(what, amount);
  };
  absl::StatusOr<Hold> one = take(Holding::kSubscriptions, 1);
  if (!one.ok()) return one.status();
  absl::StatusOr<Hold> patterns = take(Holding::kPatterns, spec.patterns.size());
  if (!patterns.ok()) return patterns.status();
  std::shared_ptr<Subscription> subscription;
  {
    MutexLock lock(&core_->mutex);
    subscription = std::make_shared<Subscription>(
        ++core_->last_id, std::move(spec), std::move(session_id),
        std::move(callback_id), receiver.get());
    core_->subscriptions[subscription->id()] = Entry{
        subscription, receiver, *std::move(one), *std::move(patterns)};
    if (subscription->spec().min_interval > absl::ZeroDuration()) {
      core_->paced[subscription->id()] = receiver;
    }
  }
  auto begun = std::make_shared<std::promise<absl::StatusOr<Revision>>>();
  absl::Status status = core_->sequencer->AtBoundary(
      [core = core_, subscription, receiver, begun] {
        std::shared_ptr<const PublishedState> state =
            core->sequencer->publication().Newest();
        const Revision revision = state->revision();
        absl::Status status = receiver->Begin(subscription, std::move(state));
        if (!status.ok()) return begun->set_value(status);
        core->router.Add(subscription, receiver);
        begun->set_value(revision);
      });
  absl::StatusOr<Revision> revision =
      status.ok() ? begun->get_future().get() : status;
  if (!revision.ok()) {
    MutexLock lock(&core_->mutex);
    core_->subscriptions.erase(subscription->id());
    core_->paced.erase(subscription->id());
    return revision.status();
  }
  return Added{subscription->id(), *revision};
}

void SubscriptionHub::Core::Forget(int64_t id) {
  Entry entry;
  {
    MutexLock lock(&mutex);
    auto it = subscriptions.find(id);
    if (it == subscriptions.end()) return;
    entry = std::move(it->second);
    subscriptions.erase(it);
    paced.erase(id);
  }
  entry.receiver->Drop(entry.subscription);
  // Once the sequencer is stopped nothing is routed any more.
  sequencer
      ->AtBoundary([core = shared_from_this(),
                    subscription = entry.subscription] {
        core->router.Remove(subscription.get());
      })
      .IgnoreError();
}

void SubscriptionHub::Remove(int64_t id) { core_->Forget(id); }

void SubscriptionHub::Sync(
    const std::shared_ptr<Receiver>& receiver, Revision revision,
    absl::AnyInvocable<void(absl::StatusOr<int64_t>)> done) {
  if (revision == 0) {
    revision = core_->sequencer->publication().Newest()->revision();
  }
  auto shared_done =
      std::make_shared<absl::AnyInvocable<void(absl::StatusOr<int64_t>)>>(
          std::move(done));
  core_->sequencer->publication().WhenPublished(
      revision, [core = core_, receiver, revision, shared_done](
                    absl::StatusOr<std::shared_ptr<const PublishedState>>
                        state) {
        if (!state.ok()) return (*shared_done)(state.status());
        // At the boundary all that is published is in the queues.
        const absl::Status status = core->sequencer->AtBoundary(
            [core, receiver, revision, shared_done] {
              if (!receiver->HasRoomForSync()) {
                return (*shared_done)(TooManySyncs());
              }
              int64_t sync_id = 0;
              {
                MutexLock lock(&core->mutex);
                sync_id = ++core->last_sync_id;
              }
              (*shared_done)(sync_id);
              receiver->AddSync(SyncPoint{revision, sync_id});
            });
        if (!status.ok()) (*shared_done)(status);
      });
}

void SubscriptionHub::EndAll(const absl::Status& why) {
  std::vector<std::shared_ptr<Receiver>> ending;
  {
    MutexLock lock(&core_->mutex);
    for (const auto& [raw, receiver] : core_->receivers) {
      if (auto alive = receiver.lock()) ending.push_back(std::move(alive));
    }
  }
  for (const std::shared_ptr<Receiver>& receiver : ending) receiver->End(why);
}

void SubscriptionHub::Tick(absl::Duration now) {
  core_->interceptions->Tick(now);
  std::vector<std::shared_ptr<Receiver>> paced;
  {
    MutexLock lock(&core_->mutex);
    for (const auto& [id, receiver] : core_->paced) {
      if (auto alive = receiver.lock()) paced.push_back(std::move(alive));
    }
    absl::erase_if(core_->receivers, [](const auto& entry) {
      return entry.second.expired();
    });
  }
  for (const std::shared_ptr<Receiver>& receiver : paced) {
    receiver->ReleaseDue(now);
  }
}

std::vector<SubscriptionStatus> SubscriptionHub::List(
    const std::string& session_id, int64_t after_id, size_t limit) const {
  struct Listed {
    std::shared_ptr<Subscription> subscription;
    std::shared_ptr<Receiver> receiver;
  };
  std::vector<Listed> entries;
  {
    MutexLock lock(&core_->mutex);
    for (auto it = core_->subscriptions.upper_bound(after_id);
         it != core_->subscriptions.end() && entries.size() < limit; ++it) {
      if (!session_id.empty() &&
          it->second.subscription->session_id() != session_id) {
        continue;
      }
      entries.push_back({it->second.subscription, it->second.receiver});
    }
  }
  std::vector<SubscriptionStatus> statuses;
  statuses.reserve(entries.size());
  for (const Listed& entry : entries) {
    statuses.push_back(entry.receiver->StatusOf(entry.subscription.get()));
  }
  return statuses;
}

SubscriptionHub::QueuedBytes SubscriptionHub::queued_bytes() const {
  std::vector<std::shared_ptr<Receiver>> receivers;
  {
    MutexLock lock(&core_->mutex);
    receivers.reserve(core_->receivers.size());
    for (const auto& [raw, receiver] : core_->receivers) {
      if (auto alive = receiver.lock()) receivers.push_back(std::move(alive));
    }
  }
  QueuedBytes queued;
  for (const std::shared_ptr<Receiver>& receiver : receivers) {
    const size_t bytes = receiver->queued_bytes();
    queued.total += bytes;
    queued.largest = std::max(queued.largest, bytes);
  }
  return queued;
}

size_t SubscriptionHub::count() const {
  MutexLock lock(&core_->mutex);
  return core_->subscriptions.size();
}

}  // namespace restate
