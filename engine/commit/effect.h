#ifndef RESTATE_ENGINE_COMMIT_EFFECT_H_
#define RESTATE_ENGINE_COMMIT_EFFECT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "engine/backend/backend.h"
#include "engine/commit/commit_request.h"
#include "engine/path/path.h"
#include "engine/tree/tree.h"

namespace restate {

// What a destination holds, as far as it can be read at or below some path.
struct DerivedPart {
  Path dest;
  Tree value;
};

// What one operation did to the tree: all that events, the memory of last
// changes and the history are made from. Only operations that changed something,
// and pings, have one.
struct Effect {
  enum class Kind { kSet, kDelete, kPing };

  // Its number in the commit; each leaf of a merge has one of its own.
  int32_t index = 0;
  Kind kind = Kind::kSet;
  Path path;
  // What the path read as before and after. For the root, nothing stands for
  // {}.
  Tree before;
  Tree after;
  // Whether `before` is whole; what is too large to keep is left out
  // (effect_limiter.h).
  bool complete = true;
  // `after` is too large to keep, and is left out. Either may be whole without
  // the other.
  bool after_incomplete = false;
  // What changed strictly below the path is not known, and may be anything:
  // whoever listens there must start again. Decided once, so that the history
  // shows the same as the listener saw. If not set, and a value is left out,
  // nothing has changed strictly below the path.
  bool below_unknown = false;
  // With below_unknown: `after`, with `derived_below` laid over it, is all that
  // can be read at and below the path once the whole commit has happened
  // (commit_view.h).
  bool keeps_below = false;
  std::vector<DerivedPart> derived_below;
  // Stands for an absent `before` in the event at the path itself and above.
  Tree default_value;
  Tree payload;
  bool skip_notify = false;
  // The path is a destination, and its derivation wrote it.
  bool derived = false;
  // Of a derived write, and not kept in the history: how many segments the
  // shortest path has whose reading shows it; a leaf in between hides it.
  size_t seen_from = 0;
};

// A commit that has its place in the order.
struct SequencedCommit {
  Revision revision = 0;
  absl::Time commit_time;
  CommitOrigin origin = CommitOrigin::kClient;
  std::vector<Effect> effects;
  // CommitRequest::run_id. Not kept in the history.
  std::string run_id;
};

// Who hears of commits. Called by the sequencer's thread alone.
class CommitListener {
 public:
  virtual ~CommitListener() = default;
  // The commits of one batch, in order, durable and visible to readers.
  virtual void OnPublished(absl::Span<const SequencedCommit> commits) = 0;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_COMMIT_EFFECT_H_
