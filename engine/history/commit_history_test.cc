#include "engine/history/commit_history.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/backend/faulty/fault_plan.h"
#include "engine/backend/faulty/faulty_commit_store.h"
#include "engine/backend/rocksdb/rocksdb_store.h"
#include "engine/clock/testing/two_clocks.h"
#include "engine/error/error.h"
#include "engine/history/testing/random_commits.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

Path P(std::string_view text) { return *Path::Parse(text); }

constexpr int64_t kStart = 1'700'000'000;

absl::Time Second(int64_t second) {
  return absl::FromUnixSeconds(kStart + second);
}

// A commit of about `bytes`, in the second of its revision.
SequencedCommit Simple(Revision revision, size_t bytes = 10) {
  SequencedCommit commit;
  commit.revision = revision;
  commit.commit_time = Second(revision);
  Effect effect;
  effect.path = P("/a");
  effect.after = Value::String(std::string(bytes, 'x'));
  commit.effects.push_back(std::move(effect));
  return commit;
}

// With a store and without.
class CommitHistoryTest : public testing::TestWithParam<bool> {
 protected:
  CommitHistoryTest() {
    std::string name =
        testing::UnitTest::GetInstance()->current_test_info()->name();
    for (char& c : name) {
      if (c == '/') c = '_';
    }
    directory_ = std::filesystem::path(testing::TempDir()) / name;
    std::filesystem::remove_all(directory_);
  }
  ~CommitHistoryTest() override {
    history_.reset();
    store_.reset();
    std::filesystem::remove_all(directory_);
  }

  bool stored() const { return GetParam(); }

  void Open(const HistoryBounds& bounds = {}) {
    history_.reset();
    store_.reset();
    if (stored()) {
      RocksDbOptions options;
      options.directory = directory_.string();
      auto store = RocksDbStore::Open(options);
      ASSERT_TRUE(store.ok()) << store.status();
      plan_ = std::make_shared<FaultPlan>();
      store_ = std::make_unique<FaultyCommitStore>(*std::move(store), plan_);
    }
    auto history = CommitHistory::Open(bounds, store_.get(), &clock_);
    ASSERT_TRUE(history.ok()) << history.status();
    history_ = *std::move(history);
  }

  // As the sequencer does with a batch, at the time of its last commit, unless
  // that is in the past.
  absl::Status Decide(const CommitGroup& group) {
    clock_.AdvanceTo(std::max(clock_.Now(), group->back().commit_time));
    CommitBatch batch;
    batch.last_committed = group->back().revision;
    batch.reserved = batch.last_committed;
    batch.history = history_->Prepare(*group);
    batch.durable = false;
    return store_ == nullptr ? absl::OkStatus() : store_->Commit(batch);
  }
  void Add(std::vector<SequencedCommit> commits) {
    const auto group =
        std::make_shared<const std::vector<SequencedCommit>>(commits);
    ASSERT_EQ(Decide(group), absl::OkStatus());
    history_->Append(group);
    history_->SetPublished(group->back().revision);
  }
  void AddSimple(Revision first, Revision last, size_t bytes = 10) {
    for (Revision r = first; r <= last; ++r) Add({Simple(r, bytes)});
  }

  absl::Status EnforceBoundsAt(absl::Time time) {
    clock_.AdvanceTo(time);
    return history_->EnforceBounds();
  }

  std::vector<Revision> Revisions(Revision after, Revision through = 1 << 30) {
    std::vector<Revision> revisions;
    while (true) {
      absl::StatusOr<History::Page> page = history_->Read(after, through, 400);
      EXPECT_TRUE(page.ok()) << page.status();
      if (!page.ok() || page->commits.empty()) return revisions;
      for (const auto& past : page->commits) {
        revisions.push_back(past->commit.revision);
      }
      after = page->through;
    }
  }
  absl::Status ReadError(Revision after) {
    return history_->Read(after, 1 << 30, 1 << 20).status();
  }

  TwoClocks clock_;
  std::filesystem::path directory_;
  std::shared_ptr<FaultPlan> plan_;
  std::unique_ptr<CommitStore> store_;
  std::shared_ptr<CommitHistory> history_;
};

INSTANTIATE_TEST_SUITE_P(StoreOrMemory, CommitHistoryTest, testing::Bool(),
                         [](const auto& info) {
                           return info.param ? "Stored" : "InMemory";
                         });

using Revs = std::vector<Revision>;

TEST_P(CommitHistoryTest, ANewOneIsEmpty) {
  Open();
  EXPECT_EQ(history_->oldest(), 0);
  EXPECT_EQ(history_->oldest_time(), absl::InfiniteFuture());
  EXPECT_EQ(history_->bytes(), 0u);
  absl::StatusOr<History::Page> page = history_->Read(0, 0, 100);
  ASSERT_TRUE(page.ok());
  EXPECT_TRUE(page->commits.empty());
  EXPECT_EQ(page->through, 0);
}

// Whatever is in memory and whatever only in the store: pages of any size add
// up to what was appended.
TEST_P(CommitHistoryTest, PagesOfAnySizeAreWhatWasAppended) {
  HistoryBounds bounds;
  bounds.recent_bytes = 40'000;
  bounds.segment_bytes = 5'000;
  Open(bounds);
  RandomCommits random;
  std::vector<SequencedCommit> all;
  absl::Time first;
  for (int batch = 0; batch < 60; ++batch) {
    std::vector<SequencedCommit> commits;
    for (size_t i = 1 + random.Below(8); i > 0; --i) {
      commits.push_back(random.Next());
      all.push_back(commits.back());
    }
    Add(commits);
    if (batch == 0) first = clock_.Now();
    if (stored() && random.Below(10) == 0) Open(bounds);
    if (random.Below(4) != 0) continue;

    size_t next = random.Below(all.size());
    Revision after = next == 0 ? 0 : all[next - 1].revision;
    const Revision through =
        all[next + random.Below(all.size() - next)].revision;
    while (after < through) {
      const size_t max_bytes = random.Below(20'000);
      absl::StatusOr<History::Page> page =
          history_->Read(after, through, max_bytes);
      ASSERT_TRUE(page.ok()) << page.status();
      for (const auto& past : page->commits) {
        ASSERT_LT(next, all.size());
        ExpectSameCommit(past->commit, all[next++]);
      }
      ASSERT_GT(page->through, after);
      after = page->through;
    }
    EXPECT_EQ(after, through);
    EXPECT_EQ(all[next - 1].revision, through);
  }
  // What a store has in no segment yet is dated by the commits' own times at a
  // start, and these may go back.
  if (stored()) {
    EXPECT_LE(history_->oldest_time(), first);
  } else {
    EXPECT_EQ(history_->oldest_time(), first);
  }
}

TEST_P(CommitHistoryTest, ThroughTellsHowFarWasLooked) {
  Open();
  Add({Simple(3), Simple(5), Simple(9)});
  absl::StatusOr<History::Page> page = history_->Read(0, 7, 1 << 20);
  ASSERT_TRUE(page.ok());
  EXPECT_EQ(page->commits.size(), 2u);
  EXPECT_EQ(page->through, 7);
  page = history_->Read(0, 7, 0);
  ASSERT_TRUE(page.ok());
  EXPECT_EQ(page->commits.size(), 1u) << "one at least";
  EXPECT_EQ(page->through, 3);
  page = history_->Read(5, 8, 0);
  ASSERT_TRUE(page.ok());
  EXPECT_TRUE(page->commits.empty());
  EXPECT_EQ(page->through, 8);
  page = history_->Read(5, 100, 0);
  ASSERT_TRUE(page.ok());
  EXPECT_EQ(page->commits.size(), 1u);
  EXPECT_EQ(page->through, 9) << "no further than what is published";
}

TEST_P(CommitHistoryTest, WhatIsNotPublishedIsNotRead) {
  Open();
  Add({Simple(1)});
  const auto group =
      std::make_shared<const std::vector<SequencedCommit>>(1, Simple(2));
  ASSERT_EQ(Decide(group), absl::OkStatus());
  EXPECT_EQ(Revisions(0), Revs({1}));
  history_->Append(group);
  EXPECT_EQ(Revisions(0), Revs({1}));
  history_->SetPublished(2);
  EXPECT_EQ(Revisions(0), Revs({1, 2}));
}

TEST_P(CommitHistoryTest, CompactsOnRequest) {
  Open();
  AddSimple(1, 10);
  const size_t before = history_->bytes();
  EXPECT_EQ(history_->Compact(4), absl::OkStatus());
  EXPECT_EQ(history_->oldest(), 4);
  EXPECT_EQ(history_->oldest_time(), Second(5));
  EXPECT_EQ(history_->bytes(), before / 10 * 6);
  EXPECT_EQ(Revisions(4), Revs({5, 6, 7, 8, 9, 10}));
  const absl::Status gone = ReadError(3);
  EXPECT_EQ(gone.code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(ErrorReason(gone), "HISTORY_COMPACTED");
  EXPECT_EQ(ErrorMetadata(gone)["oldest_revision"], "4");
  EXPECT_EQ(history_->Compact(2), absl::OkStatus());
  EXPECT_EQ(history_->oldest(), 4) << "never back";
  EXPECT_EQ(history_->Compact(1'000), absl::OkStatus());
  EXPECT_EQ(history_->oldest(), 10) << "no further than what is published";
  EXPECT_EQ(history_->bytes(), 0u);
  EXPECT_EQ(history_->oldest_time(), absl::InfiniteFuture());
  AddSimple(11, 12);
  EXPECT_EQ(Revisions(10), Revs({11, 12}));
  EXPECT_EQ(history_->oldest_time(), Second(11));
}

TEST_P(CommitHistoryTest, CompactsByBytes) {
  HistoryBounds bounds;
  bounds.bytes = 200'000;
  bounds.recent_bytes = 10'000;
  Open(bounds);
  for (Revision r = 1; r <= 1'000; ++r) {
    Add({Simple(r, 1'000)});
    ASSERT_EQ(EnforceBoundsAt(Second(r)), absl::OkStatus());
    ASSERT_LE(history_->bytes(), bounds.bytes);
  }
  EXPECT_GT(history_->bytes(), bounds.bytes * 7 / 8);
  const Revs kept = Revisions(history_->oldest());
  ASSERT_FALSE(kept.empty());
  EXPECT_EQ(kept.front(), history_->oldest() + 1);
  EXPECT_EQ(kept.back(), 1'000);
  EXPECT_EQ(ErrorReason(ReadError(history_->oldest() - 1)),
            "HISTORY_COMPACTED");
}

TEST_P(CommitHistoryTest, CompactsByAge) {
  HistoryBounds bounds;
  bounds.age = absl::Seconds(160);
  Open(bounds);
  AddSimple(1, 100);
  EXPECT_EQ(EnforceBoundsAt(Second(100)), absl::OkStatus());
  EXPECT_EQ(history_->oldest(), 0);
  EXPECT_EQ(EnforceBoundsAt(Second(210)), absl::OkStatus());
  // Forgotten one by one in memory, in runs of a sixteenth of the age in a
  // store.
  EXPECT_LE(history_->oldest(), 49);
  EXPECT_GE(history_->oldest(), stored() ? 39 : 49);
  EXPECT_EQ(history_->oldest_time(), Second(history_->oldest() + 1));
  EXPECT_EQ(EnforceBoundsAt(Second(261)), absl::OkStatus());
  EXPECT_EQ(history_->oldest(), 100) << "also what no later commit finished";
  EXPECT_EQ(history_->bytes(), 0u);
}

// The wall clock was set two days ahead, and the next look at the bounds forgot
// what was a second old; set back, it kept everything for two days too long.
TEST_P(CommitHistoryTest, TheWallClockMakesNothingOlderOrYounger) {
  HistoryBounds bounds;
  bounds.age = absl::Hours(24);
  for (const absl::Duration step : {absl::Hours(48), absl::Hours(-48)}) {
    SCOPED_TRACE(absl::FormatDuration(step));
    std::filesystem::remove_all(directory_);
    Open(bounds);
    const absl::Time begin = clock_.Now();
    SequencedCommit first = Simple(1);
    first.commit_time = begin;
    Add({first});
    clock_.SetWall(begin + step);
    ASSERT_EQ(history_->EnforceBounds(), absl::OkStatus());
    EXPECT_EQ(history_->oldest(), 0);
    EXPECT_EQ(history_->oldest_time(), begin + step)
        << "as the wall clock tells it now";
    SequencedCommit second = Simple(2);
    second.commit_time = clock_.Now();
    Add({second});
    if (stored()) {
      Open(bounds);
      ASSERT_EQ(history_->EnforceBounds(), absl::OkStatus());
      EXPECT_EQ(history_->oldest(), 0) << "nor over a restart";
    }
    clock_.Advance(absl::Hours(24) - absl::Seconds(1));
    ASSERT_EQ(history_->EnforceBounds(), absl::OkStatus());
    EXPECT_EQ(history_->oldest(), 0);
    clock_.Advance(absl::Seconds(2));
    ASSERT_EQ(history_->EnforceBounds(), absl::OkStatus());
    EXPECT_EQ(history_->oldest(), 2);
  }
}

TEST_P(CommitHistoryTest, OneCommitOverTheBoundIsForgotten) {
  HistoryBounds bounds;
  bounds.bytes = 100'000;
  Open(bounds);
  AddSimple(1, 3);
  Add({Simple(4, 200'000)});
  ASSERT_EQ(EnforceBoundsAt(Second(4)), absl::OkStatus());
  EXPECT_EQ(history_->oldest(), 4);
  EXPECT_EQ(history_->bytes(), 0u);
}

TEST_P(CommitHistoryTest, StopsAreShownByIndexAndPlace) {
  Open();
  AddSimple(1, 3);
  // A reader has made something of it before.
  EXPECT_EQ(Revisions(0), Revs({1, 2, 3}));
  const Stop high{0, P("/a")};
  const Stop low{0, P("/a/b")};
  const Stop later{7, P("/")};
  EXPECT_EQ(history_->StopsOf(2), std::vector<Stop>());
  EXPECT_EQ(history_->RecordStop(2, later), absl::OkStatus());
  EXPECT_EQ(history_->StopsOf(2), std::vector<Stop>({later}));
  EXPECT_EQ(history_->RecordStop(2, low), absl::OkStatus());
  EXPECT_EQ(history_->RecordStop(2, high), absl::OkStatus());
  EXPECT_EQ(history_->RecordStop(2, low), absl::OkStatus());
  EXPECT_EQ(history_->StopsOf(2), std::vector<Stop>({high, low, later}));
  absl::StatusOr<History::Page> page = history_->Read(0, 3, 1 << 20);
  ASSERT_TRUE(page.ok());
  EXPECT_TRUE(page->commits[0]->stops.empty());
  EXPECT_EQ(page->commits[1]->stops, std::vector<Stop>({high, low, later}));
  EXPECT_TRUE(page->commits[2]->stops.empty());
  EXPECT_EQ(history_->Compact(2), absl::OkStatus());
  EXPECT_EQ(history_->StopsOf(2), std::vector<Stop>());
  EXPECT_EQ(history_->RecordStop(2, low), absl::OkStatus());
  EXPECT_EQ(history_->StopsOf(2), std::vector<Stop>());
}

TEST_P(CommitHistoryTest, ReadersShareWhatTheFirstMade) {
  Open();
  AddSimple(1, 1);
  const auto first = history_->Read(0, 1, 100)->commits[0];
  EXPECT_EQ(history_->Read(0, 1, 100)->commits[0], first);
  EXPECT_EQ(history_->RecordStop(1, {0, P("/")}), absl::OkStatus());
  EXPECT_NE(history_->Read(0, 1, 100)->commits[0], first);
  EXPECT_TRUE(first->stops.empty()) << "what was read stays";
}

// Readers never see a gap, whatever is appended and forgotten meanwhile.
TEST_P(CommitHistoryTest, ReadersGoOnWhileCommitsComeAndGo) {
  HistoryBounds bounds;
  bounds.bytes = 60'000;
  bounds.recent_bytes = 5'000;
  Open(bounds);
  constexpr Revision kLast = 3'000;
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([this] {
      Revision after = 0;
      while (after < kLast) {
        absl::StatusOr<History::Page> page =
            history_->Read(after, kLast, 2'000);
        if (!page.ok()) {
          ASSERT_EQ(ErrorReason(page.status()), "HISTORY_COMPACTED");
          after = history_->oldest();
          continue;
        }
        for (const auto& past : page->commits) {
          ASSERT_EQ(past->commit.revision, ++after);
        }
        ASSERT_EQ(page->through, after);
        history_->StopsOf(after);
      }
    });
  }
  for (Revision r = 1; r <= kLast; ++r) {
    Add({Simple(r, 100)});
    ASSERT_EQ(EnforceBoundsAt(Second(r)), absl::OkStatus());
    if (r % 10 == 0) {
      ASSERT_EQ(history_->RecordStop(r - 5, {0, P("/a")}), absl::OkStatus());
    }
    if (r % 100 == 0) {
      ASSERT_EQ(history_->Compact(r - 50), absl::OkStatus());
    }
  }
  for (std::thread& reader : readers) reader.join();
}

class StoredHistoryTest : public CommitHistoryTest {};
INSTANTIATE_TEST_SUITE_P(Store, StoredHistoryTest, testing::Values(true));

HistoryBounds NothingInMemory() {
  HistoryBounds bounds;
  bounds.recent_bytes = 0;
  bounds.segment_bytes = 300;
  return bounds;
}

// A machine whose clock begins 40 days in the past, and is set right later.
TEST_P(StoredHistoryTest, AStartInThePastForgetsNothingAndAgesAsAlways) {
  HistoryBounds bounds;
  bounds.age = absl::Hours(24);
  Open(bounds);
  const absl::Time begin = clock_.Now();
  SequencedCommit first = Simple(1);
  first.commit_time = begin;
  Add({first});
  clock_.SetWall(begin - absl::Hours(40 * 24));
  Open(bounds);
  ASSERT_EQ(history_->EnforceBounds(), absl::OkStatus());
  EXPECT_EQ(history_->oldest(), 0);
  clock_.SetWall(begin);
  ASSERT_EQ(history_->EnforceBounds(), absl::OkStatus());
  Open(bounds);
  ASSERT_EQ(history_->EnforceBounds(), absl::OkStatus());
  EXPECT_EQ(history_->oldest(), 0);
  clock_.Advance(absl::Hours(24) + absl::Seconds(1));
  ASSERT_EQ(history_->EnforceBounds(), absl::OkStatus());
  EXPECT_EQ(history_->oldest(), 1);
}

TEST_P(StoredHistoryTest, ComesBackAfterAStop) {
  Open(NothingInMemory());
  AddSimple(1, 50);
  EXPECT_EQ(history_->RecordStop(7, {3, P("/x")}), absl::OkStatus());
  EXPECT_EQ(history_->Compact(5), absl::OkStatus());
  const size_t bytes = history_->bytes();
  const absl::Time oldest = history_->oldest_time();
  // Nothing is closed in order.
  Open(NothingInMemory());
  EXPECT_EQ(history_->oldest(), 5);
  EXPECT_EQ(history_->bytes(), bytes);
  EXPECT_EQ(history_->oldest_time(), oldest);
  EXPECT_EQ(Revisions(5).size(), 45u);
  EXPECT_EQ(history_->StopsOf(7), std::vector<Stop>({{3, P("/x")}}));
  EXPECT_EQ(history_->Read(6, 7, 0)->commits[0]->stops,
            std::vector<Stop>({{3, P("/x")}}));
  EXPECT_EQ(ErrorReason(ReadError(4)), "HISTORY_COMPACTED");
  AddSimple(51, 52);
  EXPECT_EQ(Revisions(49), Revs({50, 51, 52}));
}

TEST_P(StoredHistoryTest, AStartReadsOnlyWhatNoSegmentKnows) {
  Open(NothingInMemory());
  AddSimple(1, 100);
  absl::StatusOr<HistoryLog::Outline> outline =
      store_->history()->ReadOutline();
  ASSERT_TRUE(outline.ok());
  EXPECT_GT(outline->segments.size(), 5u);
  EXPECT_EQ(outline->segments.front().first, 1);
  for (size_t i = 1; i < outline->segments.size(); ++i) {
    EXPECT_EQ(outline->segments[i].first, outline->segments[i - 1].last + 1);
    EXPECT_GE(outline->segments[i].bytes, 300u);
  }
}

TEST_P(StoredHistoryTest, StopsOfOldCommitsAreInTheStore) {
  Open(NothingInMemory());
  AddSimple(1, 5);
  const Stop stop{0, P("/a")};
  EXPECT_EQ(history_->RecordStop(2, stop), absl::OkStatus());
  EXPECT_EQ(history_->StopsOf(2), std::vector<Stop>({stop}));
  EXPECT_EQ(history_->StopsOf(3), std::vector<Stop>());
  EXPECT_EQ(Revisions(1), Revs({2, 3, 4, 5}));
  // One that the store did not take is known all the same.
  plan_->FailWrite(1, FaultPlan::Happens::kNot);
  const Stop other{0, P("/b")};
  EXPECT_EQ(history_->RecordStop(3, other), FaultPlan::DefaultError());
  EXPECT_EQ(history_->StopsOf(3), std::vector<Stop>({other}));
}

TEST_P(StoredHistoryTest, ABatchThatFailedIsNotRead) {
  Open(NothingInMemory());
  AddSimple(1, 2);
  plan_->FailWrite(1, FaultPlan::Happens::kAllTheSame);
  const auto lost =
      std::make_shared<const std::vector<SequencedCommit>>(1, Simple(3));
  EXPECT_EQ(Decide(lost), FaultPlan::DefaultError());
  EXPECT_EQ(Revisions(0), Revs({1, 2})) << "although the store has it";
  ASSERT_EQ(store_->Reopen(), absl::OkStatus());
  EXPECT_EQ(history_->StoreReopened(3), absl::OkStatus());
  history_->Append(lost);
  history_->SetPublished(3);
  EXPECT_EQ(Revisions(0), Revs({1, 2, 3}));
  AddSimple(4, 5);
  Open(NothingInMemory());
  EXPECT_EQ(Revisions(0), Revs({1, 2, 3, 4, 5}));
}

TEST_P(StoredHistoryTest, NothingIsTakenUpAcrossWhatTheStoreLost) {
  Open(NothingInMemory());
  AddSimple(1, 5);
  EXPECT_EQ(history_->StoreReopened(4), absl::OkStatus());
  EXPECT_EQ(history_->oldest(), 5);
  EXPECT_EQ(ErrorReason(ReadError(3)), "HISTORY_COMPACTED");
  EXPECT_EQ(history_->bytes(), 0u);
}

TEST_P(StoredHistoryTest, CommitsOfAServerWithoutHistoryAreAHole) {
  Open(NothingInMemory());
  AddSimple(1, 5);
  CommitBatch batch;
  batch.last_committed = 9;
  batch.reserved = 9;
  ASSERT_EQ(store_->Commit(batch), absl::OkStatus());
  Open(NothingInMemory());
  EXPECT_EQ(history_->oldest(), 9);
  EXPECT_EQ(history_->bytes(), 0u);
  EXPECT_EQ(ErrorReason(ReadError(5)), "HISTORY_COMPACTED");
  AddSimple(10, 11);
  Open(NothingInMemory());
  EXPECT_EQ(history_->oldest(), 9);
  EXPECT_EQ(Revisions(9), Revs({10, 11}));
}

TEST_P(StoredHistoryTest, ADamagedRecordIsDataLoss) {
  Open(NothingInMemory());
  AddSimple(1, 1);
  CommitBatch batch;
  batch.last_committed = 2;
  batch.reserved = 2;
  batch.history.commits.push_back({2, "\x01\xff not a record"});
  const auto group =
      std::make_shared<const std::vector<SequencedCommit>>(1, Simple(2));
  history_->Prepare(*group);
  ASSERT_EQ(store_->Commit(batch), absl::OkStatus());
  history_->Append(group);
  history_->SetPublished(2);
  EXPECT_EQ(Revisions(0, 1), Revs({1}));
  const absl::Status status = ReadError(0);
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(ErrorReason(status), "CORRUPT");
  EXPECT_EQ(ErrorMetadata(status)["revision"], "2");
}

TEST_P(StoredHistoryTest, TheStoreIsAskedNothingWhileItIsClosed) {
  Open(NothingInMemory());
  AddSimple(1, 3);
  ASSERT_EQ(store_->Close(3), absl::OkStatus());
  EXPECT_EQ(ErrorReason(ReadError(0)), "SHUTTING_DOWN");
  store_.reset();
  EXPECT_EQ(ErrorReason(ReadError(0)), "SHUTTING_DOWN")
      << "a reader may outlive the store";
}

}  // namespace
}  // namespace restate
