#ifndef RESTATE_ENGINE_BACKEND_MEMORY_MEMORY_BACKEND_H_
#define RESTATE_ENGINE_BACKEND_MEMORY_MEMORY_BACKEND_H_

#include <memory>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "engine/backend/backend.h"
#include "engine/tree/tree.h"

namespace restate {

// Keeps the state as an immutable tree with structural sharing: a write costs
// what it touches, and a snapshot is a pointer. Gone when the process ends.
//
// Thread-compatible, as Backend says.
class MemoryBackend : public Backend {
 public:
  MemoryBackend() = default;

  std::string_view kind() const override { return "memory"; }
  bool durable() const override { return false; }
  // Never fails.
  absl::Status Apply(absl::Span<const Write> writes,
                     Revision revision) override;
  Revision applied_revision() const override { return applied_revision_; }
  // Never fails.
  absl::StatusOr<std::shared_ptr<const Snapshot>> TakeSnapshot() override;

 private:
  Tree root_;
  Revision applied_revision_ = 0;
};

// A snapshot over a tree that is at hand.
std::shared_ptr<const Snapshot> MakeTreeSnapshot(Tree root);

}  // namespace restate

#endif  // RESTATE_ENGINE_BACKEND_MEMORY_MEMORY_BACKEND_H_
