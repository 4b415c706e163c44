#include "engine/subscription/subscription_progress.h"

namespace restate {

std::vector<QueueEntry> EntriesOf(const QueueEntry& bundle) {
  std::vector<QueueEntry> entries;
  entries.reserve(bundle.bundle->size());
  for (const std::shared_ptr<const Delivery>& delivery :
       bundle.bundle->deliveries) {
    entries.push_back(QueueEntry{.subscription = bundle.subscription,
                                 .revision = delivery->emission->revision,
                                 .event = Event{.delivery = delivery},
                                 .bytes = delivery->ByteSize()});
  }
  return entries;
}

}  // namespace restate
