#ifndef RESTATE_ENGINE_BACKEND_FAULTY_FAULTY_BACKEND_H_
#define RESTATE_ENGINE_BACKEND_FAULTY_FAULTY_BACKEND_H_

#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "engine/backend/backend.h"
#include "engine/backend/faulty/fault_plan.h"

namespace restate {

// Another backend, failing as planned. With nothing planned it is the other
// one.
class FaultyBackend : public Backend {
 public:
  FaultyBackend(std::unique_ptr<Backend> backend,
                std::shared_ptr<FaultPlan> plan)
      : backend_(std::move(backend)), plan_(std::move(plan)) {}

  std::string_view kind() const override { return backend_->kind(); }
  bool durable() const override { return backend_->durable(); }
  absl::Status CanStore(const Write& write) const override {
    return backend_->CanStore(write);
  }
  std::optional<uint32_t> commit_store_mount() const override {
    return backend_->commit_store_mount();
  }
  bool slow() const override { return backend_->slow(); }
  bool keeps_snapshots() const override { return backend_->keeps_snapshots(); }
  absl::Status Apply(absl::Span<const Write> writes,
                     Revision revision) override;
  absl::Status ApplyPossible(absl::Span<const Write> writes, Revision revision,
                             std::vector<LeftWrite>* left) override;
  Revision applied_revision() const override {
    return backend_->applied_revision();
  }
  absl::StatusOr<std::shared_ptr<const Snapshot>> TakeSnapshot() override;
  BackendHealth Health() const override { return backend_->Health(); }
  BackendSize Size() const override { return backend_->Size(); }
  std::string content_mark() const override {
    return backend_->content_mark();
  }
  bool edited_while_closed() const override {
    return backend_->edited_while_closed();
  }
  void WatchEdits(EditListener listener) override {
    backend_->WatchEdits(std::move(listener));
  }

 private:
  const std::unique_ptr<Backend> backend_;
  const std::shared_ptr<FaultPlan> plan_;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_BACKEND_FAULTY_FAULTY_BACKEND_H_
