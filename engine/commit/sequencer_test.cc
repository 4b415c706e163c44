#include "engine/commit/sequencer.h"

#include <filesystem>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/backend/faulty/fault_plan.h"
#include "engine/backend/faulty/faulty_backend.h"
#include "engine/backend/faulty/faulty_commit_store.h"
#include "engine/backend/memory/memory_backend.h"
#include "engine/backend/rocksdb/rocksdb_store.h"
#include "engine/backend/rocksdb/testing/crashed_copy.h"
#include "engine/clock/clock.h"
#include "engine/error/error.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

Path P(std::string_view text) { return *Path::Parse(text); }

// Remembers what was published. Written by the sequencer's thread; read when a
// task at a boundary has shown that it is between two batches.
class RecordingListener : public CommitListener {
 public:
  void OnPublished(absl::Span<const SequencedCommit> commits) override {
    ++batches;
    for (const SequencedCommit& commit : commits) {
      revisions.push_back(commit.revision);
    }
  }
  int batches = 0;
  std::vector<Revision> revisions;
};

using Answer = std::future<absl::StatusOr<CommitResult>>;

class SequencerTest : public testing::Test {
 protected:
  SequencerTest()
      : directory_(std::filesystem::path(testing::TempDir()) /
                   testing::UnitTest::GetInstance()
                       ->current_test_info()
                       ->name()) {
    std::filesystem::remove_all(directory_);
  }
  ~SequencerTest() override {
    sequencer_.reset();
    std::filesystem::remove_all(directory_);
  }

  // RocksDB at the root, memory at /tmp, both failing as planned.
  void Start(size_t max_queued_commits = 100'000) {
    store_plan_ = std::make_shared<FaultPlan>();
    tmp_plan_ = std::make_shared<FaultPlan>();
    RocksDbOptions rocksdb;
    rocksdb.directory = directory_.string();
    auto store = RocksDbStore::Open(rocksdb);
    ASSERT_TRUE(store.ok()) << store.status();
    auto root = (*store)->OpenMount(Path());
    ASSERT_TRUE(root.ok()) << root.status();
    SequencerOptions options;
    options.mounts.push_back({Path(), *std::move(root)});
    options.mounts.push_back(
        {P("/tmp"), std::make_unique<FaultyBackend>(
                        std::make_unique<MemoryBackend>(), tmp_plan_)});
    options.commit_store = std::make_unique<FaultyCommitStore>(
        *std::move(store), store_plan_);
    options.clock = &clock_;
    options.listener = &listener_;
    options.queue.commits = max_queued_commits;
    auto sequencer = Sequencer::Start(std::move(options));
    ASSERT_TRUE(sequencer.ok()) << sequencer.status();
    sequencer_ = *std::move(sequencer);
  }
  // As after kill -9: nothing is closed in order.
  void Restart() {
    auto copy = directory_;
    copy += "_crashed";
    CopyAsCrashed(directory_, copy);
    sequencer_.reset();
    std::filesystem::remove_all(directory_);
    std::filesystem::rename(copy, directory_);
    Start();
  }

  Answer Submit(std::string_view path, int64_t value, bool relaxed = false) {
    SetOperation set;
    set.path = P(path);
    set.value = Value::Int(value);
    CommitRequest request;
    request.relaxed = relaxed;
    request.operations.push_back(std::move(set));
    auto done = std::make_shared<std::promise<absl::StatusOr<CommitResult>>>();
    sequencer_->Submit(std::move(request),
                       [done](absl::StatusOr<CommitResult> result) {
                         done->set_value(std::move(result));
                       });
    return done->get_future();
  }
  absl::StatusOr<CommitResult> Set(std::string_view path, int64_t value) {
    return Submit(path, value).get();
  }
  // Goes on until the store has been opened again.
  CommitResult SetWhenItCan(std::string_view path, int64_t value) {
    while (true) {
      absl::StatusOr<CommitResult> result = Set(path, value);
      if (result.ok()) return *std::move(result);
      EXPECT_EQ(ErrorReason(result.status()), "MOUNT_UNAVAILABLE");
    }
  }
  // The revisions the listener was told, when no batch is at hand.
  std::vector<Revision> Told() {
    std::promise<std::vector<Revision>> told;
    EXPECT_TRUE(sequencer_
                    ->AtBoundary([&] { told.set_value(listener_.revisions); })
                    .ok());
    return told.get_future().get();
  }
  Tree Get(std::string_view path) {
    auto read =
        sequencer_->publication().Newest()->tree().Read(P(path), {});
    EXPECT_TRUE(read.ok()) << read.status();
    return read->tree;
  }
  Revision published() { return sequencer_->publication().Newest()->revision(); }

  const std::filesystem::path directory_;
  SystemClock clock_;
  RecordingListener listener_;
  std::shared_ptr<FaultPlan> store_plan_;
  std::shared_ptr<FaultPlan> tmp_plan_;
  std::unique_ptr<Sequencer> sequencer_;
};

TEST_F(SequencerTest, AFailedFsyncIsUnknownAndPublishesNothing) {
  Start();
  const Revision before = Set("/a", 1)->revision;
  store_plan_->FailWrite(1, FaultPlan::Happens::kNot);
  absl::StatusOr<CommitResult> failed = Set("/a", 2);
  EXPECT_EQ(failed.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ErrorReason(failed.status()), "OUTCOME_UNKNOWN");
  const CommitResult after = SetWhenItCan("/b", 3);
  EXPECT_GT(after.revision, before + 1) << "the lost revision is not reused";
  EXPECT_EQ(Get("/a"), Tree(Value::Int(1)));
  EXPECT_EQ(Get("/b"), Tree(Value::Int(3)));
  EXPECT_EQ(Told(), (std::vector<Revision>{before, after.revision}));
  EXPECT_TRUE(sequencer_->Health().ok());
}

TEST_F(SequencerTest, ABatchThatSurvivedAFailedFsyncIsPublished) {
  Start();
  const Revision before = Set("/a", 1)->revision;
  store_plan_->FailWrite(1, FaultPlan::Happens::kAllTheSame);
  EXPECT_EQ(ErrorReason(Set("/a", 2).status()), "OUTCOME_UNKNOWN");
  const CommitResult after = SetWhenItCan("/b", 3);
  EXPECT_EQ(after.revision, before + 2);
  EXPECT_EQ(Get("/a"), Tree(Value::Int(2)));
  EXPECT_EQ(Told(),
            (std::vector<Revision>{before, before + 1, after.revision}));
}

TEST_F(SequencerTest, AMemoryMountLosesABatchThatDidNotSurvive) {
  Start();
  store_plan_->FailWrite(1, FaultPlan::Happens::kNot);
  CommitRequest request;
  for (const char* path : {"/a", "/tmp/a"}) {
    SetOperation set;
    set.path = P(path);
    set.value = Value::Int(1);
    request.operations.push_back(set);
  }
  std::promise<absl::Status> done;
  sequencer_->Submit(request, [&](absl::StatusOr<CommitResult> result) {
    done.set_value(result.status());
  });
  EXPECT_EQ(ErrorReason(done.get_future().get()), "OUTCOME_UNKNOWN");
  SetWhenItCan("/b", 1);
  EXPECT_EQ(Get("/tmp/a"), std::nullopt);
  EXPECT_EQ(Get("/a"), std::nullopt);
}

TEST_F(SequencerTest, NoWriteIsTakenUntilTheStoreIsOpenAgain) {
  Start();
  ASSERT_TRUE(Set("/tmp/kept", 1).ok());
  store_plan_->FailReopens(2);
  store_plan_->FailWrite(1, FaultPlan::Happens::kNot);
  EXPECT_EQ(ErrorReason(Set("/a", 2).status()), "OUTCOME_UNKNOWN");
  SetWhenItCan("/a", 3);
  EXPECT_EQ(store_plan_->reopens(), 3);
  EXPECT_EQ(Get("/a"), Tree(Value::Int(3)));
  EXPECT_EQ(Get("/tmp/kept"), Tree(Value::Int(1)));
}

TEST_F(SequencerTest, WaitingWritesShareOneFsync) {
  Start();
  ASSERT_TRUE(Set("/a", 0).ok());
  const int before = store_plan_->writes();
  store_plan_->BlockWrites();
  std::vector<Answer> answers;
  answers.push_back(Submit("/a", 1));
  store_plan_->WaitForBlockedWrite();
  for (int i = 2; i <= 100; ++i) answers.push_back(Submit("/a", i));
  store_plan_->ReleaseWrites();
  for (Answer& answer : answers) ASSERT_TRUE(answer.get().ok());
  EXPECT_EQ(store_plan_->writes(), before + 2);
  EXPECT_EQ(Get("/a"), Tree(Value::Int(100)));
  EXPECT_EQ(Told().size(), 101u) << "each is a commit of its own";
}

TEST_F(SequencerTest, RelaxedIsAnsweredBeforeAndShownAfterTheFsync) {
  Start();
  store_plan_->BlockWrites();
  absl::StatusOr<CommitResult> relaxed = Submit("/a", 1, true).get();
  ASSERT_TRUE(relaxed.ok());
  EXPECT_LT(published(), relaxed->revision);
  EXPECT_EQ(Get("/a"), std::nullopt);
  std::promise<absl::Status> shown;
  sequencer_->publication().WhenPublished(
      relaxed->revision,
      [&](absl::StatusOr<std::shared_ptr<const PublishedState>> state) {
        shown.set_value(state.status());
      });
  store_plan_->ReleaseWrites();
  EXPECT_TRUE(shown.get_future().get().ok());
  EXPECT_EQ(Get("/a"), Tree(Value::Int(1)));
}

TEST_F(SequencerTest, WaitersForALostRevisionAreTold) {
  Start();
  store_plan_->FailWrite(1, FaultPlan::Happens::kNot);
  store_plan_->BlockWrites();
  absl::StatusOr<CommitResult> relaxed = Submit("/a", 1, true).get();
  ASSERT_TRUE(relaxed.ok());
  std::promise<absl::Status> shown;
  sequencer_->publication().WhenPublished(
      relaxed->revision,
      [&](absl::StatusOr<std::shared_ptr<const PublishedState>> state) {
        shown.set_value(state.status());
      });
  store_plan_->ReleaseWrites();
  EXPECT_EQ(ErrorReason(shown.get_future().get()), "OUTCOME_UNKNOWN");
}

TEST_F(SequencerTest, ARevisionNeverGivenOutIsRefused) {
  Start();
  std::promise<absl::Status> refused;
  sequencer_->publication().WhenPublished(
      published() + 1,
      [&](absl::StatusOr<std::shared_ptr<const PublishedState>> state) {
        refused.set_value(state.status());
      });
  const absl::Status status = refused.get_future().get();
  EXPECT_EQ(status.code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(ErrorReason(status), "REVISION_IN_FUTURE");
}

TEST_F(SequencerTest, RevisionsGoOnAboveTheBlockAfterACrash) {
  Start();
  const std::string epoch = sequencer_->epoch();
  const Revision before = Set("/a", 1)->revision;
  ASSERT_TRUE(Set("/tmp/a", 1).ok());
  Restart();
  EXPECT_EQ(sequencer_->epoch(), epoch);
  EXPECT_GT(published(), before + 1);
  EXPECT_EQ(Get("/a"), Tree(Value::Int(1)));
  EXPECT_EQ(Get("/tmp"), std::nullopt) << "volatile mounts are reset";
}

TEST_F(SequencerTest, ACleanStopKeepsTheNextRevision) {
  Start();
  const Revision before = Set("/a", 1)->revision;
  ASSERT_TRUE(sequencer_->Stop().ok());
  sequencer_.reset();
  Start();
  // /tmp held nothing: there is nothing to reset.
  EXPECT_EQ(published(), before);
  EXPECT_EQ(Set("/a", 2)->revision, before + 1);
}

TEST_F(SequencerTest, WhatHappenedBeforeAStartIsTooOldToTell) {
  Start();
  const Revision before = Set("/a", 1)->revision;
  // As of the last commit before a start it is known.
  ASSERT_TRUE(Set("/b", 1).ok());
  ASSERT_TRUE(sequencer_->Stop().ok());
  sequencer_.reset();
  Start();
  CommitRequest request;
  request.preconditions.push_back(UnchangedSince{P("/a"), before});
  std::promise<absl::Status> done;
  sequencer_->Submit(request, [&](absl::StatusOr<CommitResult> result) {
    done.set_value(result.status());
  });
  const absl::Status status = done.get_future().get();
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
  EXPECT_EQ(ErrorReason(status), "HISTORY_TOO_OLD");
}

TEST_F(SequencerTest, AMountThatCannotFollowIsDownAndOthersGoOn) {
  Start();
  tmp_plan_->FailWrite(1, FaultPlan::Happens::kNot);
  ASSERT_TRUE(Set("/tmp/a", 1).ok());
  auto read = sequencer_->publication().Newest()->tree().Read(P("/tmp/a"), {});
  EXPECT_EQ(ErrorReason(read.status()), "MOUNT_UNAVAILABLE");
  EXPECT_EQ(ErrorReason(Set("/tmp/b", 1).status()), "MOUNT_UNAVAILABLE");
  EXPECT_EQ(ErrorReason(Set("/", 1).status()), "MOUNT_UNAVAILABLE");
  EXPECT_TRUE(Set("/b", 1).ok());
  EXPECT_FALSE(sequencer_->Health().ok());
}

TEST_F(SequencerTest, AFullQueueRefuses) {
  Start(/*max_queued_commits=*/3);
  store_plan_->BlockWrites();
  std::vector<Answer> answers;
  answers.push_back(Submit("/a", 0));
  store_plan_->WaitForBlockedWrite();
  for (int i = 1; i <= 3; ++i) answers.push_back(Submit("/a", i));
  const absl::Status status = Set("/a", 4).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ErrorReason(status), "QUEUE_FULL");
  store_plan_->ReleaseWrites();
  for (Answer& answer : answers) EXPECT_TRUE(answer.get().ok());
}

TEST_F(SequencerTest, AnotherEpochIsRefused) {
  Start();
  EXPECT_TRUE(sequencer_->CheckEpoch(sequencer_->epoch()).ok());
  const absl::Status status = sequencer_->CheckEpoch("another");
  EXPECT_EQ(status.code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(ErrorReason(status), "EPOCH_CHANGED");
}

}  // namespace
}  // namespace restate
