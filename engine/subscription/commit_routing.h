#ifndef RESTATE_ENGINE_SUBSCRIPTION_COMMIT_ROUTING_H_
#define RESTATE_ENGINE_SUBSCRIPTION_COMMIT_ROUTING_H_

#include <memory>

#include "absl/types/span.h"
#include "engine/commit/effect.h"
#include "engine/path/path.h"
#include "engine/subscription/event.h"
#include "engine/subscription/pattern_index.h"
#include "engine/subscription/subscription.h"
#include "engine/subscription/subtree_reset.h"

namespace restate {

// Who is told what a commit did.
class DeliverySink {
 public:
  virtual ~DeliverySink() = default;

  // An operation begins; its deliveries follow.
  virtual void BeginOperation(const SequencedCommit& commit,
                              const Effect& effect) {}
  // One delivery, to those who listen to its pattern, of whom at least one wants
  // it; `downward` if it is strictly below the path that was written.
  virtual void Deliver(const std::shared_ptr<const Delivery>& delivery,
                       const PatternIndex::Group& group, bool downward) = 0;
  virtual void EndOperation() {}
  // What changed strictly below the operation's path is not known, and the
  // subscription listens there: before all deliveries of the operation. May come
  // several times.
  virtual void Reset(Subscription* subscription,
                     const std::shared_ptr<const SubtreeReset>& reset) = 0;
};

// Turns what a commit did into deliveries for those in `index`, in the order of
// the contract: for each operation the places strictly below it whose value
// changed (deepest level first, then byte order), or, if those are not known, a
// reset for all who listen there; the place itself, then each ancestor up to the
// root; at one place by pattern.
//
// An emission is made once for each emitting path, and only if somebody listens.
// The same commit gives the same deliveries whenever it is routed: live, or from
// the history.
void RouteCommit(const SequencedCommit& commit, const PatternIndex& index,
                 DeliverySink* sink);

}  // namespace restate

#endif  // RESTATE_ENGINE_SUBSCRIPTION_COMMIT_ROUTING_H_
