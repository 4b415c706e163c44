#include "engine/subscription/event_stream.h"

namespace restate {

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
