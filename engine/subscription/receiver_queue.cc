// The sequencer's side of Receiver: what goes into the queue, and what does not.

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/error/absl_view.h"
#include "engine/error/error.h"
#include "engine/subscription/receiver.h"

namespace restate {
namespace {

void AddOnce(std::vector<Subscription*>* list, Subscription* subscription) {
  if (std::find(list->begin(), list->end(), subscription) == list->end()) {
    list->push_back(subscription);
  }
}

void NoteAck(const QueueEntry& entry, std::vector<uint64_t>* unanswerable) {
  if (entry.event.ack_id != 0) unanswerable->push_back(entry.event.ack_id);
}

void Call(const std::shared_ptr<ReadyCallback>& ready) {
  if (ready != nullptr) (*ready)();
}

}  // namespace

absl::Status Receiver::Begin(const std::shared_ptr<Subscription>& subscription,
                             std::shared_ptr<const PublishedState> state) {
  const Revision published = state->revision();
  SubscriptionProgress& progress = subscription->progress();
  const SubscriptionSpec& spec = subscription->spec();
  const auto* after = std::get_if<StartAfter>(&spec.start);
  const bool is_of_another_epoch =
      after != nullptr &&
      !parts_.sequencer->CheckEpoch(spec.epoch).ok();
  if (after != nullptr && !is_of_another_epoch) {
    const Revision revision = std::max(after->position.revision,
                                       after->position.coalesced_through);
    if (revision > parts_.sequencer->publication().last_given()) {
      return MakeError(
          Reason::kRevisionInFuture,
          absl::StrCat("revision ", revision,
                       " was never given out; the last one is ", published));
    }
    const Revision whole = after->position.whole();
    const Revision oldest = parts_.sequencer->history().oldest();
    if (spec.history_loss == HistoryLoss::kFail && whole < oldest) {
      return MakeError(
          Reason::kHistoryCompacted,
          absl::StrCat("the history does not reach back to revision ",
                       after->position.revision, ", only to ", oldest,
                       ": begin with a snapshot, or ask for one with "
                       "history_loss RESET"),
          {{"oldest_revision", absl::StrCat(oldest)}});
    }
  }
  std::shared_ptr<ReadyCallback> wake;
  {
    MutexLock lock(&mutex_);
    if (!end_.ok()) return end_;
    subscriptions_[subscription->id()] = subscription;
    reads_tree_ |= !std::holds_alternative<StartNow>(spec.start);
    if (is_of_another_epoch) {
      // Nothing of it is known here: everything begins again.
      progress.skip_through = published;
      progress.told = after->position;
      progress.told_elsewhere = true;
      progress.initial =
          std::make_unique<InitialPhase>(std::move(state), spec.patterns);
      progress.initial->is_reset = true;
      progress.initial->reset =
          EventReset{.revision = published, .epoch_changed = true};
      progress.initial->gap = EventGap{.path = Path()};
      starting_.push_back(subscription.get());
      parts_.counters->resets.Add();
      poked_ = true;
    } else if (after != nullptr) {
      progress.mode = Mode::kReplaying;
      progress.floors = after->position.floors;
      progress.replay_from = after->position;
      progress.told = after->position;
      // All that is published is routed at this moment.
      progress.missed_through =
          std::max(parts_.routed->load(std::memory_order_acquire),
                   after->position.revision);
      progress.announces_synced = true;
      replaying_.push_back(subscription.get());
      poked_ = true;
    } else {
      progress.skip_through = published;
      progress.told = AfterAllOf(published);
      if (std::holds_alternative<StartSnapshot>(spec.start)) {
        progress.initial =
            std::make_unique<InitialPhase>(std::move(state), spec.patterns);
        starting_.push_back(subscription.get());
        poked_ = true;
      } else {
        PushLocked(QueueEntry{.kind = QueueEntry::Kind::kSynced,
                              .subscription = subscription.get(),
                              .revision = published});
      }
    }
    wake = WakeLocked();
  }
  // The first look tells when a heartbeat is due.
  next_heartbeat_.store(0, std::memory_order_relaxed);
  Call(wake);
  return absl::OkStatus();
}

bool Receiver::CanIntercept(Subscription* subscription) {
  if (!parts_.interceptions->HasRoom(subscription->id()) ||
      !account_->HasRoom(Holding::kInterceptions, 1)) {
    return false;
  }
  MutexLock lock(&mutex_);
  return attached_ && end_.ok() &&
         subscription->progress().mode == Mode::kLive;
}

bool Receiver::StageReset(Subscription* subscription,
                          const std::shared_ptr<const SubtreeReset>& reset) {
  for (auto entry = staged_.rbegin();
       entry != staged_.rend() && entry->revision == reset->revision; ++entry) {
    if (entry->subscription == subscription && entry->reset == reset) {
      return false;
    }
  }
  staged_.push_back(QueueEntry{.kind = QueueEntry::Kind::kReset,
                               .subscription = subscription,
                               .revision = reset->revision,
                               .reset = reset,
                               .bytes = reset->bytes});
  return staged_.size() == 1;
}

void Receiver::Flush() {
  std::vector<uint64_t> unanswerable;
  std::shared_ptr<ReadyCallback> wake;
  size_t events = 0;
  for (const QueueEntry& entry : staged_) events += entry.weight();
  {
    MutexLock lock(&mutex_);
    const absl::Span<QueueEntry> staged = absl::MakeSpan(staged_);
    for (size_t begin = 0; begin < staged.size();) {
      size_t end = begin;
      while (end < staged.size() &&
             staged[end].kind != QueueEntry::Kind::kBundle) {
        ++end;
      }
      QueueCommits(staged.subspan(begin, end - begin), &unanswerable);
      if (end < staged.size()) {
        QueueBundle(std::move(staged[end]), &unanswerable);
        ++end;
      }
      begin = end;
    }
    wake = WakeLocked();
  }
  SettleBytes();
  parts_.counters->events.AddAlone(events);
  staged_.clear();
  parts_.interceptions->GoOn(unanswerable, parts_.clock->Monotonic());
  Call(wake);
}

void Receiver::QueueCommits(absl::Span<QueueEntry> entries,
                            std::vector<uint64_t>* unanswerable) {
  for (size_t begin = 0; begin < entries.size();) {
    size_t end = begin + 1;
    while (end < entries.size() &&
           entries[end].revision == entries[begin].revision) {
      ++end;
    }
    QueueCommit(entries.subspan(begin, end - begin), unanswerable);
    begin = end;
  }
}

void Receiver::QueueCommit(Commit commit, std::vector<uint64_t>* unanswerable) {
  size_t bytes = 0;
  for (QueueEntry& entry : commit) {
    if (entry.kind == QueueEntry::Kind::kEvent) {
      entry.bytes = entry.event.ByteSize();
    } else if (entry.kind == QueueEntry::Kind::kReset &&
               entry.subscription->progress().mode == Mode::kLive &&
               !entry.subscription->progress().parked.empty()) {
      // Before anything of the commit, so that its entries stay together.
      UnparkLocked({&entry.subscription, 1});
    }
    bytes += entry.bytes;
  }
  const bool overflows = Overflows(bytes);
  for (QueueEntry& entry : commit) {
    SubscriptionProgress& progress = entry.subscription->progress();
    if (progress.mode == Mode::kEnded || !end_.ok() ||
        entry.revision <= progress.skip_through) {
      NoteAck(entry, unanswerable);
    } else if (progress.mode == Mode::kReplaying) {
      progress.missed_through = entry.revision;
      NoteAck(entry, unanswerable);
    } else if (entry.kind == QueueEntry::Kind::kReset) {
      QueueResetLocked(std::move(entry), overflows, unanswerable);
    } else if (entry.revision == progress.reset_revision) {
      PushWholeLocked(std::move(entry), overflows, unanswerable);
    } else if (entry.kind == QueueEntry::Kind::kEvent &&
               (!progress.parked.empty() ||
                IsPaced(entry.subscription, entry))) {
      ParkLocked(std::move(entry), unanswerable);
    } else if (overflows && entry.kind == QueueEntry::Kind::kEvent) {
      OverflowLocked(std::move(entry), unanswerable);
    } else {
      PushLocked(std::move(entry));
    }
  }
}

bool Receiver::Overflows(size_t bytes) const {
  const size_t waiting = queued_bytes_.load(std::memory_order_relaxed);
  // A single commit larger than the bound goes through when nothing else waits:
  // reading faster could not have helped.
  if (waiting == 0) return false;
  return waiting + bytes > max_queue_bytes_ ||
         !account_->HasRoom(Holding::kQueuedBytes, bytes);
}

void Receiver::SettleBytes() {
  // Another thread may be settling, or changing what there is to settle: whoever
  // comes last leaves it right.
  while (true) {
    const size_t now = queued_bytes_.load(std::memory_order_relaxed);
    const size_t before =
        settled_bytes_.exchange(now, std::memory_order_relaxed);
    if (now > before) account_->Add(Holding::kQueuedBytes, now - before);
    if (now < before) account_->Subtract(Holding::kQueuedBytes, before - now);
    if (now == queued_bytes_.load(std::memory_order_relaxed)) return;
  }
}

void Receiver::EndSlowLocked(Subscription* subscription, Revision lost_from,
                             std::string_view why) {
  subscription->progress().mode = Mode::kEnded;
  subscription->progress().lost_from = lost_from;
  parts_.counters->overflows_to_end.Add();
  PushLocked(QueueEntry{
      .kind = QueueEntry::Kind::kEnd,
      .subscription = subscription,
      .status = MakeError(
          Reason::kSlowSubscriber,
          absl::StrCat(AbslView(why), max_queue_bytes_,
                       " bytes: subscribe again with a snapshot, and listen "
                       "to less"))});
}

void Receiver::QueueResetLocked(QueueEntry entry, bool overflows,
                                std::vector<uint64_t>* unanswerable) {
  Subscription* const subscription = entry.subscription;
  // What is before it in the commit, and was parked by a minimum interval.
  SubscriptionProgress& progress = subscription->progress();
  const bool parked = !progress.parked.empty();
  if (parked) UnparkLocked({&subscription, 1});
  if (overflows && subscription->spec().overflow != Overflow::kCoalesce) {
    OverflowLocked(std::move(entry), unanswerable);
    if (parked && progress.mode == Mode::kReplaying) {
      // It is in the queue, and is not to be read from the history as well.
      progress.replay_from = PositionAfter(queue_.back().event);
    }
    return;
  }
  progress.reset_revision = entry.revision;
  if (!overflows) return PushLocked(std::move(entry));
  // Nothing stands for a reset but itself; what it shows can be read later.
  entry.reset = WithoutView(*entry.reset);
  entry.bytes = entry.reset->bytes;
  PushWholeLocked(std::move(entry), overflows, unanswerable);
}

void Receiver::PushWholeLocked(QueueEntry entry, bool overflows,
                               std::vector<uint64_t>* unanswerable) {
  if (!overflows || queued_bytes_.load(std::memory_order_relaxed) +
                            entry.bytes <=
                        2 * max_queue_bytes_) {
    return PushLocked(std::move(entry));
  }
  NoteAck(entry, unanswerable);
  EndSlowLocked(entry.subscription, entry.revision,
                "the subscriber did not keep up, and what has become unknown "
                "to it does not fit into its queue of ");
}

void Receiver::OverflowLocked(QueueEntry entry,
                              std::vector<uint64_t>* unanswerable) {
  Subscription* const subscription = entry.subscription;
  SubscriptionProgress& progress = subscription->progress();
  switch (subscription->spec().overflow) {
    case Overflow::kHistory:
      NoteAck(entry, unanswerable);
      parts_.counters->overflows_to_history.Add();
      SetReplayingLocked(subscription, entry.revision - 1);
      progress.missed_through = entry.revision;
      return;
    case Overflow::kCoalesce:
      ParkLocked(std::move(entry), unanswerable);
      return;
    case Overflow::kEnd:
      NoteAck(entry, unanswerable);
      parts_.counters->overflows_to_end.Add();
      progress.mode = Mode::kEnded;
      progress.lost_from = entry.revision;
      PushLocked(QueueEntry{
          .kind = QueueEntry::Kind::kEnd,
          .subscription = subscription,
          .status = MakeError(
              Reason::kSlowSubscriber,
              absl::StrCat(
                  "the subscriber did not keep up: its queue of ",
                  max_queue_bytes_, " bytes is full before revision ",
                  entry.revision,
                  "; subscribe again from the last token, and read faster or "
                  "listen to less"),
              {{"lost_from_revision", absl::StrCat(entry.revision)}})});
      return;
  }
}

void Receiver::SetReplayingLocked(Subscription* subscription, Revision after) {
  SubscriptionProgress& progress = subscription->progress();
  progress.mode = Mode::kReplaying;
  progress.replay_from = AfterAllOf(after);
  progress.replay_after_entry = pushed_;
  // The history may turn out to be too short.
  reads_tree_ = true;
  AddOnce(&replaying_, subscription);
}

void Receiver::PushLocked(QueueEntry entry) {
  if (entry.bytes > 0) {
    queued_bytes_.fetch_add(entry.bytes, std::memory_order_relaxed);
    SubscriptionProgress& progress = entry.subscription->progress();
    progress.queued_events.fetch_add(static_cast<int64_t>(entry.weight()),
                                     std::memory_order_relaxed);
    progress.queued_bytes.fetch_add(static_cast<int64_t>(entry.bytes),
                                    std::memory_order_relaxed);
  }
  reads_tree_ |= entry.kind == QueueEntry::Kind::kReset;
  pushed_ += entry.weight();
  queue_.push_back(std::move(entry));
}

std::shared_ptr<ReadyCallback> Receiver::WakeLocked() {
  if (!waiting_ || (queue_.empty() && !poked_)) return nullptr;
  waiting_ = false;
  return ready_;
}

void Receiver::Drop(const std::shared_ptr<Subscription>& subscription) {
  std::shared_ptr<ReadyCallback> wake;
  {
    MutexLock lock(&mutex_);
    if (subscriptions_.erase(subscription->id()) == 0) return;
    subscription->progress().mode = Mode::kEnded;
    dropped_.push_back(subscription);
    const auto forget = [&](std::vector<Subscription*>& list) {
      list.erase(std::remove(list.begin(), list.end(), subscription.get()),
                 list.end());
    };
    forget(starting_);
    forget(replaying_);
    forget(parking_);
    // Sync points that waited for it alone are to be looked at.
    poked_ = true;
    wake = WakeLocked();
  }
  Call(wake);
  parts_.interceptions->Forget(subscription->id(), parts_.clock->Monotonic());
}

void Receiver::AddSync(SyncPoint sync) {
  syncs_.fetch_add(1, std::memory_order_relaxed);
  std::shared_ptr<ReadyCallback> wake;
  {
    MutexLock lock(&mutex_);
    PushLocked(QueueEntry{.kind = QueueEntry::Kind::kSync,
                          .revision = sync.revision,
                          .sync_id = sync.sync_id});
    wake = WakeLocked();
  }
  Call(wake);
}

void Receiver::Ask(std::shared_ptr<SessionRequest> request, bool urgent) {
  std::shared_ptr<ReadyCallback> wake;
  {
    MutexLock lock(&mutex_);
    if (urgent) {
      urgent_.push_back(std::move(request));
      poked_ = true;
    } else {
      PushLocked(QueueEntry{.kind = QueueEntry::Kind::kRequest,
                            .request = std::move(request)});
    }
    wake = WakeLocked();
  }
  Call(wake);
}

void Receiver::End(absl::Status why) {
  std::shared_ptr<ReadyCallback> wake;
  {
    MutexLock lock(&mutex_);
    if (end_.ok()) end_ = std::move(why);
    poked_ = true;
    wake = WakeLocked();
  }
  Call(wake);
}

void Receiver::AllRouted() {
  std::shared_ptr<ReadyCallback> wake;
  {
    MutexLock lock(&mutex_);
    if (replaying_.empty()) return;
    poked_ = true;
    wake = WakeLocked();
  }
  Call(wake);
}

void Receiver::Poke() {
  std::shared_ptr<ReadyCallback> wake;
  {
    MutexLock lock(&mutex_);
    poked_ = true;
    wake = WakeLocked();
  }
  Call(wake);
}

SubscriptionStatus Receiver::StatusOf(Subscription* subscription) {
  const SubscriptionSpec& spec = subscription->spec();
  SubscriptionProgress& progress = subscription->progress();
  SubscriptionStatus status;
  status.id = subscription->id();
  status.session_id = subscription->session_id();
  status.callback_id = subscription->callback_id();
  status.patterns = spec.patterns;
  status.intercepting = spec.intercepting;
  const Revision published =
      parts_.sequencer->publication().Newest()->revision();
  status.unacknowledged =
      parts_.interceptions->pending_of(subscription->id());
  MutexLock lock(&mutex_);
  status.queued_events = static_cast<size_t>(
      std::max<int64_t>(0, progress.queued_events.load()));
  status.queued_bytes =
      static_cast<size_t>(std::max<int64_t>(0, progress.queued_bytes.load()));
  status.dropped_events = progress.dropped;
  status.reading_history = progress.mode == Mode::kReplaying;
  // One for whom nothing waits knows all there is.
  const bool keeps_up =
      !status.reading_history && status.queued_events == 0;
  const Revision told = progress.told.point.has_value()
                            ? progress.told.revision - 1
                            : progress.told.revision;
  status.lag_revisions =
      keeps_up ? 0 : std::max<Revision>(0, published - told);
  return status;
}

}  // namespace restate
