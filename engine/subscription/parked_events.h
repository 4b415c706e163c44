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
// An event that may still be stopped from bubbling takes nobody's place, and
// nobody takes its, until that is decided: with it would go what was let pass.
//
// Not thread-safe.
class ParkedEvents {
 public:
  // What parking one more came to.
  struct Outcome {
    // How many events have lost their place to newer ones, and the ack ids of
    // those that had one.
    int64_t replaced = 0;
    std::vector<uint64_t> replaced_acks;
  };
  Outcome Park(Event event);
  // In the order of the newest event of each.
  std::vector<Event> TakeAll();

  bool empty() const { return size_ == 0; }
  size_t size() const { return size_; }
  size_t bytes() const { return bytes_; }
  // The first revision that what is here stands for, and the last; 0 if empty.
  Revision first_revision() const;
  Revision last_revision() const;
  // The last of those that stand for others; 0 if none does.
  Revision last_coalesced() const;
  // How many events are not kept.
  int64_t coalesced() const;

 private:
  struct Parked {
    Event event;
    // Of the first event that it stands for.
    Revision first_revision = 0;
    // Tells which came last.
    uint64_t number = 0;
  };
  // Of one key, in order. No two that are decided are beside each other.
  using Series = std::vector<Parked>;

  // Forgets what was stopped, and brings together what was decided.
  void Settle(Series* series, Outcome* outcome);

  absl::flat_hash_map<std::string, Series> events_;
  uint64_t last_number_ = 0;
  size_t size_ = 0;
  size_t bytes_ = 0;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_SUBSCRIPTION_PARKED_EVENTS_H_
