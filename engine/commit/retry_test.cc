// Retries with a request id, and leases, over a store that fails and a process
// that is killed: everything answered is there, and nothing is done twice.
#include <atomic>
#include <filesystem>
#include <future>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/backend/faulty/fault_plan.h"
#include "engine/backend/faulty/faulty_backend.h"
#include "engine/backend/faulty/faulty_commit_store.h"
#include "engine/backend/memory/memory_backend.h"
#include "engine/backend/rocksdb/rocksdb_store.h"
#include "engine/backend/rocksdb/testing/crashed_copy.h"
#include "engine/clock/clock.h"
#include "engine/commit/sequencer.h"
#include "engine/error/error.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

using Happens = FaultPlan::Happens;

Path P(std::string_view text) { return *Path::Parse(text); }

class ManualClock final : public Clock {
 public:
  absl::Time Now() const override {
    return absl::FromUnixSeconds(1'700'000'000) + Monotonic();
  }
  absl::Duration Monotonic() const override {
    return absl::Milliseconds(millis_.load());
  }
  void Advance(absl::Duration by) {
    millis_ += absl::ToInt64Milliseconds(by);
  }

 private:
  std::atomic<int64_t> millis_ = 0;
};

// Keeps the paths that expired. Read at a boundary.
class Listener final : public CommitListener {
 public:
  void OnPublished(absl::Span<const SequencedCommit> commits) override {
    for (const SequencedCommit& commit : commits) {
      for (const Effect& effect : commit.effects) {
        if (commit.origin == CommitOrigin::kExpired) {
          expired.push_back(effect.path.ToText());
        }
      }
    }
  }
  std::vector<std::string> expired;
};

CommitRequest Request(Operation operation, uint64_t id = 0,
                      uint64_t fingerprint = 1) {
  CommitRequest request;
  request.operations.push_back(std::move(operation));
  if (id != 0) request.identity = RequestIdentity{id, fingerprint};
  return request;
}

SetOperation Set(std::string_view path, int64_t value,
                 absl::Duration ttl = absl::ZeroDuration()) {
  SetOperation set;
  set.path = P(path);
  set.value = Value::Int(value);
  set.ttl = ttl;
  return set;
}

SetOperation Add(std::string_view path, int64_t value) {
  SetOperation add = Set(path, value);
  add.mode = WriteMode::kAdd;
  return add;
}

using Answer = std::future<absl::StatusOr<CommitResult>>;

class RetryTest : public testing::Test {
 protected:
  RetryTest()
      : directory_(std::filesystem::path(testing::TempDir()) /
                   absl::StrCat("retry_", testing::UnitTest::GetInstance()
                                              ->current_test_info()
                                              ->name())) {
    std::filesystem::remove_all(directory_);
    Start();
  }
  ~RetryTest() override {
    sequencer_.reset();
    std::filesystem::remove_all(directory_);
  }

  // RocksDB at the root, memory at /tmp.
  void Start() {
    plan_ = std::make_shared<FaultPlan>();
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
    options.commit_store =
        std::make_unique<FaultyCommitStore>(*std::move(store), plan_);
    options.clock = &clock_;
    options.listener = &listener_;
    auto sequencer = Sequencer::Start(std::move(options));
    ASSERT_TRUE(sequencer.ok()) << sequencer.status();
    sequencer_ = *std::move(sequencer);
  }
  // As after kill -9: nothing is closed in order.
  void Crash() {
    auto copy = directory_;
    copy += "_crashed";
    CopyAsCrashed(directory_, copy);
    sequencer_.reset();
    std::filesystem::remove_all(directory_);
    std::filesystem::rename(copy, directory_);
    Start();
  }

  Answer Submit(CommitRequest request) {
    auto done = std::make_shared<std::promise<absl::StatusOr<CommitResult>>>();
    sequencer_->Submit(std::move(request),
                       [done](absl::StatusOr<CommitResult> result) {
                         done->set_value(std::move(result));
                       });
    return done->get_future();
  }
  absl::StatusOr<CommitResult> Do(CommitRequest request) {
    return Submit(std::move(request)).get();
  }
  // As a client does it: until it is answered.
  CommitResult Retry(const CommitRequest& request) {
    while (true) {
      absl::StatusOr<CommitResult> result = Do(request);
      if (result.ok()) return *std::move(result);
      EXPECT_EQ(result.status().code(), absl::StatusCode::kUnavailable)
          << result.status();
    }
  }
  void Expire() {
    CommitRequest request;
    request.expiry = LeaseExpiry{LeaseExpiry::Of::kOverdue, ""};
    Retry(request);
  }
  // What has expired so far, when no batch is at hand.
  std::vector<std::string> Expired() {
    std::promise<std::vector<std::string>> told;
    EXPECT_TRUE(sequencer_
                    ->AtBoundary([&] { told.set_value(listener_.expired); })
                    .ok());
    return told.get_future().get();
  }
  Tree Get(std::string_view path) {
    auto read = sequencer_->publication().Newest()->tree().Read(P(path), {});
    EXPECT_TRUE(read.ok()) << read.status();
    return read->tree;
  }

  const std::filesystem::path directory_;
  ManualClock clock_;
  Listener listener_;
  std::shared_ptr<FaultPlan> plan_;
  std::shared_ptr<FaultPlan> tmp_plan_;
  std::unique_ptr<Sequencer> sequencer_;
};

using Strings = std::vector<std::string>;

TEST_F(RetryTest, ARetryIsAnsweredAgainAlsoAfterACrash) {
  const CommitRequest add = Request(Add("/n", 5), 1);
  const CommitResult first = *Do(add);
  EXPECT_FALSE(first.replayed);
  ASSERT_TRUE(Do(Request(Set("/n", 100))).ok());
  const std::string epoch = sequencer_->epoch();
  for (int i = 0; i < 2; ++i) {
    const CommitResult again = *Do(add);
    EXPECT_TRUE(again.replayed);
    EXPECT_TRUE(again.changed);
    EXPECT_EQ(again.revision, first.revision);
    ASSERT_EQ(again.results.size(), 1u);
    EXPECT_EQ(again.results[0].value, Tree(Value::Int(5)));
    EXPECT_EQ(Get("/n"), Tree(Value::Int(100)));
    if (i == 0) Crash();
  }
  EXPECT_EQ(sequencer_->epoch(), epoch);
}

TEST_F(RetryTest, OneThatChangedNothingIsStoredBeforeItIsAnswered) {
  ASSERT_TRUE(Do(Request(Set("/a", 1))).ok());
  const int writes = plan_->writes();
  const CommitRequest same = Request(Set("/a", 1), 7);
  const CommitResult first = *Do(same);
  EXPECT_FALSE(first.changed);
  EXPECT_EQ(plan_->writes(), writes + 1);
  ASSERT_TRUE(Do(Request(Set("/a", 2))).ok());
  Crash();
  const CommitResult again = *Do(same);
  EXPECT_TRUE(again.replayed);
  EXPECT_FALSE(again.changed);
  EXPECT_EQ(again.revision, first.revision);
  EXPECT_EQ(Get("/a"), Tree(Value::Int(2)));
  // A replay alone stores nothing.
  const int before = plan_->writes();
  EXPECT_TRUE(Do(same)->replayed);
  EXPECT_EQ(plan_->writes(), before);
}

TEST_F(RetryTest, AfterOutcomeUnknownItHappensOnce) {
  uint64_t id = 0;
  for (Happens happens : {Happens::kNot, Happens::kAllTheSame}) {
    for (int64_t value : {1, 0}) {
      ++id;
      const std::string path = absl::StrCat("/n", id);
      ASSERT_TRUE(Do(Request(Set(path, 10))).ok());
      // Adding 0 changes nothing, and only the answer is stored.
      const CommitRequest add = Request(Add(path, value), id);
      plan_->FailWrite(1, happens);
      EXPECT_EQ(ErrorReason(Do(add).status()), "OUTCOME_UNKNOWN");
      const CommitResult again = Retry(add);
      EXPECT_EQ(again.replayed, happens == Happens::kAllTheSame);
      EXPECT_EQ(again.changed, value != 0);
      EXPECT_EQ(Get(path), Tree(Value::Int(10 + value)));
      EXPECT_TRUE(Retry(add).replayed);
      EXPECT_EQ(Get(path), Tree(Value::Int(10 + value)));
    }
  }
}

TEST_F(RetryTest, DuplicatesOfOneUnderWayGetItsAnswer) {
  const CommitRequest add = Request(Add("/n", 1), 1);
  const CommitRequest other = Request(Add("/m", 1), 2);
  plan_->BlockWrites();
  std::vector<Answer> answers;
  answers.push_back(Submit(add));
  plan_->WaitForBlockedWrite();
  // Queued behind the batch, and twice in one batch.
  for (int i = 0; i < 3; ++i) answers.push_back(Submit(add));
  for (int i = 0; i < 3; ++i) answers.push_back(Submit(other));
  plan_->ReleaseWrites();
  std::vector<CommitResult> results;
  for (Answer& answer : answers) results.push_back(*answer.get());
  for (size_t i = 0; i < results.size(); ++i) {
    EXPECT_EQ(results[i].replayed, i != 0 && i != 4) << i;
    EXPECT_EQ(results[i].revision, results[i < 4 ? 0 : 4].revision) << i;
    EXPECT_EQ(results[i].results.at(0).value, Tree(Value::Int(1))) << i;
  }
  EXPECT_EQ(Get("/n"), Tree(Value::Int(1)));
  EXPECT_EQ(Get("/m"), Tree(Value::Int(1)));
}

TEST_F(RetryTest, DuplicatesShareTheFailureOfTheirBatch) {
  plan_->BlockWrites();
  Answer ahead = Submit(Request(Set("/a", 1)));
  plan_->WaitForBlockedWrite();
  const CommitRequest add = Request(Add("/n", 1), 1);
  std::vector<Answer> answers;
  for (int i = 0; i < 2; ++i) answers.push_back(Submit(add));
  plan_->FailWrite(1, Happens::kNot);
  plan_->ReleaseWrites();
  ASSERT_TRUE(ahead.get().ok());
  for (Answer& answer : answers) {
    EXPECT_EQ(ErrorReason(answer.get().status()), "OUTCOME_UNKNOWN");
  }
  EXPECT_FALSE(Retry(add).replayed);
  EXPECT_EQ(Get("/n"), Tree(Value::Int(1)));
}

TEST_F(RetryTest, ErrorsAreNotKept) {
  CommitRequest add = Request(Add("/n", 1), 1);
  add.preconditions.push_back(Exists{P("/there"), true});
  EXPECT_EQ(ErrorReason(Do(add).status()), "PRECONDITION_FAILED");
  ASSERT_TRUE(Do(Request(Set("/there", 1))).ok());
  EXPECT_FALSE(Do(add)->replayed);
  // Now it is: it was executed, whatever is there by now.
  ASSERT_TRUE(Do(Request(DeleteOperation{.path = P("/there")})).ok());
  EXPECT_TRUE(Do(add)->replayed);
  EXPECT_EQ(Get("/n"), Tree(Value::Int(1)));
}

TEST_F(RetryTest, TheSameIdWithAnotherBodyIsRefused) {
  plan_->BlockWrites();
  Answer first = Submit(Request(Add("/n", 1), 1, 1));
  plan_->WaitForBlockedWrite();
  Answer second = Submit(Request(Add("/n", 2), 1, 2));
  plan_->ReleaseWrites();
  ASSERT_TRUE(first.get().ok());
  const absl::Status status = second.get().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ErrorReason(status), "INVALID_REQUEST");
  Crash();
  EXPECT_EQ(ErrorReason(Do(Request(Add("/n", 2), 1, 2)).status()),
            "INVALID_REQUEST");
  EXPECT_EQ(Get("/n"), Tree(Value::Int(1)));
}

TEST_F(RetryTest, RelaxedOnesAreKnownAtOnce) {
  plan_->BlockWrites();
  CommitRequest add = Request(Add("/n", 1), 1);
  add.relaxed = true;
  const CommitResult first = *Do(add);
  plan_->WaitForBlockedWrite();
  Answer second = Submit(add);
  plan_->ReleaseWrites();
  const CommitResult again = *second.get();
  EXPECT_TRUE(again.replayed);
  EXPECT_EQ(again.revision, first.revision);
  EXPECT_EQ(Get("/n"), Tree(Value::Int(1)));
}

TEST_F(RetryTest, RandomFailuresAndCrashesDoNothingTwice) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  std::mt19937 random(seed);
  const auto pick = [&](int below) {
    return static_cast<int>(random() % static_cast<unsigned>(below));
  };
  int64_t sum = 0;
  std::vector<CommitRequest> answered;
  for (uint64_t id = 1; id <= 150; ++id) {
    const int64_t value = pick(3);
    sum += value;
    const CommitRequest add = Request(Add("/n", value), id);
    if (pick(4) == 0) {
      plan_->FailWrite(1 + pick(2),
                       pick(2) == 0 ? Happens::kNot : Happens::kAllTheSame);
    }
    Retry(add);
    answered.push_back(add);
    if (pick(30) == 0) Crash();
    const CommitRequest& earlier = answered[pick(answered.size())];
    EXPECT_TRUE(Retry(earlier).replayed);
    ASSERT_EQ(Get("/n"), Tree(Value::Int(sum))) << id;
  }
}

TEST_F(RetryTest, APathWithATtlGoesWithWhatIsBelow) {
  ASSERT_TRUE(Do(Request(Set("/a", 1, absl::Seconds(1)))).ok());
  ASSERT_TRUE(Do(Request(Set("/b", 1, absl::Seconds(9)))).ok());
  ASSERT_TRUE(Do(Request(Set("/a/below", 2))).ok());
  clock_.Advance(absl::Milliseconds(999));
  Expire();
  EXPECT_EQ(Expired(), Strings());
  clock_.Advance(absl::Milliseconds(1));
  // Once, even if the store fails at it.
  plan_->FailWrite(1, Happens::kAllTheSame);
  Expire();
  EXPECT_EQ(Expired(), (Strings{"/a"}));
  EXPECT_EQ(Get("/a"), std::nullopt);
  EXPECT_EQ(Get("/b"), Tree(Value::Int(1)));
  EXPECT_FALSE(sequencer_->leases().Find(P("/a")).has_value());
}

TEST_F(RetryTest, AnUnchangedWriteWithATtlStartsItAnewDurably) {
  const CommitRequest set = Request(Set("/a", 1, absl::Seconds(1)));
  const CommitRequest longer = Request(Set("/a", 1, absl::Seconds(10)));
  ASSERT_TRUE(Do(set).ok());
  const CommitResult again = *Do(longer);
  EXPECT_FALSE(again.changed);
  Crash();
  EXPECT_EQ(sequencer_->leases().Find(P("/a"))->terms,
            (LeaseTerms{"", absl::Seconds(10)}));
  clock_.Advance(absl::Seconds(9));
  EXPECT_FALSE(sequencer_->leases().HasOverdue()) << "a full ttl again";
  clock_.Advance(absl::Seconds(1));
  Expire();
  EXPECT_EQ(Expired(), (Strings{"/a"}));
}

TEST_F(RetryTest, LeasesOfAVolatileMountEndWithIt) {
  ASSERT_TRUE(Do(Request(Set("/tmp/a", 1, absl::Seconds(1)))).ok());
  ASSERT_TRUE(Do(Request(Set("/a", 1, absl::Seconds(1)))).ok());
  Crash();
  ASSERT_TRUE(Do(Request(Set("/tmp/a/below", 1))).ok());
  clock_.Advance(absl::Seconds(1));
  Expire();
  EXPECT_EQ(Expired(), (Strings{"/a"}));
  EXPECT_NE(Get("/tmp/a/below"), std::nullopt);
}

TEST_F(RetryTest, AMountThatIsDownKeepsOnlyItsOwnLeases) {
  ASSERT_TRUE(Do(Request(Set("/tmp/a", 1, absl::Seconds(1)))).ok());
  ASSERT_TRUE(Do(Request(Set("/a", 1, absl::Seconds(2)))).ok());
  tmp_plan_->FailWrite(1, Happens::kNot);
  ASSERT_TRUE(Do(Request(Set("/tmp/b", 1))).ok());
  clock_.Advance(absl::Seconds(2));
  Expire();
  EXPECT_EQ(Expired(), (Strings{"/a"}));
  EXPECT_FALSE(sequencer_->leases().HasOverdue()) << "it is tried later";
  EXPECT_TRUE(sequencer_->leases().Find(P("/tmp/a")).has_value());
}

}  // namespace
}  // namespace restate
