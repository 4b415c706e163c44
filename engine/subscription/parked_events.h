#ifndef RESTATE_ENGINE_SUBSCRIPTION_PARKED_EVENTS_H_
#define RESTATE_ENGINE_SUBSCRIPTION_PARKED_EVENTS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "engine/subscription/event.h"

namespace restate {

// Events that wait while newer ones of the same emitting path, current path and
// pattern take their place. What is kept is the newest event, with the previous
// value of the first and the count of those it stands for.
//
// Not thread-safe.
class ParkedEvents {
 public:
  // Gives the ack id of the event whose place was taken, if it had one.
  uint64_t Park(Event event);
  // In the order of the newest event of each.
  std::vector<Event> TakeAll();

  bool empty() const { return events_.empty(); }
  size_t size() const { return events_.size(); }
  size_t bytes() const { return bytes_; }
  // The first revision there is, and the last; 0 if empty.
  Revision first_revision() const;
  Revision last_revision() const;
  // How many events are not kept.
  int64_t coalesced() const;

 private:
  struct Parked {
    Event event;
    // Tells which came last.
    uint64_t number = 0;
  };

  absl::flat_hash_map<std::string, Parked> events_;
  uint64_t last_number_ = 0;
  size_t bytes_ = 0;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_SUBSCRIPTION_PARKED_EVENTS_H_
