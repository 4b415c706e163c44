#ifndef RESTATE_SERVICE_ADAPTERS_PATH_ADAPTER_H_
#define RESTATE_SERVICE_ADAPTERS_PATH_ADAPTER_H_

#include "absl/status/statusor.h"
#include "engine/path/path.h"
#include "engine/path/pattern.h"
#include "restate/v1/path.pb.h"

namespace restate {

// The path that `text` or `segments` names; the root if neither is set.
//   INVALID_ARGUMENT / INVALID_REQUEST: both are set.
//   INVALID_ARGUMENT / INVALID_PATH: it breaks a rule of paths.
absl::StatusOr<Path> DecodePath(const v1::Path& proto);

// INVALID_ARGUMENT / INVALID_PATH as PathPattern::Parse.
absl::StatusOr<PathPattern> DecodePattern(const v1::PathPattern& proto);

// Sets `text`, normalized.
void EncodePath(const Path& path, v1::Path* proto);
void EncodePattern(const PathPattern& pattern, v1::PathPattern* proto);

}  // namespace restate

#endif  // RESTATE_SERVICE_ADAPTERS_PATH_ADAPTER_H_
