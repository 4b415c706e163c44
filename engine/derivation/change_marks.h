#ifndef RESTATE_ENGINE_DERIVATION_CHANGE_MARKS_H_
#define RESTATE_ENGINE_DERIVATION_CHANGE_MARKS_H_

#include <optional>
#include <string>

#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "engine/commit/effect.h"
#include "engine/derivation/derivation_state.h"
#include "engine/path/path.h"

namespace restate {

// The children of an aggregate's source that have changed.
struct TouchedChildren {
  // Which is not known: all of them.
  bool all = false;
  absl::btree_set<std::string> names;
};

// Finds who is to be computed anew because of an effect. An effect of a derived
// write is shown only to those that see derived paths there.
//
// Calls `mark(dest)` for each derivation of which a source has changed, kinds
// and bits included, possibly several times; `touched` learns which children of
// aggregates did. `seen_from`: of a derived write, how many segments the
// shortest path has that it can be seen from.
void MarkReaders(const DerivationState& state, const Effect& effect,
                 size_t seen_from,
                 absl::flat_hash_map<std::string, TouchedChildren>* touched,
                 absl::FunctionRef<void(const Path& dest)> mark);

}  // namespace restate

#endif  // RESTATE_ENGINE_DERIVATION_CHANGE_MARKS_H_
