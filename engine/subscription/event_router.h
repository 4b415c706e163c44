#ifndef RESTATE_ENGINE_SUBSCRIPTION_EVENT_ROUTER_H_
#define RESTATE_ENGINE_SUBSCRIPTION_EVENT_ROUTER_H_

#include <memory>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/types/span.h"
#include "engine/commit/effect.h"
#include "engine/subscription/event.h"
#include "engine/subscription/pattern_index.h"
#include "engine/subscription/subscriber.h"

namespace restate {

// Turns what commits did into events and puts them into the queues of those who
// listen, in the order of the contract: for each operation the places strictly
// below it whose value changed (deepest first, then byte order), the place
// itself, then each ancestor up to the root.
//
// An emission is made once for each emitting path, and only if somebody hears
// of it. Nothing here waits for a subscriber.
//
// Not thread-safe: the sequencer's thread alone.
class EventRouter final : public CommitListener {
 public:
  void Add(std::shared_ptr<Subscriber> subscriber);
  void Remove(const Subscriber* subscriber);
  // Ends all subscriptions with `why`, and wakes their streams.
  void EndAll(const absl::Status& why);

  bool ListensBelow(const Path& path) const override {
    return index_.ListensBelow(path);
  }
  void OnPublished(absl::Span<const SequencedCommit> commits) override;

 private:
  void RouteEffect(const SequencedCommit& commit, const Effect& effect);
  void Deliver(const std::shared_ptr<const Emission>& emission,
               const Path& place,
               absl::Span<const PatternIndex::Listener* const> listeners);

  PatternIndex index_;
  absl::flat_hash_map<const Subscriber*, std::shared_ptr<Subscriber>>
      subscribers_;
  // Those with events of the commit at hand, in the order they got the first.
  std::vector<Subscriber*> staged_;
  // Those that got something in this batch.
  std::vector<Subscriber*> touched_;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_SUBSCRIPTION_EVENT_ROUTER_H_
