#include <thread>
#include <utility>

#include "engine/backend/faulty/fault_plan.h"
#include "engine/backend/faulty/faulty_backend.h"
#include "engine/backend/faulty/faulty_commit_store.h"
#include "engine/backend/memory/memory_backend.h"
#include "engine/error/error.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

// Keeps only what the last batch said.
class LastBatchStore : public CommitStore {
 public:
  const CommitStoreState& state() const override { return state_; }
  absl::Status Commit(const CommitBatch& batch) override {
    state_.last_committed = batch.last_committed;
    return absl::OkStatus();
  }
  absl::Status WriteHistory(const HistoryChanges& changes) override {
    forgotten_through = changes.forget_through.value_or(0);
    return absl::OkStatus();
  }
  std::shared_ptr<const HistoryLog> history() const override {
    return nullptr;
  }
  absl::Status ReadRequests(
      absl::FunctionRef<void(StoredRequest)> take) const override {
    return absl::OkStatus();
  }
  absl::Status ReadJournal(
      uint32_t mount, absl::FunctionRef<void(Write)> take) const override {
    return absl::OkStatus();
  }
  absl::Status Reopen() override { return absl::OkStatus(); }
  absl::Status Close(Revision last_given) override {
    state_.reserved = last_given;
    return absl::OkStatus();
  }

  Revision forgotten_through = 0;

 private:
  CommitStoreState state_;
};

Write SetRoot(int64_t value) {
  return Write{Path(), Write::Scope::kSubtree, Value::Int(value), value, {}};
}

CommitBatch UpTo(Revision revision) {
  CommitBatch batch;
  batch.last_committed = revision;
  return batch;
}

Tree ReadRoot(Backend& backend) {
  return (*backend.TakeSnapshot())->Read(Path(), ReadLimits())->tree;
}

TEST(FaultyBackendTest, FailsTheNthWriteBeforeOrAfterItHappens) {
  auto plan = std::make_shared<FaultPlan>();
  FaultyBackend backend(std::make_unique<MemoryBackend>(), plan);
  plan->FailWrite(2, FaultPlan::Happens::kNot);
  plan->FailWrite(3, FaultPlan::Happens::kAllTheSame,
                  absl::InternalError("odd"));

  EXPECT_EQ(backend.Apply({SetRoot(1)}, 1), absl::OkStatus());
  EXPECT_EQ(backend.Apply({SetRoot(2)}, 2), FaultPlan::DefaultError());
  EXPECT_EQ(ReadRoot(backend), Tree(Value::Int(1)));
  EXPECT_EQ(backend.Apply({SetRoot(3)}, 3), absl::InternalError("odd"));
  EXPECT_EQ(ReadRoot(backend), Tree(Value::Int(3)));
  EXPECT_EQ(backend.Apply({SetRoot(4)}, 4), absl::OkStatus());
  EXPECT_EQ(plan->writes(), 4);
}

TEST(FaultyBackendTest, FailsSnapshotsUntilHealed) {
  auto plan = std::make_shared<FaultPlan>();
  FaultyBackend backend(std::make_unique<MemoryBackend>(), plan);
  plan->FailSnapshots();
  EXPECT_EQ(ErrorReason(backend.TakeSnapshot().status()), "MOUNT_UNAVAILABLE");
  plan->HealSnapshots();
  EXPECT_EQ(backend.TakeSnapshot().status(), absl::OkStatus());
  EXPECT_EQ(plan->snapshots(), 2);
}

TEST(FaultyCommitStoreTest, TakesNoBatchAfterAFailureUntilReopened) {
  auto plan = std::make_shared<FaultPlan>();
  FaultyCommitStore store(std::make_unique<LastBatchStore>(), plan);
  plan->FailWrite(1, FaultPlan::Happens::kAllTheSame);
  plan->FailReopens(1);

  EXPECT_EQ(store.Commit(UpTo(5)), FaultPlan::DefaultError());
  EXPECT_EQ(store.Commit(UpTo(6)), FaultPlan::DefaultError());
  EXPECT_EQ(store.state().last_committed, 5);
  EXPECT_EQ(store.Reopen(), FaultPlan::DefaultError());
  EXPECT_EQ(store.Commit(UpTo(6)), FaultPlan::DefaultError());
  EXPECT_EQ(store.Reopen(), absl::OkStatus());
  EXPECT_EQ(store.Commit(UpTo(6)), absl::OkStatus());
  EXPECT_EQ(store.state().last_committed, 6);
  EXPECT_EQ(plan->reopens(), 2);
}

TEST(FaultyCommitStoreTest, AFailedChangeOfTheHistoryIsAFailedWrite) {
  auto plan = std::make_shared<FaultPlan>();
  auto owned = std::make_unique<LastBatchStore>();
  LastBatchStore* inner = owned.get();
  FaultyCommitStore store(std::move(owned), plan);
  HistoryChanges changes;
  changes.forget_through = 4;
  plan->FailWrite(1, FaultPlan::Happens::kNot);
  EXPECT_EQ(store.WriteHistory(changes), FaultPlan::DefaultError());
  EXPECT_EQ(store.Commit(UpTo(5)), FaultPlan::DefaultError());
  EXPECT_EQ(inner->forgotten_through, 0);
  EXPECT_EQ(store.Reopen(), absl::OkStatus());
  EXPECT_EQ(store.WriteHistory(changes), absl::OkStatus());
  EXPECT_EQ(inner->forgotten_through, 4);
}

TEST(FaultyCommitStoreTest, BlockedWritesWaitForTheirRelease) {
  auto plan = std::make_shared<FaultPlan>();
  FaultyCommitStore store(std::make_unique<LastBatchStore>(), plan);
  plan->BlockWrites();
  std::thread writer([&store] {
    EXPECT_EQ(store.Commit(UpTo(7)), absl::OkStatus());
  });
  plan->WaitForBlockedWrite();
  EXPECT_EQ(store.state().last_committed, 0);
  plan->ReleaseWrites();
  writer.join();
  EXPECT_EQ(store.state().last_committed, 7);
}

}  // namespace
}  // namespace restate
