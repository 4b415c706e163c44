#include "engine/request/answered_requests.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "answer_record.pb.h"
#include "engine/error/error.h"
#include "engine/request/answer_codec.h"
#include "engine/value/value.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

class ManualClock final : public Clock {
 public:
  absl::Time Now() const override {
    return absl::FromUnixSeconds(1'000) + monotonic;
  }
  absl::Duration Monotonic() const override { return monotonic; }
  absl::Duration monotonic;
};

// A store of nothing but answered requests.
class RequestStore final : public CommitStore {
 public:
  const CommitStoreState& state() const override { return state_; }
  absl::Status Commit(const CommitBatch& batch) override {
    for (const StoredRequest& request : batch.requests.answered) {
      requests.push_back(request);
    }
    std::erase_if(requests, [&](const StoredRequest& request) {
      return request.sequence >= batch.requests.forget_from &&
             request.sequence < batch.requests.forget_before;
    });
    return absl::OkStatus();
  }
  absl::Status ReadRequests(
      absl::FunctionRef<void(StoredRequest)> take) const override {
    for (const StoredRequest& request : requests) take(request);
    return absl::OkStatus();
  }
  absl::Status ReadJournal(
      uint32_t mount, absl::FunctionRef<void(Write)> take) const override {
    return absl::OkStatus();
  }
  absl::Status WriteHistory(const HistoryChanges& changes) override {
    return absl::OkStatus();
  }
  std::shared_ptr<const HistoryLog> history() const override {
    return nullptr;
  }
  absl::Status Reopen() override { return absl::OkStatus(); }
  absl::Status Close(Revision last_given) override { return absl::OkStatus(); }

  std::vector<StoredRequest> requests;

 private:
  CommitStoreState state_;
};

CommitResult Result(Revision revision, std::string value = "") {
  CommitResult result;
  result.revision = revision;
  result.changed = true;
  result.results.resize(1);
  result.results[0].changed = true;
  if (!value.empty()) result.results[0].value = Value::String(value);
  return result;
}

RequestIdentity Id(uint64_t id, uint64_t fingerprint = 7) {
  return {id, fingerprint};
}

// The revision that a request was answered with; 0 if it is not known, -1 for
// an error.
Revision RevisionOf(const AnsweredRequests& answered,
                    const RequestIdentity& id) {
  absl::StatusOr<std::optional<CommitResult>> found = answered.Find(id);
  if (!found.ok()) return -1;
  return found->has_value() ? (*found)->revision : 0;
}

class AnsweredRequestsTest : public testing::Test {
 protected:
  // As the sequencer does it.
  void Answer(AnsweredRequests& answered, uint64_t id, Revision revision,
              std::string value = "") {
    answered.Stage(Id(id), Result(revision, std::move(value)));
    CommitBatch batch;
    batch.requests = answered.Staged();
    ASSERT_TRUE(store_.Commit(batch).ok());
    answered.PublishStaged();
  }

  ManualClock clock_;
  RequestStore store_;
};

TEST_F(AnsweredRequestsTest, ASuccessIsAnsweredAgain) {
  AnsweredRequests answered({}, &clock_);
  EXPECT_EQ(RevisionOf(answered, Id(1)), 0);
  answered.Stage(Id(1), Result(5, "new value"));
  // A duplicate in the same batch.
  EXPECT_EQ(RevisionOf(answered, Id(1)), 5);
  answered.PublishStaged();
  const absl::StatusOr<std::optional<CommitResult>> again =
      answered.Find(Id(1));
  ASSERT_TRUE(again.ok());
  ASSERT_TRUE(again->has_value());
  EXPECT_TRUE((*again)->replayed);
  EXPECT_TRUE((*again)->changed);
  EXPECT_EQ((*again)->revision, 5);
  ASSERT_EQ((*again)->results.size(), 1u);
  EXPECT_TRUE((*again)->results[0].changed);
  EXPECT_EQ((*again)->results[0].value, Tree(Value::String("new value")));
}

TEST_F(AnsweredRequestsTest, AnIdForSomethingElseIsRefused) {
  AnsweredRequests answered({}, &clock_);
  Answer(answered, 1, 5);
  const absl::Status status = answered.Find(Id(1, 8)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ErrorReason(status), "INVALID_REQUEST");
}

TEST_F(AnsweredRequestsTest, WhatABatchDidNotDecideIsForgotten) {
  AnsweredRequests answered({}, &clock_);
  Answer(answered, 1, 5);
  answered.Stage(Id(2), Result(6));
  answered.DropStaged();
  EXPECT_EQ(RevisionOf(answered, Id(2)), 0);
  // Its place in the store goes to the next.
  Answer(answered, 3, 7);
  ASSERT_EQ(store_.requests.size(), 2u);
  EXPECT_EQ(store_.requests[1].sequence, store_.requests[0].sequence + 1);
}

TEST_F(AnsweredRequestsTest, ARestartKnowsThem) {
  AnsweredRequests before({}, &clock_);
  for (int id = 1; id <= 10; ++id) Answer(before, id, 100 + id);
  clock_.monotonic = absl::ZeroDuration();
  AnsweredRequests after({}, &clock_);
  ASSERT_TRUE(after.Reload(store_).ok());
  for (int id = 1; id <= 10; ++id) {
    EXPECT_EQ(RevisionOf(after, Id(id)), 100 + id);
  }
  EXPECT_EQ(after.status().count, 10u);
  EXPECT_EQ(after.status().bytes, before.status().bytes);
  Answer(after, 11, 111);
  EXPECT_EQ(store_.requests.back().sequence, 11u);
}

TEST_F(AnsweredRequestsTest, AHoleIsDamage) {
  AnsweredRequests before({}, &clock_);
  for (int id = 1; id <= 3; ++id) Answer(before, id, id);
  store_.requests.erase(store_.requests.begin() + 1);
  AnsweredRequests after({}, &clock_);
  EXPECT_EQ(ErrorReason(after.Reload(store_)), "CORRUPT");
}

TEST_F(AnsweredRequestsTest, TheOldestGoFirstWhenTheBytesAreUsedUp) {
  RequestBounds bounds;
  bounds.bytes = 10'000;
  AnsweredRequests answered(bounds, &clock_);
  for (int id = 1; id <= 100; ++id) {
    Answer(answered, id, id, std::string(1'000, 'x'));
    EXPECT_LE(answered.status().bytes, bounds.bytes);
  }
  const size_t kept = answered.status().count;
  EXPECT_EQ(kept, 8u);
  for (int id = 1; id <= 100; ++id) {
    EXPECT_EQ(RevisionOf(answered, Id(id)), id > 100 - 8 ? id : 0) << id;
  }
  // The store forgets too, a little later.
  EXPECT_LE(store_.requests.size(), kept + 1);
  EXPECT_EQ(store_.requests.back().sequence, 100u);
  // A restart with a smaller bound.
  bounds.bytes = 3'000;
  AnsweredRequests after(bounds, &clock_);
  ASSERT_TRUE(after.Reload(store_).ok());
  EXPECT_EQ(after.status().count, 2u);
  Answer(after, 101, 101);
  EXPECT_EQ(store_.requests.front().sequence, 99u);
}

TEST_F(AnsweredRequestsTest, TheOldGoWhenTheNextComes) {
  AnsweredRequests answered({}, &clock_);
  Answer(answered, 1, 1);
  clock_.monotonic += absl::Minutes(9);
  Answer(answered, 2, 2);
  EXPECT_EQ(answered.status().oldest, absl::FromUnixSeconds(1'000));
  clock_.monotonic += absl::Minutes(2);
  Answer(answered, 3, 3);
  EXPECT_EQ(RevisionOf(answered, Id(1)), 0);
  EXPECT_EQ(RevisionOf(answered, Id(2)), 2);
  EXPECT_EQ(answered.status().oldest,
            absl::FromUnixSeconds(1'000) + absl::Minutes(9));
  // It is a new request then, and a restart knows the newer one.
  Answer(answered, 1, 4);
  EXPECT_EQ(RevisionOf(answered, Id(1)), 4);
  AnsweredRequests after({}, &clock_);
  ASSERT_TRUE(after.Reload(store_).ok());
  EXPECT_EQ(RevisionOf(after, Id(1)), 4);
}

TEST_F(AnsweredRequestsTest, ManyAreForgottenByTheStoreTogether) {
  AnsweredRequests answered({}, &clock_);
  for (int id = 1; id <= 1'025; ++id) Answer(answered, id, id);
  clock_.monotonic += absl::Minutes(11);
  Answer(answered, 2'000, 2'000);
  EXPECT_EQ(answered.status().count, 1u);
  EXPECT_EQ(store_.requests.size(), 1'026u);
  Answer(answered, 2'001, 2'001);
  EXPECT_EQ(store_.requests.size(), 2u);
  EXPECT_EQ(store_.requests.front().sequence, 1'026u);
}

TEST(AnswerCodecTest, BytesThatAreNoAnswerAreDamage) {
  EXPECT_EQ(ErrorReason(DecodeAnswer("\xff\xff").status()), "CORRUPT");
  const absl::StatusOr<CommitResult> nothing =
      DecodeAnswer(EncodeAnswer(CommitResult()));
  ASSERT_TRUE(nothing.ok());
  EXPECT_TRUE(nothing->results.empty());
  EXPECT_FALSE(nothing->changed);
  EXPECT_FALSE(nothing->replayed);
}

// An older version took the fingerprint of the bytes of the message: what it has
// left is known by its id, or every retry over the update would be refused.
TEST_F(AnsweredRequestsTest, WhatAnOlderVersionAnsweredIsKnownByItsId) {
  storage::v1::AnswerRecord old;
  old.set_revision(5);
  old.set_changed(true);
  old.add_results()->set_changed(true);
  store_.requests.push_back({1, Id(1, /*fingerprint=*/3),
                             absl::FromUnixSeconds(1'000),
                             old.SerializeAsString()});
  AnsweredRequests answered({}, &clock_);
  ASSERT_TRUE(answered.Reload(store_).ok());
  EXPECT_EQ(RevisionOf(answered, Id(1, 7)), 5);
  // Those of this version are compared, after a restart too.
  Answer(answered, 2, 6);
  AnsweredRequests again({}, &clock_);
  ASSERT_TRUE(again.Reload(store_).ok());
  EXPECT_EQ(RevisionOf(again, Id(2)), 6);
  EXPECT_EQ(RevisionOf(again, Id(2, 8)), -1);
}

}  // namespace
}  // namespace restate
