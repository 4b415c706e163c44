#include "engine/backend/faulty/faulty_commit_store.h"

namespace restate {

absl::Status FaultyCommitStore::Commit(const CommitBatch& batch) {
  if (!failure_.ok()) return failure_;
  failure_ = plan_->OnWrite([&] { return store_->Commit(batch); });
  return failure_;
}

absl::Status FaultyCommitStore::WriteHistory(const HistoryChanges& changes) {
  if (!failure_.ok()) return failure_;
  failure_ = plan_->OnWrite([&] { return store_->WriteHistory(changes); });
  return failure_;
}

absl::Status FaultyCommitStore::Reopen() {
  if (absl::Status status = plan_->OnReopen(); !status.ok()) return status;
  if (absl::Status status = store_->Reopen(); !status.ok()) return status;
  failure_ = absl::OkStatus();
  return absl::OkStatus();
}

absl::Status FaultyCommitStore::Close(Revision last_given) {
  if (!failure_.ok()) return failure_;
  return store_->Close(last_given);
}

}  // namespace restate
