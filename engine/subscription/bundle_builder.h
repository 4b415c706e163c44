#ifndef RESTATE_ENGINE_SUBSCRIPTION_BUNDLE_BUILDER_H_
#define RESTATE_ENGINE_SUBSCRIPTION_BUNDLE_BUILDER_H_

#include <cstddef>
#include <memory>
#include <vector>

#include "engine/subscription/event.h"
#include "engine/subscription/event_bundle.h"

namespace restate {

// Makes bundles of what one pattern is told: of whole commits, and bounded. A
// commit that is larger than a bundle may be is told event by event, since what is
// queued of a commit is queued together.
//
// Not thread-safe.
class BundleBuilder {
 public:
  static constexpr size_t kMaxEvents = 256;
  static constexpr size_t kMaxBytes = size_t{128} << 10;

  // What is to be queued, in this order.
  struct Ready {
    std::shared_ptr<const EventBundle> bundle;
    std::vector<std::shared_ptr<const Delivery>> single;
  };

  // The next of the commit at hand.
  Ready Add(std::shared_ptr<const Delivery> delivery);
  // The commit is over.
  void EndCommit();
  // Everything that there is. What is left of the commit at hand comes event by
  // event.
  Ready TakeAll();

 private:
  bool HasRoomFor(size_t bytes) const {
    return open_ == nullptr || (open_->size() < kMaxEvents &&
                                open_->bytes + bytes <= kMaxBytes);
  }
  // Gives what is there of whole commits, and keeps the rest.
  std::shared_ptr<const EventBundle> TakeWhole();

  std::shared_ptr<EventBundle> open_;
  // How many of its events are of commits that are over.
  size_t whole_ = 0;
  // Whether the commit at hand is told event by event.
  bool single_ = false;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_SUBSCRIPTION_BUNDLE_BUILDER_H_
