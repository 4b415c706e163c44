// What waits in Receiver while later events may take its place.

#include <algorithm>
#include <utility>

#include "engine/subscription/receiver.h"

namespace restate {

bool Receiver::IsPaced(Subscription* subscription, const QueueEntry& entry) {
  const absl::Duration interval = subscription->spec().min_interval;
  if (interval <= absl::ZeroDuration()) return false;
  SubscriptionProgress& progress = subscription->progress();
  if (progress.released_revision == entry.revision) return false;
  const absl::Duration now = parts_.clock->Monotonic();
  if (now < progress.next_release) return true;
  progress.released_revision = entry.revision;
  progress.next_release = now + interval;
  return false;
}

void Receiver::ParkLocked(QueueEntry entry,
                          std::vector<uint64_t>* unanswerable) {
  Subscription* const subscription = entry.subscription;
  SubscriptionProgress& progress = subscription->progress();
  const size_t before = progress.parked.bytes();
  const size_t count = progress.parked.size();
  const ParkedEvents::Outcome parked =
      progress.parked.Park(std::move(entry.event));
  unanswerable->insert(unanswerable->end(), parked.replaced_acks.begin(),
                       parked.replaced_acks.end());
  const size_t after = progress.parked.bytes();
  progress.dropped += parked.replaced;
  if (parked.replaced > 0) {
    parts_.counters->coalesced.Add(static_cast<uint64_t>(parked.replaced));
  }
  progress.queued_events.fetch_add(
      static_cast<int64_t>(progress.parked.size()) -
          static_cast<int64_t>(count),
      std::memory_order_relaxed);
  progress.queued_bytes.fetch_add(static_cast<int64_t>(after) -
                                      static_cast<int64_t>(before),
                                  std::memory_order_relaxed);
  queued_bytes_.fetch_add(after - before, std::memory_order_relaxed);
  if (std::find(parking_.begin(), parking_.end(), subscription) ==
      parking_.end()) {
    parking_.push_back(subscription);
  }
  if (queued_bytes_.load(std::memory_order_relaxed) <= 2 * max_queue_bytes_) {
    return;
  }
  // Even the latest values take too much.
  const Revision lost_from = progress.parked.first_revision();
  for (const Event& event : progress.parked.TakeAll()) {
    if (event.ack_id != 0) unanswerable->push_back(event.ack_id);
  }
  queued_bytes_.fetch_sub(after, std::memory_order_relaxed);
  progress.queued_events = 0;
  progress.queued_bytes = 0;
  parking_.erase(std::remove(parking_.begin(), parking_.end(), subscription),
                 parking_.end());
  EndSlowLocked(subscription, lost_from,
                "the subscriber did not keep up, and even the latest value of "
                "each path does not fit into its queue of ");
}

void Receiver::UnparkLocked(absl::Span<Subscription* const> subscriptions) {
  std::vector<QueueEntry> entries;
  for (Subscription* subscription : subscriptions) {
    SubscriptionProgress& progress = subscription->progress();
    const size_t bytes = progress.parked.bytes();
    // Counted anew when they are pushed.
    queued_bytes_.fetch_sub(bytes, std::memory_order_relaxed);
    progress.queued_bytes.fetch_sub(static_cast<int64_t>(bytes),
                                    std::memory_order_relaxed);
    progress.queued_events.fetch_sub(
        static_cast<int64_t>(progress.parked.size()),
        std::memory_order_relaxed);
    std::unique_ptr<CoalescedGroup> group = GroupOf(
        progress.parked,
        // A minimum interval is the subscriber's own wish; else something is missing.
        subscription->spec().min_interval == absl::ZeroDuration());
    for (Event& event : progress.parked.TakeAll()) {
      const Revision revision = event.emission().revision;
      const size_t event_bytes = event.ByteSize();
      entries.push_back(QueueEntry{.subscription = subscription,
                                   .revision = revision,
                                   .event = std::move(event),
                                   .coalesced = std::move(group),
                                   .bytes = event_bytes});
    }
    parking_.erase(std::remove(parking_.begin(), parking_.end(), subscription),
                   parking_.end());
  }
  std::stable_sort(entries.begin(), entries.end(),
                   [](const QueueEntry& a, const QueueEntry& b) {
                     return a.revision < b.revision;
                   });
  for (QueueEntry& entry : entries) PushLocked(std::move(entry));
  unparked_end_ = pushed_;
}

void Receiver::ReleaseDue(absl::Duration now) {
  std::shared_ptr<ReadyCallback> wake;
  {
    MutexLock lock(&mutex_);
    std::vector<Subscription*> due;
    for (Subscription* subscription : parking_) {
      const absl::Duration interval = subscription->spec().min_interval;
      SubscriptionProgress& progress = subscription->progress();
      if (interval > absl::ZeroDuration() && progress.next_release <= now) {
        progress.next_release = now + interval;
        due.push_back(subscription);
      }
    }
    if (due.empty()) return;
    UnparkLocked(due);
    wake = WakeLocked();
  }
  if (wake != nullptr) (*wake)();
}

}  // namespace restate
