#include "service/state/read_path.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/error/error.h"

namespace restate {
namespace {

bool IsMountDown(const absl::Status& status) {
  return ErrorReason(status) == ReasonName(Reason::kMountUnavailable);
}

absl::StatusOr<Reading> ReadOwnValue(const PublishedState& state,
                                     const Path& path,
                                     const ReadOptions& options) {
  absl::StatusOr<NodeProbe> probe = state.tree().Probe(path);
  if (!probe.ok()) {
    if (!options.partial || !IsMountDown(probe.status())) {
      return probe.status();
    }
    return Reading{.tree = {}, .truncated = true};
  }
  Reading reading{.tree = std::move(probe->own)};
  if (path.is_root() && !reading.tree.has_value() && !probe->has_children) {
    reading.tree = Value::EmptyMap();
  }
  if (reading.tree.has_value() &&
      reading.tree->ByteSize(options.max_bytes) > options.max_bytes) {
    return ReadTooLarge(path, options.max_bytes);
  }
  return reading;
}

}  // namespace

absl::StatusOr<Reading> ReadPath(const PublishedState& state, const Path& path,
                                 const ReadOptions& options) {
  if (options.view == View::kOwnValue) {
    return ReadOwnValue(state, path, options);
  }
  ReadLimits limits;
  limits.depth = options.depth;
  limits.max_bytes = options.max_bytes;
  bool left_out = false;
  absl::StatusOr<ReadResult> result =
      state.Read(path, options.view, limits,
                 options.partial ? &left_out : nullptr);
  if (!result.ok()) return result.status();
  if (result->over_limit) return ReadTooLarge(path, options.max_bytes);
  Reading reading{.tree = std::move(result->tree),
                  .truncated = result->truncated || left_out};
  if (path.is_root() && !reading.tree.has_value()) {
    reading.tree = Value::EmptyMap();
  }
  return reading;
}

absl::Status ReadTooLarge(const Path& path, size_t max_bytes) {
  return MakeError(
      Reason::kReadTooLarge,
      absl::StrCat("what ", path.ToText(), " reads as is over ",
                           max_bytes,
                           " bytes: read it with `depth`, page through "
                           "ListChildren, or use StreamState"),
      {{"path", path.ToText()}});
}

}  // namespace restate
