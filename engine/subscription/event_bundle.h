#ifndef RESTATE_ENGINE_SUBSCRIPTION_EVENT_BUNDLE_H_
#define RESTATE_ENGINE_SUBSCRIPTION_EVENT_BUNDLE_H_

#include <cstddef>
#include <memory>
#include <vector>

#include "engine/backend/backend.h"
#include "engine/subscription/event.h"

namespace restate {

// What one pattern was told by some whole commits, in order: the same for all who
// listen to that pattern and to nothing else, so that they share it. What an event
// costs for each of them, in queues, locks and encodings, is then what a bundle
// costs, which has up to some hundred.
//
// Not empty. Immutable, once it is queued, but for the bytes kept with it.
struct EventBundle {
  // Events without anything of a subscriber's own: none was intercepted, or waits
  // for that, or stands for others.
  std::vector<std::shared_ptr<const Delivery>> deliveries;
  // Of all of them, one after the other.
  EncodedViews encoded;
  // What they take in a queue.
  size_t bytes = 0;

  size_t size() const { return deliveries.size(); }
  Revision first_revision() const {
    return deliveries.front()->emission->revision;
  }
};

}  // namespace restate

#endif  // RESTATE_ENGINE_SUBSCRIPTION_EVENT_BUNDLE_H_
