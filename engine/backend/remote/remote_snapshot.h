#ifndef RESTATE_ENGINE_BACKEND_REMOTE_REMOTE_SNAPSHOT_H_
#define RESTATE_ENGINE_BACKEND_REMOTE_REMOTE_SNAPSHOT_H_

#include <cstddef>
#include <memory>

#include "absl/status/statusor.h"
#include "engine/backend/backend.h"
#include "engine/backend/remote/page_cache.h"
#include "engine/backend/remote/remote_link.h"
#include "engine/path/path.h"

namespace restate {

// Reads the store as it is now: whoever takes one sees to it that nothing is
// applied while it must stay as it is. The last pages are kept, so that what
// was just read is not asked for again.
//
// Reads block for as long as the store takes; UNAVAILABLE / MOUNT_UNAVAILABLE
// while it is down, DATA_LOSS / CORRUPT if its answers cannot be right. May
// outlive the backend. Thread-safe.
class RemoteSnapshot : public Snapshot {
 public:
  explicit RemoteSnapshot(std::shared_ptr<RemoteLink> link);

  absl::StatusOr<NodeProbe> Probe(const Path& path) const override;
  absl::StatusOr<ReadResult> Read(const Path& path,
                                  const ReadLimits& limits) const override;
  std::unique_ptr<Cursor> NewCursor(const Path& within) const override;

 private:
  const std::shared_ptr<RemoteLink> link_;
  // Shared with the cursors.
  const std::shared_ptr<PageCache> cache_;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_BACKEND_REMOTE_REMOTE_SNAPSHOT_H_
