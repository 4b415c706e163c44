#ifndef RESTATE_ENGINE_COMMIT_EXPORTS_H_
#define RESTATE_ENGINE_COMMIT_EXPORTS_H_

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "engine/commit/commit_request.h"
#include "engine/path/path.h"

namespace restate {

// OK unless an operation would write at or below one of the `exports`, or
// replace it from above: whoever mounted an export is the only one to write it.
// A merge above is fine as long as it leaves the export alone.
// FAILED_PRECONDITION / EXPORTED naming the export.
absl::Status CheckExports(absl::Span<const Path> exports,
                          absl::Span<const Operation> operations);

}  // namespace restate

#endif  // RESTATE_ENGINE_COMMIT_EXPORTS_H_
