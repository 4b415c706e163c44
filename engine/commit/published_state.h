#ifndef RESTATE_ENGINE_COMMIT_PUBLISHED_STATE_H_
#define RESTATE_ENGINE_COMMIT_PUBLISHED_STATE_H_

#include <memory>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/backend/backend.h"
#include "engine/backend/hybrid/hybrid_snapshot.h"
#include "engine/path/path.h"

namespace restate {

// A published state: everything up to one revision, over all mounts. Immutable
// and thread-safe; as long as it is held, what it shows can be read, unless its
// store had to be opened again (then UNAVAILABLE / MOUNT_UNAVAILABLE).
class PublishedState {
 public:
  PublishedState(Revision revision, std::vector<MountedSnapshot> mounts)
      : revision_(revision), mounts_(mounts), tree_(std::move(mounts)) {}

  Revision revision() const { return revision_; }
  // The state of the whole tree. A read that touches a mount that is down is
  // UNAVAILABLE / MOUNT_UNAVAILABLE naming it.
  const Snapshot& tree() const { return tree_; }
  // As tree().Read, with mounts that are down left out; `*left_out` tells
  // whether any were.
  absl::StatusOr<ReadResult> ReadPartial(const Path& path,
                                         const ReadLimits& limits,
                                         bool* left_out) const {
    return tree_.ReadPartial(path, limits, left_out);
  }

  // The parts, for the state after this one.
  const std::vector<MountedSnapshot>& mounts() const { return mounts_; }

 private:
  const Revision revision_;
  const std::vector<MountedSnapshot> mounts_;
  const HybridSnapshot tree_;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_COMMIT_PUBLISHED_STATE_H_
