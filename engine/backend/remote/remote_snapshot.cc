#include "engine/backend/remote/remote_snapshot.h"

#include <algorithm>
#include <utility>

#include "engine/backend/remote/remote_cursor.h"
#include "engine/backend/subtree_reader.h"

namespace restate {

RemoteSnapshot::RemoteSnapshot(std::shared_ptr<RemoteLink> link)
    : link_(std::move(link)), cache_(std::make_shared<PageCache>()) {}

absl::StatusOr<NodeProbe> RemoteSnapshot::Probe(const Path& path) const {
  PageSize size;
  size.entries = 2;
  RemoteCursor cursor(link_, cache_, path, size);
  return ProbeNode(cursor, path);
}

absl::StatusOr<ReadResult> RemoteSnapshot::Read(
    const Path& path, const ReadLimits& limits) const {
  PageSize size;
  // One more than may be there shows that there is more.
  if (limits.max_own_values < size.entries) {
    size.entries = limits.max_own_values + 1;
  }
  size.bytes = std::min(size.bytes, std::max<size_t>(limits.max_bytes, 4096));
  RemoteCursor cursor(link_, cache_, path, size);
  return ReadSubtree(cursor, path, limits);
}

std::unique_ptr<Cursor> RemoteSnapshot::NewCursor(const Path& within) const {
  return std::make_unique<RemoteCursor>(link_, cache_, within, PageSize());
}

}  // namespace restate
