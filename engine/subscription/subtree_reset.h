#ifndef RESTATE_ENGINE_SUBSCRIPTION_SUBTREE_RESET_H_
#define RESTATE_ENGINE_SUBSCRIPTION_SUBTREE_RESET_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "engine/backend/backend.h"
#include "engine/commit/effect.h"
#include "engine/path/path.h"

namespace restate {

// An operation that changed what is strictly below a path, nobody knows how: who
// listens there forgets what it knew, and is told what is there now. The same for
// all who listen. Immutable; thread-safe.
struct SubtreeReset {
  // The operation: its commit, and its number there.
  Revision revision = 0;
  int32_t index = 0;
  Path path;
  // What can be read below the path as of the commit; null if its record does not
  // hold that, and what is published is to be read.
  std::shared_ptr<const Snapshot> view;
  // What it takes in a queue.
  size_t bytes = 0;
};

// REQUIRES: effect.below_unknown.
std::shared_ptr<const SubtreeReset> ResetOf(const SequencedCommit& commit,
                                            const Effect& effect);
// The same without a view.
std::shared_ptr<const SubtreeReset> WithoutView(const SubtreeReset& reset);

}  // namespace restate

#endif  // RESTATE_ENGINE_SUBSCRIPTION_SUBTREE_RESET_H_
