#ifndef RESTATE_SERVICE_STATE_READ_PATH_H_
#define RESTATE_SERVICE_STATE_READ_PATH_H_

#include <cstddef>

#include "absl/status/statusor.h"
#include "engine/commit/commit_request.h"
#include "engine/controller/controller.h"
#include "engine/path/path.h"
#include "engine/tree/tree.h"

namespace restate {

// How GetState and BatchGetState read.
struct ReadOptions {
  View view = View::kAll;
  // Levels below the path; 0 is everything.
  size_t depth = 0;
  // Leave out mounts that are down instead of failing.
  bool partial = false;
  // As Value::ByteSize counts.
  size_t max_bytes = SIZE_MAX;
};

// What was read.
struct Reading {
  // Absent if there is nothing in this view.
  Tree tree;
  // `depth` cut something off, or `partial` left something out.
  bool truncated = false;
};

// Reads one path. The root reads {} when nothing is in it.
//   RESOURCE_EXHAUSTED / READ_TOO_LARGE: more than `max_bytes`.
//   UNAVAILABLE / MOUNT_UNAVAILABLE, DATA_LOSS / CORRUPT.
absl::StatusOr<Reading> ReadPath(const PublishedState& state, const Path& path,
                                 const ReadOptions& options);

// RESOURCE_EXHAUSTED / READ_TOO_LARGE for an answer about `path`, telling what
// to use instead.
absl::Status ReadTooLarge(const Path& path, size_t max_bytes);

}  // namespace restate

#endif  // RESTATE_SERVICE_STATE_READ_PATH_H_
