#ifndef RESTATE_SERVICE_EXPORTS_EXPORT_COMMIT_H_
#define RESTATE_SERVICE_EXPORTS_EXPORT_COMMIT_H_

#include <string>

#include "absl/status/statusor.h"
#include "engine/backend/remote/remote_store.h"
#include "engine/commit/commit_request.h"
#include "engine/controller/controller.h"
#include "engine/path/path.h"
#include "engine/tree/tree.h"

namespace restate {

// How far the export at `path` has got: the record that its commits leave.
StoreVersion ExportVersion(const Controller& controller, const Path& path);

// The commit that a batch for the export at `path` becomes: ordinary operations,
// whose events tell of them as of a client's, and the record of the version it
// leads to. Every write is done even where the new value counts as equal, since
// what is told apart by whoever sent it must be told apart here.
//   INVALID_ARGUMENT / INVALID_VALUE, INVALID_PATH; RESOURCE_EXHAUSTED /
//   LEAF_TOO_LARGE, TOO_MANY_NODES: this server cannot hold a write.
absl::StatusOr<CommitRequest> ExportCommit(const Path& path,
                                           const StoreBatch& batch,
                                           const tree::WriteLimits& limits);

}  // namespace restate

#endif  // RESTATE_SERVICE_EXPORTS_EXPORT_COMMIT_H_
