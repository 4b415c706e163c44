#include "engine/subscription/event_stream.h"

namespace restate {

bool EventBatch::BeginsAfter(Revision earlier) const {
  if (!bundles.empty()) return bundles.front()->first_revision() > earlier;
  return !events.empty() &&
         events.front().emission().kind != EventKind::kInitial &&
         events.front().emission().revision > earlier;
}

std::vector<Event> EventBatch::AllEvents() const {
  std::vector<Event> all = events;
  for (const std::shared_ptr<const EventBundle>& bundle : bundles) {
    for (const std::shared_ptr<const Delivery>& delivery : bundle->deliveries) {
      all.push_back(Event{.delivery = delivery});
    }
  }
  return all;
}

}  // namespace restate
