#ifndef RESTATE_ENGINE_BACKEND_FAULTY_FAULTY_COMMIT_STORE_H_
#define RESTATE_ENGINE_BACKEND_FAULTY_FAULTY_COMMIT_STORE_H_

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "engine/backend/commit_store.h"
#include "engine/backend/faulty/fault_plan.h"

namespace restate {

// Another commit store, failing as planned. After a planned failure it takes no
// batch until Reopen, as a real one would not.
class FaultyCommitStore : public CommitStore {
 public:
  FaultyCommitStore(std::unique_ptr<CommitStore> store,
                    std::shared_ptr<FaultPlan> plan)
      : store_(std::move(store)), plan_(std::move(plan)) {}

  const CommitStoreState& state() const override { return store_->state(); }
  absl::Status Commit(const CommitBatch& batch) override;
  absl::Status WriteHistory(const HistoryChanges& changes) override;
  std::shared_ptr<const HistoryLog> history() const override {
    return store_->history();
  }
  absl::Status ReadRequests(
      absl::FunctionRef<void(StoredRequest)> take) const override {
    return store_->ReadRequests(take);
  }
  absl::Status ReadJournal(
      uint32_t mount, absl::FunctionRef<void(Write)> take) const override {
    return store_->ReadJournal(mount, take);
  }
  absl::Status CanReopen() const override { return store_->CanReopen(); }
  absl::Status Reopen() override;
  absl::Status Close(Revision last_given) override;

 private:
  const std::unique_ptr<CommitStore> store_;
  const std::shared_ptr<FaultPlan> plan_;
  // What the last write failed with, until Reopen.
  absl::Status failure_;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_BACKEND_FAULTY_FAULTY_COMMIT_STORE_H_
