#ifndef RESTATE_ENGINE_BACKEND_HYBRID_HYBRID_SNAPSHOT_H_
#define RESTATE_ENGINE_BACKEND_HYBRID_HYBRID_SNAPSHOT_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/backend/backend.h"
#include "engine/backend/hybrid/mount_table.h"
#include "engine/path/path.h"

namespace restate {

// One mount's part of a HybridSnapshot.
struct MountedSnapshot {
  Path at;
  // Or why the mount is down.
  absl::StatusOr<std::shared_ptr<const Snapshot>> snapshot;
  // What to call the backend in errors: "rocksdb".
  std::string name;
};

// Why a path below this mount cannot be read: UNAVAILABLE / MOUNT_UNAVAILABLE,
// or DATA_LOSS / CORRUPT if that is what its snapshot failed with, naming the
// mount point. REQUIRES: !mount.snapshot.ok().
absl::Status MountDownError(const MountedSnapshot& mount);

// The snapshots of all mounts as one tree. The longest mount point serves a
// path; what a mount hides in the backend above it never shows; a read above
// a mount includes what is below. A mount whose root is absent is just absent.
//
// A path in a mount that is down is UNAVAILABLE / MOUNT_UNAVAILABLE, and so is
// a Read of an ancestor of it; a Probe of an ancestor only if it cannot be
// answered without that mount. How a cursor shows it: HybridCursor.
//
// Immutable; thread-safe.
class HybridSnapshot : public Snapshot {
 public:
  // REQUIRES: MountTable::Check is OK for the mount points.
  explicit HybridSnapshot(std::vector<MountedSnapshot> mounts);

  absl::StatusOr<NodeProbe> Probe(const Path& path) const override;
  absl::StatusOr<ReadResult> Read(const Path& path,
                                  const ReadLimits& limits) const override;
  std::unique_ptr<Cursor> NewCursor(const Path& within) const override;

  // As Read, with mounts that are down left out; `*left_out` tells whether
  // any are at, below or around `path`.
  absl::StatusOr<ReadResult> ReadPartial(const Path& path,
                                         const ReadLimits& limits,
                                         bool* left_out) const;

 private:
  // The part of Probe for paths above mounts.
  absl::StatusOr<NodeProbe> ProbeAboveMounts(
      const Path& path, const MountedSnapshot& host) const;

  const std::vector<MountedSnapshot> mounts_;
  const MountTable table_;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_BACKEND_HYBRID_HYBRID_SNAPSHOT_H_
