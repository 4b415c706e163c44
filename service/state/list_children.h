#ifndef RESTATE_SERVICE_STATE_LIST_CHILDREN_H_
#define RESTATE_SERVICE_STATE_LIST_CHILDREN_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "engine/backend/backend.h"
#include "engine/path/path.h"
#include "restate/v1/state_service.pb.h"

namespace restate {

// Adds the children of `path` whose names come after `after` (empty: from the
// first) to `response`, in byte order, up to `max_children` and about
// `max_bytes`, at least one. Gives the name to go on after, empty if this was
// the last page. Costs one seek a child, whatever is below them.
//   UNAVAILABLE / MOUNT_UNAVAILABLE, DATA_LOSS / CORRUPT.
absl::StatusOr<std::string> ListChildrenPage(const Snapshot& tree,
                                             const Path& path,
                                             std::string_view after,
                                             size_t max_children,
                                             size_t max_bytes,
                                             v1::ListChildrenResponse* response);

}  // namespace restate

#endif  // RESTATE_SERVICE_STATE_LIST_CHILDREN_H_
