// What the sequencer puts into the history: every commit, the same as the
// listener saw, in the batch that decides it.
#include <filesystem>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "engine/backend/faulty/fault_plan.h"
#include "engine/backend/faulty/faulty_commit_store.h"
#include "engine/backend/memory/memory_backend.h"
#include "engine/backend/rocksdb/rocksdb_store.h"
#include "engine/backend/rocksdb/testing/crashed_copy.h"
#include "engine/clock/clock.h"
#include "engine/commit/effect_limiter.h"
#include "engine/commit/sequencer.h"
#include "engine/error/error.h"
#include "engine/history/history.h"
#include "engine/history/testing/random_commits.h"
#include "engine/sync/mutex.h"
#include "engine/tree/tree.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

Path P(std::string_view text) { return *Path::Parse(text); }

class HandClock final : public Clock {
 public:
  absl::Time Now() const override {
    MutexLock lock(&mutex_);
    return now_;
  }
  absl::Duration Monotonic() const override {
    return Now() - absl::UnixEpoch();
  }
  void Advance(absl::Duration by) {
    MutexLock lock(&mutex_);
    now_ += by;
  }

 private:
  mutable Mutex mutex_;
  absl::Time now_ ABSL_GUARDED_BY(mutex_) =
      absl::FromUnixSeconds(1'700'000'000);
};

// Keeps what was published, and checks that the history already has it.
class CheckingListener : public CommitListener {
 public:
  void OnPublished(absl::Span<const SequencedCommit> batch) override {
    for (const SequencedCommit& commit : batch) {
      if (sequencer != nullptr) {
        EXPECT_EQ(sequencer->publication().Newest()->revision(),
                  batch.back().revision);
        absl::StatusOr<History::Page> page = sequencer->history().Read(
            commit.revision - 1, commit.revision, 0);
        ASSERT_TRUE(page.ok()) << page.status();
        ASSERT_EQ(page->commits.size(), 1u);
        ExpectSameCommit(page->commits[0]->commit, commit);
      }
      commits.push_back(commit);
    }
  }
  Sequencer* sequencer = nullptr;
  std::vector<SequencedCommit> commits;
};

class SequencerHistoryTest : public testing::Test {
 protected:
  SequencerHistoryTest()
      : directory_(std::filesystem::path(testing::TempDir()) /
                   absl::StrCat("history_", testing::UnitTest::GetInstance()
                                                ->current_test_info()
                                                ->name())) {
    std::filesystem::remove_all(directory_);
  }
  ~SequencerHistoryTest() override {
    sequencer_.reset();
    std::filesystem::remove_all(directory_);
  }

  // RocksDB at the root and at /tmp/kept, memory at /tmp; or all in memory.
  void Start(bool durable = true) {
    SequencerOptions options;
    if (durable) {
      plan_ = std::make_shared<FaultPlan>();
      RocksDbOptions rocksdb;
      rocksdb.directory = directory_.string();
      auto store = RocksDbStore::Open(rocksdb);
      ASSERT_TRUE(store.ok()) << store.status();
      for (const char* at : {"/", "/tmp/kept"}) {
        auto mount = (*store)->OpenMount(P(at));
        ASSERT_TRUE(mount.ok()) << mount.status();
        options.mounts.push_back({P(at), *std::move(mount)});
      }
      options.mounts.push_back({P("/tmp"), std::make_unique<MemoryBackend>()});
      options.commit_store =
          std::make_unique<FaultyCommitStore>(*std::move(store), plan_);
    } else {
      options.mounts.push_back({Path(), std::make_unique<MemoryBackend>()});
    }
    options.clock = &clock_;
    options.listener = &listener_;
    options.history = bounds_;
    listener_.sequencer = nullptr;
    auto sequencer = Sequencer::Start(std::move(options));
    ASSERT_TRUE(sequencer.ok()) << sequencer.status();
    sequencer_ = *std::move(sequencer);
    listener_.sequencer = sequencer_.get();
  }
  // As after kill -9: nothing is closed in order.
  void Restart() {
    Settle();
    auto copy = directory_;
    copy += "_crashed";
    CopyAsCrashed(directory_, copy);
    sequencer_.reset();
    std::filesystem::remove_all(directory_);
    std::filesystem::rename(copy, directory_);
    Start();
  }
  void Settle() {
    std::promise<void> settled;
    ASSERT_TRUE(
        sequencer_->AtBoundary([&] { settled.set_value(); }).ok());
    settled.get_future().get();
  }

  absl::StatusOr<CommitResult> Do(std::vector<Operation> operations) {
    CommitRequest request;
    request.operations = std::move(operations);
    std::promise<absl::StatusOr<CommitResult>> done;
    sequencer_->Submit(std::move(request),
                       [&](absl::StatusOr<CommitResult> result) {
                         done.set_value(std::move(result));
                       });
    return done.get_future().get();
  }
  static SetOperation SetOf(std::string_view path, Value value) {
    SetOperation set;
    set.path = P(path);
    set.value = std::move(value);
    return set;
  }
  absl::StatusOr<CommitResult> Set(std::string_view path, Value value) {
    return Do({SetOf(path, std::move(value))});
  }
  // Goes on until the store has been opened again.
  Revision SetWhenItCan(std::string_view path, Value value) {
    while (true) {
      absl::StatusOr<CommitResult> result = Set(path, value);
      if (result.ok()) return result->revision;
      EXPECT_EQ(ErrorReason(result.status()), "MOUNT_UNAVAILABLE");
    }
  }

  std::vector<SequencedCommit> Past(Revision after = -1) {
    if (after < 0) after = sequencer_->history().oldest();
    const Revision published = sequencer_->publication().Newest()->revision();
    std::vector<SequencedCommit> commits;
    while (after < published) {
      absl::StatusOr<History::Page> page =
          sequencer_->history().Read(after, published, 1'000);
      EXPECT_TRUE(page.ok()) << page.status();
      if (!page.ok()) break;
      for (const auto& past : page->commits) commits.push_back(past->commit);
      after = page->through;
    }
    return commits;
  }
  void ExpectHistoryIs(const std::vector<SequencedCommit>& expected) {
    const std::vector<SequencedCommit> history = Past();
    ASSERT_EQ(history.size(), expected.size());
    for (size_t i = 0; i < history.size(); ++i) {
      ExpectSameCommit(history[i], expected[i]);
    }
  }

  const std::filesystem::path directory_;
  HandClock clock_;
  CheckingListener listener_;
  // Nothing stays in memory longer than it must.
  HistoryBounds bounds_ = {.bytes = size_t{4} << 30, .recent_bytes = 0};
  std::shared_ptr<FaultPlan> plan_;
  std::unique_ptr<Sequencer> sequencer_;
};

Value Many(size_t leaves) {
  Value::Map map;
  for (size_t i = 0; i < leaves; ++i) {
    map = map.Set(absl::StrCat(i), Value::Int(static_cast<int64_t>(i)));
  }
  return Value::MakeMap(map);
}

TEST_F(SequencerHistoryTest, ANewEpochBeginsEmpty) {
  Start();
  EXPECT_EQ(sequencer_->history().oldest(),
            sequencer_->publication().Newest()->revision());
  EXPECT_TRUE(Past().empty());
  sequencer_.reset();
  Start(/*durable=*/false);
  EXPECT_EQ(sequencer_->history().oldest(),
            sequencer_->publication().Newest()->revision());
}

TEST_F(SequencerHistoryTest, EveryOperationIsThereAsTheListenerSawIt) {
  Start();
  ASSERT_TRUE(Set("/a", Many(3)).ok());
  clock_.Advance(absl::Seconds(1));
  ASSERT_TRUE(Set("/tmp/x", Value::Int(1)).ok());
  SetOperation set = SetOf("/a/0", Value::String("new"));
  set.payload = Value::String("why");
  set.skip_notify = true;
  SetOperation absent = SetOf("/b", Value::Int(1));
  absent.default_value = Value::Int(0);
  ASSERT_TRUE(Do({set, absent, DeleteOperation{.path = P("/a")},
                  PingOperation{.path = P("/b")}})
                  .ok());
  EXPECT_FALSE(Set("/b", Value::Int(1))->changed);
  Settle();
  ASSERT_EQ(listener_.commits.size(), 3u);
  EXPECT_EQ(listener_.commits[2].effects.size(), 4u);
  ExpectHistoryIs(listener_.commits);
}

TEST_F(SequencerHistoryTest, TheSameInMemory) {
  Start(/*durable=*/false);
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(Set(absl::StrCat("/a/", i % 7), Value::Int(i)).ok());
  }
  Settle();
  ExpectHistoryIs(listener_.commits);
}

TEST_F(SequencerHistoryTest, MarksAreTheSameForListenerAndReader) {
  Start();
  ASSERT_TRUE(Set("/few", Many(kMaxChangedLeaves)).ok());
  ASSERT_TRUE(Set("/many", Many(kMaxChangedLeaves + 1)).ok());
  ASSERT_TRUE(Do({DeleteOperation{.path = P("/few")}}).ok());
  ASSERT_TRUE(Do({DeleteOperation{.path = P("/many")}}).ok());
  SetOperation own = SetOf("/many", Value::Int(1));
  ASSERT_TRUE(Set("/many", Many(kMaxChangedLeaves + 5)).ok());
  own.mode = WriteMode::kValue;
  ASSERT_TRUE(Do({own}).ok());
  Settle();
  std::vector<bool> marks;
  for (const SequencedCommit& commit : listener_.commits) {
    marks.push_back(commit.effects[0].below_unknown);
  }
  EXPECT_EQ(marks,
            std::vector<bool>({false, true, false, true, true, false}));
  EXPECT_FALSE(listener_.commits[5].effects[0].complete)
      << "too large to read, and nothing below has changed";
  ExpectHistoryIs(listener_.commits);
}

TEST_F(SequencerHistoryTest, AnsweredCommitsAreThereAfterACrash) {
  Start();
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(Set(absl::StrCat("/a/", i), Value::Int(i)).ok());
    // The one that only touches memory waits for no fsync, but for the log.
    ASSERT_TRUE(Set("/tmp/x", Value::Int(i)).ok());
  }
  Settle();
  std::vector<SequencedCommit> expected = listener_.commits;
  Restart();
  const std::vector<SequencedCommit> history = Past();
  ASSERT_EQ(history.size(), expected.size() + 1);
  for (size_t i = 0; i < expected.size(); ++i) {
    ExpectSameCommit(history[i], expected[i]);
  }
  EXPECT_EQ(history.back().revision,
            sequencer_->publication().Newest()->revision());
}

TEST_F(SequencerHistoryTest, TheResetOfVolatileMountsIsACommit) {
  Start();
  ASSERT_TRUE(Set("/tmp/x", Value::Int(1)).ok());
  const Revision before = sequencer_->publication().Newest()->revision();
  clock_.Advance(absl::Seconds(5));
  Restart();
  std::vector<SequencedCommit> after = Past(before);
  ASSERT_EQ(after.size(), 1u);
  SequencedCommit& reset = after[0];
  EXPECT_EQ(reset.origin, CommitOrigin::kMount);
  EXPECT_EQ(reset.commit_time, clock_.Now());
  ASSERT_EQ(reset.effects.size(), 1u);
  const Effect& effect = reset.effects[0];
  EXPECT_EQ(effect.path, P("/tmp"));
  EXPECT_EQ(effect.kind, Effect::Kind::kDelete);
  EXPECT_FALSE(effect.complete);
  EXPECT_FALSE(effect.after_incomplete);
  EXPECT_TRUE(effect.below_unknown);
  EXPECT_TRUE(effect.keeps_below);

  // What a durable mount below it holds is there, and so is the place.
  ASSERT_TRUE(Set("/tmp/x", Value::Int(1)).ok());
  ASSERT_TRUE(Set("/tmp/kept/x", Value::Int(1)).ok());
  Restart();
  const Effect again = Past().back().effects[0];
  EXPECT_EQ(again.kind, Effect::Kind::kSet);
  EXPECT_FALSE(again.after_incomplete);
  EXPECT_TRUE(again.keeps_below);
  EXPECT_EQ(again.after, tree::Replace(std::nullopt, P("/kept/x"),
                                       Value::Int(1)));
}

TEST_F(SequencerHistoryTest, AFailedBatchIsNotInTheHistory) {
  Start();
  ASSERT_TRUE(Set("/a", Value::Int(1)).ok());
  plan_->FailWrite(1, FaultPlan::Happens::kNot);
  EXPECT_EQ(ErrorReason(Set("/a", Value::Int(2)).status()), "OUTCOME_UNKNOWN");
  SetWhenItCan("/a", Value::Int(3));
  Settle();
  ASSERT_EQ(listener_.commits.size(), 2u);
  ExpectHistoryIs(listener_.commits);
  EXPECT_EQ(sequencer_->history().oldest(), 0);
}

TEST_F(SequencerHistoryTest, ABatchThatSurvivedIsInTheHistory) {
  Start();
  ASSERT_TRUE(Set("/a", Value::Int(1)).ok());
  plan_->FailWrite(1, FaultPlan::Happens::kAllTheSame);
  EXPECT_EQ(ErrorReason(Set("/a", Value::Int(2)).status()), "OUTCOME_UNKNOWN");
  SetWhenItCan("/a", Value::Int(3));
  Settle();
  ASSERT_EQ(listener_.commits.size(), 3u);
  ExpectHistoryIs(listener_.commits);
  EXPECT_EQ(listener_.commits[1].effects[0].after, Tree(Value::Int(2)));
}

TEST_F(SequencerHistoryTest, BoundsAreKeptWhileItRuns) {
  bounds_.bytes = 20'000;
  Start();
  for (int i = 0; i < 300; ++i) {
    ASSERT_TRUE(Set("/a", Value::String(std::string(500, 'a' + i % 26))).ok());
  }
  Settle();
  EXPECT_LE(sequencer_->history().bytes(), bounds_.bytes);
  const std::vector<SequencedCommit> kept = Past();
  ASSERT_FALSE(kept.empty());
  EXPECT_GT(kept.front().revision, 250);
  EXPECT_EQ(kept.back().revision, 300);
  EXPECT_EQ(
      ErrorReason(sequencer_->history().Read(0, 300, 1'000).status()),
      "HISTORY_COMPACTED");
}

TEST_F(SequencerHistoryTest, AReaderMayOutliveTheSequencer) {
  Start();
  ASSERT_TRUE(Set("/a", Value::Int(1)).ok());
  Settle();
  std::shared_ptr<const History> history = sequencer_->shared_history();
  listener_.sequencer = nullptr;
  sequencer_.reset();
  EXPECT_EQ(history->oldest(), 0);
  EXPECT_EQ(ErrorReason(history->Read(0, 1, 0).status()), "SHUTTING_DOWN");
}

}  // namespace
}  // namespace restate
