#ifndef RESTATE_ENGINE_COMMIT_RUNAWAY_WRITES_H_
#define RESTATE_ENGINE_COMMIT_RUNAWAY_WRITES_H_

#include <cstddef>
#include <vector>

#include "absl/types/span.h"
#include "engine/commit/commit_request.h"
#include "engine/derivation/derivation_state.h"
#include "engine/path/path.h"

namespace restate {

// Which writes make a derivation use up its budget, by what was seen: so that
// the sequencer can take these one at a time, and all others before them.
//
// A guess about the next commit, and only about when it is sequenced: a wrong one
// costs time, never a value.
//
// Not thread-safe: the sequencer's own.
class RunawayWrites {
 public:
  // A commit with these operations was computed with `state`. `over` are the
  // destinations that used up their budget in it, if any did.
  void Computed(absl::Span<const Operation> operations,
                absl::Span<const Path> over, const DerivationState& state);
  // Definitions have changed: what was seen says nothing any more.
  void Forget() { sources_.clear(); }

  bool empty() const { return sources_.empty(); }
  // Whether a commit with these operations is likely to be one.
  bool Expects(absl::Span<const Operation> operations) const;

 private:
  // What to write at, above or below leads to such a run. Few, the oldest first.
  std::vector<Path> sources_;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_COMMIT_RUNAWAY_WRITES_H_
