#ifndef RESTATE_ENGINE_COMMIT_COMMIT_VIEW_H_
#define RESTATE_ENGINE_COMMIT_COMMIT_VIEW_H_

#include <cstddef>
#include <memory>

#include "engine/backend/backend.h"
#include "engine/commit/effect.h"
#include "engine/derivation/derived_values.h"

namespace restate {

// A commit whose changes below a path are not known one by one may still keep
// what can be read there once it has happened: Effect::keeps_below. Whoever
// listens there then begins again from the commit itself, and a stream that is
// resumed shows what a live one showed.

// Decides, of the complete effects of a commit, whether those that are
// below_unknown keep that. `derived` is what is derived after the commit. They do
// if `after` is known, no later operation of the commit touches the place, and
// what is derived there takes no more than an operation may (10,000 leaves,
// 16 MiB a commit).
void KeepWhatIsBelow(const DerivedValues& derived, SequencedCommit* commit);

// What an effect keeps, as View::kAll reads it: only places at and below its path
// are there. REQUIRES: effect.keeps_below.
std::shared_ptr<const Snapshot> ViewAfter(const Effect& effect);
// What that takes, about.
size_t BytesOfViewAfter(const Effect& effect);

}  // namespace restate

#endif  // RESTATE_ENGINE_COMMIT_COMMIT_VIEW_H_
