#include <memory>
#include <utility>

#include "engine/backend/subtree_reader.h"
#include "engine/mount/pending_cursor.h"
#include "engine/mount/pending_writes.h"

namespace restate {
namespace {

class PendingSnapshot final : public Snapshot {
 public:
  PendingSnapshot(std::shared_ptr<const Snapshot> base, PendingWrites writes)
      : base_(std::move(base)), writes_(std::move(writes)) {}

  absl::StatusOr<NodeProbe> Probe(const Path& path) const override {
    if (Untouched(path)) return base_->Probe(path);
    return Snapshot::Probe(path);
  }

  absl::StatusOr<ReadResult> Read(const Path& path,
                                  const ReadLimits& limits) const override {
    if (Untouched(path)) return base_->Read(path, limits);
    return Snapshot::Read(path, limits);
  }

  std::unique_ptr<Cursor> NewCursor(const Path& within) const override {
    return std::make_unique<PendingCursor>(base_->NewCursor(within), writes_,
                                           within);
  }

 private:
  // Whether no write is at, above or below the path.
  bool Untouched(const Path& path) const {
    if (writes_.Covering(path.key()) != nullptr) return false;
    const auto below = writes_.entries().LowerBound(path.key());
    return below.at_end() || !below->key.starts_with(path.key());
  }

  const std::shared_ptr<const Snapshot> base_;
  const PendingWrites writes_;
};

}  // namespace

std::shared_ptr<const Snapshot> MakePendingSnapshot(
    std::shared_ptr<const Snapshot> base, PendingWrites writes) {
  if (writes.empty()) return base;
  return std::make_shared<PendingSnapshot>(std::move(base), std::move(writes));
}

}  // namespace restate
