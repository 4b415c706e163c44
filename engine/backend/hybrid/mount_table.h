#ifndef RESTATE_ENGINE_BACKEND_HYBRID_MOUNT_TABLE_H_
#define RESTATE_ENGINE_BACKEND_HYBRID_MOUNT_TABLE_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "engine/backend/backend.h"
#include "engine/path/path.h"

namespace restate {

// Which mount serves which path: the one with the longest mount point at or
// above it. A mount hides what the backend above it has at and below its mount
// point. Mounts are named by their position in the list given.
//
// Immutable; thread-safe.
class MountTable {
 public:
  // A run of keys that one mount serves.
  struct Range {
    size_t mount = 0;
    // The first key, and the first one after it; an empty `end` is the end of
    // all.
    std::string begin;
    std::string end;
  };

  // OK if one mount is at the root and no two are at one place. Otherwise
  // INVALID_ARGUMENT / INVALID_REQUEST naming the place.
  static absl::Status Check(absl::Span<const Path> points);

  // REQUIRES: Check(points) is OK.
  explicit MountTable(std::vector<Path> points);

  size_t size() const { return points_.size(); }
  const Path& point(size_t mount) const { return points_[mount]; }

  // The mount that serves `path`.
  size_t Find(const Path& path) const { return FindKey(path.key()); }
  // Whether a mount point is strictly below `path`.
  bool HasMountBelow(const Path& path) const;
  // The mounts whose points are strictly below `path`, in path order, those
  // inside others included.
  std::vector<size_t> MountsBelow(const Path& path) const;

  // All keys in order, cut where the serving mount changes.
  std::vector<Range> KeyRanges() const;

  // Takes the writes of a batch apart by mount: one list for each mount, with
  // paths relative to its mount point, in order. A kSubtree write with mounts
  // strictly below becomes
  //   - for each of these mounts a kSubtree write of its part of the value, or
  //     of nothing;
  //   - for the other children on the way to them kSubtree writes, where they
  //     differ;
  //   - for the nodes on that way kOwnValue writes, where the own value
  //     differs;
  // so that what a mount hides is never touched.
  //
  // `before_tree` is the state before the batch, over all mounts; it is read
  // only for writes with mounts below. Hints (Write::before) are carried over
  // to the parts. Errors are those of reading.
  absl::StatusOr<std::vector<std::vector<Write>>> Split(
      absl::Span<const Write> writes, const Snapshot& before_tree) const;

 private:
  size_t FindKey(std::string_view key) const;
  // The position in by_key_ of the first mount point after `key`.
  size_t FirstAfter(std::string_view key) const;

  const std::vector<Path> points_;
  // Mounts in the order of their points' keys; the root's is the first.
  std::vector<size_t> by_key_;
  // For each position in by_key_ the position of the mount around it. The
  // root's is 0.
  std::vector<size_t> around_;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_BACKEND_HYBRID_MOUNT_TABLE_H_
