#include <memory>

#include "engine/backend/backend.h"
#include "engine/backend/subtree_reader.h"

namespace restate {

absl::StatusOr<NodeProbe> Snapshot::Probe(const Path& path) const {
  std::unique_ptr<Cursor> cursor = NewCursor(path);
  return ProbeNode(*cursor, path);
}

absl::StatusOr<ReadResult> Snapshot::Read(const Path& path,
                                          const ReadLimits& limits) const {
  std::unique_ptr<Cursor> cursor = NewCursor(path);
  return ReadSubtree(*cursor, path, limits);
}

}  // namespace restate
