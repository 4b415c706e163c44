#ifndef RESTATE_ENGINE_BACKEND_REMOTE_WRITE_PARTS_H_
#define RESTATE_ENGINE_BACKEND_REMOTE_WRITE_PARTS_H_

#include <cstddef>
#include <vector>

#include "absl/types/span.h"
#include "engine/backend/backend.h"

namespace restate {

// Cuts writes into parts of about at most `max_bytes` each, to be applied one
// after the other; one at least, if only an empty one. A subtree that is larger
// becomes its removal and a write for each own value; a larger own value is a
// part by itself. Hints (Write::before) are left out.
std::vector<std::vector<Write>> CutIntoParts(absl::Span<const Write> writes,
                                             size_t max_bytes);

}  // namespace restate

#endif  // RESTATE_ENGINE_BACKEND_REMOTE_WRITE_PARTS_H_
