#ifndef RESTATE_ENGINE_COMMIT_PRECONDITIONS_H_
#define RESTATE_ENGINE_COMMIT_PRECONDITIONS_H_

#include <vector>

#include "absl/status/status.h"
#include "engine/commit/commit_request.h"
#include "engine/commit/last_changes.h"
#include "engine/commit/overlay.h"
#include "engine/derivation/derived_values.h"

namespace restate {

// OK if every condition holds in `overlay` with `derived` laid over it; what is
// derived strictly below a path does not count. `last_given` is the last revision
// that was given out. The error names the first that does not hold, and why:
//   ABORTED / PRECONDITION_FAILED, HISTORY_TOO_OLD
//   OUT_OF_RANGE / REVISION_IN_FUTURE
absl::Status CheckPreconditions(const std::vector<Precondition>& preconditions,
                                const LastChanges& last_changes,
                                Revision last_given, Overlay& overlay,
                                const DerivedValues& derived);

}  // namespace restate

#endif  // RESTATE_ENGINE_COMMIT_PRECONDITIONS_H_
