#include "engine/backend/faulty/faulty_backend.h"

namespace restate {

absl::Status FaultyBackend::Apply(absl::Span<const Write> writes,
                                  Revision revision) {
  return plan_->OnWrite([&] { return backend_->Apply(writes, revision); });
}

absl::Status FaultyBackend::ApplyPossible(absl::Span<const Write> writes,
                                          Revision revision,
                                          std::vector<LeftWrite>* left) {
  return plan_->OnWrite(
      [&] { return backend_->ApplyPossible(writes, revision, left); });
}

absl::StatusOr<std::shared_ptr<const Snapshot>> FaultyBackend::TakeSnapshot() {
  if (absl::Status status = plan_->OnSnapshot(); !status.ok()) return status;
  return backend_->TakeSnapshot();
}

}  // namespace restate
