// Bundles in Receiver: queued and handed over as they are where that is possible,
// and otherwise as the events that they stand for.

#include <iterator>
#include <utility>
#include <vector>

#include "engine/subscription/receiver.h"

namespace restate {

bool Receiver::StageBundle(Subscription* subscription,
                           std::shared_ptr<const EventBundle> bundle) {
  const Revision revision = bundle->first_revision();
  const size_t bytes = bundle->bytes;
  staged_.push_back(QueueEntry{.kind = QueueEntry::Kind::kBundle,
                               .subscription = subscription,
                               .revision = revision,
                               .bundle = std::move(bundle),
                               .bytes = bytes});
  return staged_.size() == 1;
}

void Receiver::QueueBundle(QueueEntry entry,
                           std::vector<uint64_t>* unanswerable) {
  const SubscriptionProgress& progress = entry.subscription->progress();
  if (!Overflows(entry.bytes) && progress.mode == Mode::kLive && end_.ok() &&
      entry.revision > progress.skip_through && progress.parked.empty()) {
    PushLocked(std::move(entry));
    return;
  }
  std::vector<QueueEntry> entries = EntriesOf(entry);
  QueueCommits(absl::MakeSpan(entries), unanswerable);
}

void Receiver::ExpandFrontLocked() {
  std::vector<QueueEntry> entries = EntriesOf(queue_.front());
  queue_.pop_front();
  queue_.insert(queue_.begin(), std::make_move_iterator(entries.begin()),
                std::make_move_iterator(entries.end()));
}

void Receiver::HandleBundle(QueueEntry entry, ParcelBuilder* out) {
  const SubscriptionProgress& progress = entry.subscription->progress();
  if (progress.held.empty() && progress.initial == nullptr &&
      held_events_.empty() && progress.floors.empty() &&
      entry.revision > progress.drop_through) {
    Account(entry);
    out->AddBundle(entry.subscription, std::move(entry.bundle));
    return;
  }
  for (QueueEntry& one : EntriesOf(entry)) Handle(std::move(one), out);
}

}  // namespace restate
