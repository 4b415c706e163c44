#ifndef RESTATE_ENGINE_BACKEND_SUBTREE_READER_H_
#define RESTATE_ENGINE_BACKEND_SUBTREE_READER_H_

#include <cstddef>

#include "absl/status/statusor.h"
#include "engine/backend/backend.h"
#include "engine/path/path.h"

namespace restate {

// Reading by a cursor, for stores that keep own values one by one. A stored {}
// whose node has children is ignored, as the contract has it: {} is a value
// only while its node has nothing else.

// What the node at `path` has of its own and whether it has children. Leaves
// the cursor anywhere.
absl::StatusOr<NodeProbe> ProbeNode(Cursor& cursor, const Path& path);

// The subtree at `path`, or as much of it as the limits allow: a node at
// `limits.depth` levels below `path` that has children is {}, and what is below
// it is jumped over. Leaves the cursor anywhere.
absl::StatusOr<ReadResult> ReadSubtree(Cursor& cursor, const Path& path,
                                       const ReadLimits& limits);

// Whether `tree` is within the byte and value limits.
bool WithinLimits(const Tree& tree, const ReadLimits& limits);

}  // namespace restate

#endif  // RESTATE_ENGINE_BACKEND_SUBTREE_READER_H_
