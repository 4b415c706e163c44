#include "engine/backend/memory/memory_backend.h"

#include <utility>

#include "engine/backend/memory/value_cursor.h"
#include "engine/backend/subtree_reader.h"

namespace restate {
namespace {

class TreeSnapshot : public Snapshot {
 public:
  explicit TreeSnapshot(Tree root) : root_(std::move(root)) {}

  absl::StatusOr<NodeProbe> Probe(const Path& path) const override {
    NodeProbe probe;
    const Value* node = root_.has_value() ? &*root_ : nullptr;
    for (std::string_view segment : path.segments()) {
      if (node == nullptr) break;
      node = tree::Child(*node, segment);
    }
    if (node == nullptr) return probe;
    if (!node->is_map() || node->is_empty_map()) {
      probe.own = *node;
      return probe;
    }
    // Canonical: a map that is not empty has children, whatever is under "/".
    probe.has_children = true;
    const Value* own = node->as_map().Find(kOwnValueKey);
    if (own != nullptr) probe.own = *own;
    return probe;
  }

  absl::StatusOr<ReadResult> Read(const Path& path,
                                  const ReadLimits& limits) const override {
    ReadResult result;
    result.tree = tree::Get(root_, path);
    if (limits.depth > 0) {
      result.tree =
          tree::TruncateDepth(result.tree, limits.depth, &result.truncated);
    }
    result.over_limit = !WithinLimits(result.tree, limits);
    return result;
  }

  std::unique_ptr<Cursor> NewCursor(const Path& within) const override {
    return std::make_unique<ValueCursor>(root_, within);
  }

 private:
  const Tree root_;
};

}  // namespace

absl::Status MemoryBackend::Apply(absl::Span<const Write> writes,
                                  Revision revision) {
  for (const Write& write : writes) {
    root_ = write.scope == Write::Scope::kSubtree
                ? tree::Replace(root_, write.path, write.value)
                : tree::ReplaceOwn(root_, write.path, write.value);
  }
  applied_revision_ = revision;
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<const Snapshot>> MemoryBackend::TakeSnapshot() {
  return MakeTreeSnapshot(root_);
}

std::shared_ptr<const Snapshot> MakeTreeSnapshot(Tree root) {
  return std::make_shared<TreeSnapshot>(std::move(root));
}

}  // namespace restate
