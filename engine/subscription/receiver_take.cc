// The consumer's side of Receiver: what leaves the queue, and in which order.

#include <algorithm>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "engine/error/error.h"
#include "engine/subscription/receiver.h"

namespace restate {
namespace {

// Taken out of the queue under one lock.
constexpr size_t kTakenAtOnce = 256;

void Forget(std::vector<Subscription*>* list, const Subscription* subscription) {
  list->erase(std::remove(list->begin(), list->end(), subscription),
              list->end());
}

// Whether what reads at the places of `pattern` may read below `place`.
bool Touches(const PathPattern& pattern, const Path& place) {
  const Segments a = pattern.segments();
  const Segments b = place.segments();
  auto in_a = a.begin();
  auto in_b = b.begin();
  for (; in_a != a.end() && in_b != b.end(); ++in_a, ++in_b) {
    if (*in_a != kWildcard && *in_a != *in_b) return false;
  }
  return true;
}

}  // namespace

uint64_t Receiver::Attach(ReadyCallback ready) {
  std::shared_ptr<ReadyCallback> older;
  uint64_t stream;
  {
    MutexLock lock(&mutex_);
    if (waiting_) older = ready_;
    waiting_ = false;
    ready_ = std::make_shared<ReadyCallback>(std::move(ready));
    attached_ = true;
    stream = ++stream_;
  }
  // It finds out that it was replaced.
  if (older != nullptr) (*older)();
  return stream;
}

void Receiver::Detach(uint64_t stream) {
  std::vector<int64_t> intercepting;
  {
    MutexLock lock(&mutex_);
    if (stream != stream_) return;
    attached_ = false;
    waiting_ = false;
    ready_.reset();
    for (const auto& [id, subscription] : subscriptions_) {
      if (subscription->spec().intercepting) intercepting.push_back(id);
    }
  }
  for (int64_t id : intercepting) {
    parts_.interceptions->Forget(id, parts_.clock->Monotonic());
  }
}

bool Receiver::MayWait() const {
  const auto slow = parts_.sequencer->SlowMounts();
  if (slow == nullptr) return false;
  MutexLock lock(&mutex_);
  if (!reads_tree_) return false;
  for (const auto& [id, subscription] : subscriptions_) {
    for (const PathPattern& pattern : subscription->spec().patterns) {
      for (const Path& place : *slow) {
        if (Touches(pattern, place)) return true;
      }
    }
  }
  return false;
}

absl::StatusOr<bool> Receiver::Take(uint64_t stream, size_t max_bytes,
                                    size_t max_events, absl::Duration now,
                                    Parcel* parcel) {
  MutexLock taking(&take_mutex_);
  const absl::Cleanup settle = [this] { SettleBytes(); };
  parcel->Clear();
  ParcelBuilder out(parcel, max_bytes, max_events);
  while (true) {
    // Before the queue is looked at: what is routed up to here is in it.
    const Revision routed = parts_.routed->load(std::memory_order_acquire);
    absl::Status status = BeginTake(stream, &out);
    if (!status.ok()) return status;
    ReleaseHeld(&out);
    while (!out.full()) {
      if (!initial_.empty()) {
        TakeInitials(&out);
      } else if (!replayed_.empty()) {
        QueueEntry entry = std::move(replayed_.front());
        replayed_.pop_front();
        Handle(std::move(entry), &out);
      } else if (std::exchange(history_next_, false)) {
        if (!ReadHistory(&out) && !TakeQueued(&out)) break;
      } else if (TakeQueued(&out)) {
        history_next_ = true;
      } else if (!ReadHistory(&out)) {
        break;
      }
    }
    PassSyncs(&out);
    if (out.empty() && HeartbeatDue(now)) AddHeartbeats(now, routed, &out);
    if (!out.empty()) {
      Complete(now, routed, &out);
      return true;
    }
    MutexLock lock(&mutex_);
    if (stream != stream_ || poked_ || !queue_.empty() || !starting_.empty()) {
      continue;
    }
    if (!end_.ok()) return end_;
    reads_tree_ = !holding_.empty() || !replaying_.empty();
    waiting_ = true;
    return false;
  }
}

absl::Status Receiver::BeginTake(uint64_t stream, ParcelBuilder* out) {
  std::vector<std::shared_ptr<Subscription>> dropped;
  std::vector<std::shared_ptr<SessionRequest>> urgent;
  {
    MutexLock lock(&mutex_);
    if (stream != stream_) {
      return MakeError(Reason::kSessionTaken,
                       "another stream has taken the session up: this one is "
                       "over");
    }
    poked_ = false;
    urgent.swap(urgent_);
    initial_.insert(initial_.end(), starting_.begin(), starting_.end());
    starting_.clear();
    dropped.swap(dropped_);
    for (const std::shared_ptr<Subscription>& subscription : dropped) {
      const auto of_it = [&](const QueueEntry& entry) {
        if (entry.subscription != subscription.get()) return false;
        DropEntry(entry);
        popped_ += entry.weight();
        return true;
      };
      queue_.erase(std::remove_if(queue_.begin(), queue_.end(), of_it),
                   queue_.end());
    }
  }
  for (const std::shared_ptr<Subscription>& subscription : dropped) {
    Purge(subscription.get());
  }
  taking_stream_ = stream;
  for (std::shared_ptr<SessionRequest>& request : urgent) {
    if (request->SendOn(stream)) out->AddRequest(std::move(request));
  }
  return absl::OkStatus();
}

void Receiver::Purge(Subscription* subscription) {
  replayed_.erase(std::remove_if(replayed_.begin(), replayed_.end(),
                                 [&](const QueueEntry& entry) {
                                   return entry.subscription == subscription;
                                 }),
                  replayed_.end());
  SubscriptionProgress& progress = subscription->progress();
  for (const QueueEntry& entry : progress.held) {
    if (entry.kind == QueueEntry::Kind::kEvent) {
      ForgetHeld(OperationOf(entry), entry.held_number);
    }
    DropEntry(entry);
  }
  progress.held.clear();
  queued_bytes_.fetch_sub(progress.parked.bytes(), std::memory_order_relaxed);
  progress.parked.TakeAll();
  progress.initial.reset();
  Forget(&initial_, subscription);
  Forget(&holding_, subscription);
}

void Receiver::Account(const QueueEntry& entry) {
  if (entry.bytes == 0) return;
  queued_bytes_.fetch_sub(entry.bytes, std::memory_order_relaxed);
  SubscriptionProgress& progress = entry.subscription->progress();
  progress.queued_events.fetch_sub(static_cast<int64_t>(entry.weight()),
                                   std::memory_order_relaxed);
  progress.queued_bytes.fetch_sub(static_cast<int64_t>(entry.bytes),
                                  std::memory_order_relaxed);
}

void Receiver::DropEntry(const QueueEntry& entry) { Account(entry); }

Receiver::Admission Receiver::Admit(QueueEntry* entry, ParcelBuilder* out) {
  SubscriptionProgress& progress = entry->subscription->progress();
  if (entry->kind == QueueEntry::Kind::kEvent) {
    Event& event = entry->event;
    if (entry->coalesced != nullptr) {
      if (entry->coalesced->gap.has_value()) {
        progress.gap = std::move(entry->coalesced->gap);
      }
      progress.coalesced_through =
          std::max(progress.coalesced_through, entry->coalesced->through);
      entry->coalesced.reset();
    }
    bool dropped = entry->revision <= progress.drop_through ||
                   progress.floors.Cover(event.current_path(), entry->revision);
    while (!dropped && event.gate != nullptr) {
      const BubbleGate::Verdict verdict =
          event.gate->VerdictAt(event.gate_level);
      if (verdict == BubbleGate::Verdict::kPass) break;
      dropped = verdict == BubbleGate::Verdict::kStopped;
      if (verdict == BubbleGate::Verdict::kWait &&
          parts_.interceptions->Wait(event.gate, event.gate_level,
                                     shared_from_this())) {
        return Admission::kHeld;
      }
    }
    if (dropped) {
      DropEntry(*entry);
      if (event.ack_id != 0) {
        parts_.interceptions->GoOn({event.ack_id}, parts_.clock->Monotonic());
      }
      return Admission::kDropped;
    }
    Account(*entry);
    out->Add(entry->subscription, std::move(event));
    return Admission::kTold;
  }
  switch (entry->kind) {
    case QueueEntry::Kind::kSynced:
      // Once. A snapshot that began since may have told of more.
      if (!std::exchange(progress.synced_told, true)) {
        out->AddSynced(entry->subscription,
                       std::max(entry->revision, progress.drop_through));
      }
      break;
    case QueueEntry::Kind::kReset:
      Account(*entry);
      if (entry->revision > progress.drop_through &&
          !progress.floors.CoverReset(entry->reset->path, entry->revision)) {
        BeginReset(entry->subscription, entry->reset);
      }
      break;
    case QueueEntry::Kind::kEnd:
      EndSubscription(entry->subscription, std::move(entry->status), out);
      break;
    case QueueEntry::Kind::kEvent:
    case QueueEntry::Kind::kBundle:
    case QueueEntry::Kind::kSync:
    case QueueEntry::Kind::kRequest:
      break;
  }
  return Admission::kTold;
}

void Receiver::Handle(QueueEntry entry, ParcelBuilder* out) {
  if (entry.kind == QueueEntry::Kind::kBundle) {
    HandleBundle(std::move(entry), out);
    return;
  }
  if (entry.kind == QueueEntry::Kind::kSync) {
    waiting_syncs_.push_back(SyncPoint{entry.revision, entry.sync_id});
    return;
  }
  if (entry.kind == QueueEntry::Kind::kRequest) {
    if (entry.request->SendOn(taking_stream_)) {
      out->AddRequest(std::move(entry.request));
    }
    return;
  }
  const SubscriptionProgress& progress = entry.subscription->progress();
  // Behind one that waits, and behind a snapshot that began just now.
  if (!progress.held.empty() || progress.initial != nullptr ||
      FollowsHeld(entry) || Admit(&entry, out) == Admission::kHeld) {
    Hold(std::move(entry));
  }
}

void Receiver::TakeInitials(ParcelBuilder* out) {
  std::vector<Subscription*> unfinished;
  for (Subscription* subscription : initial_) {
    if (out->full() || TakeInitial(subscription, out)) {
      unfinished.push_back(subscription);
    }
  }
  initial_ = std::move(unfinished);
  // What came behind the snapshots can be told.
  if (!out->full()) ReleaseHeld(out);
}

bool Receiver::TakeInitial(Subscription* subscription, ParcelBuilder* out) {
  SubscriptionProgress& progress = subscription->progress();
  if (progress.initial == nullptr) return false;
  InitialPhase& initial = *progress.initial;
  SubscriptionRun& run = out->NewRun(subscription);
  RunNote& note = out->last_note();
  note.part = RunNote::Part::kSnapshot;
  note.subtree = initial.subtree;
  note.is_reset = initial.is_reset;
  note.as_of = initial.revision;
  run.batch.reset = std::exchange(initial.reset, std::nullopt);
  run.batch.gap = std::exchange(initial.gap, std::nullopt);
  while (!out->full()) {
    std::vector<Event> events;
    if (!initial.events.Next(&events)) {
      const absl::Status status = initial.events.status();
      if (status.ok()) EndInitial(subscription, &run.batch, &note);
      // What it pinned can go.
      progress.initial.reset();
      if (!status.ok()) EndSubscription(subscription, status, out);
      return false;
    }
    for (Event& event : events) {
      if (!subscription->Wants(event.emission(), event.current_path())) {
        continue;
      }
      out->Count(event);
      run.batch.events.push_back(std::move(event));
    }
  }
  return true;
}

bool Receiver::TakeQueued(ParcelBuilder* out) {
  taken_.clear();
  {
    MutexLock lock(&mutex_);
    if (queue_.empty() && !parking_.empty()) {
      // The consumer has caught up: now for what was coalesced meanwhile.
      std::vector<Subscription*> overflown;
      for (Subscription* subscription : parking_) {
        if (subscription->spec().min_interval > absl::ZeroDuration()) continue;
        overflown.push_back(subscription);
      }
      UnparkLocked(overflown);
    }
    size_t bytes = 0;
    size_t events = 0;
    while (!queue_.empty() && taken_.size() < kTakenAtOnce &&
           !out->WouldFill(events, bytes)) {
      QueueEntry& front = queue_.front();
      if (front.kind == QueueEntry::Kind::kBundle &&
          out->WouldOverflow(events + front.weight(), bytes + front.bytes)) {
        if (!out->empty() || events > 0) {
          out->Close();
          break;
        }
        ExpandFrontLocked();
        continue;
      }
      bytes += front.bytes;
      events += front.weight();
      popped_ += front.weight();
      taken_.push_back(std::move(front));
      queue_.pop_front();
    }
  }
  for (QueueEntry& entry : taken_) Handle(std::move(entry), out);
  return !taken_.empty();
}

bool Receiver::IsBehind(Revision revision) {
  if (!initial_.empty() || !replayed_.empty()) return true;
  for (Subscription* subscription : holding_) {
    if (subscription->progress().held.front().revision <= revision) {
      return true;
    }
  }
  MutexLock lock(&mutex_);
  if (popped_ < unparked_end_) return true;
  for (Subscription* subscription : replaying_) {
    const ResumePosition& from = subscription->progress().replay_from;
    if (from.revision < revision ||
        (from.revision == revision && from.point.has_value())) {
      return true;
    }
  }
  for (Subscription* subscription : parking_) {
    if (subscription->spec().min_interval > absl::ZeroDuration()) continue;
    if (subscription->progress().parked.first_revision() <= revision) {
      return true;
    }
  }
  return false;
}

void Receiver::PassSyncs(ParcelBuilder* out) {
  std::vector<SyncPoint> waiting;
  for (const SyncPoint& sync : waiting_syncs_) {
    if (IsBehind(sync.revision)) {
      waiting.push_back(sync);
    } else {
      out->AddSync(sync);
      syncs_.fetch_sub(1, std::memory_order_relaxed);
    }
  }
  waiting_syncs_ = std::move(waiting);
}

void Receiver::AddHeartbeats(absl::Duration now, Revision routed,
                             ParcelBuilder* out) {
  absl::Duration next = absl::InfiniteDuration();
  std::vector<std::shared_ptr<Subscription>> all;
  {
    MutexLock lock(&mutex_);
    for (const auto& [id, subscription] : subscriptions_) {
      all.push_back(subscription);
    }
  }
  for (const std::shared_ptr<Subscription>& subscription : all) {
    SubscriptionProgress& progress = subscription->progress();
    if (progress.last_sent == -absl::InfiniteDuration()) {
      progress.last_sent = now;
    }
    absl::Duration due = progress.last_sent + subscription->spec().heartbeat;
    if (due <= now) {
      // Complete says how far it is.
      out->NewRun(subscription.get());
      due = now + subscription->spec().heartbeat;
    }
    next = std::min(next, due);
  }
  // The infinite one becomes the largest number.
  next_heartbeat_.store(absl::ToInt64Milliseconds(next),
                        std::memory_order_relaxed);
}

void Receiver::EndSubscription(Subscription* subscription, absl::Status status,
                               ParcelBuilder* out) {
  std::shared_ptr<Subscription> owned;
  {
    MutexLock lock(&mutex_);
    auto it = subscriptions_.find(subscription->id());
    if (it == subscriptions_.end()) return;
    owned = it->second;
    subscriptions_.erase(it);
    subscription->progress().mode = Mode::kEnded;
    Forget(&replaying_, subscription);
    Forget(&parking_, subscription);
    Forget(&starting_, subscription);
    dropped_.push_back(owned);
    poked_ = true;
  }
  out->AddEnded(*subscription, std::move(status));
  parts_.interceptions->Forget(subscription->id(), parts_.clock->Monotonic());
  parts_.ended(owned);
}

}  // namespace restate
