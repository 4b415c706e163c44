#include "engine/commit/large_commit_pace.h"

#include "gtest/gtest.h"

namespace restate {
namespace {

const ClientId kLarge = ClientId::OfAddress("10.0.0.1");
const ClientId kOther = ClientId::OfAddress("10.0.0.2");
constexpr absl::Duration kNow = absl::Seconds(100);

class LargeCommitPaceTest : public testing::Test {
 protected:
  void Take(absl::Duration elapsed) {
    pace_.Began(kNow);
    pace_.Ended(kNow + elapsed);
  }
  LargeCommitPace pace_;
};

TEST_F(LargeCommitPaceTest, WhoIsAloneDoesNotWait) {
  Take(absl::Milliseconds(250));
  EXPECT_EQ(pace_.Wait(kLarge, kNow), absl::ZeroDuration());
  pace_.TookOther(kLarge, kNow);
  EXPECT_EQ(pace_.Wait(kLarge, kNow), absl::ZeroDuration());
}

TEST_F(LargeCommitPaceTest, OthersHaveNearlyAllOfTheTime) {
  pace_.TookOther(kOther, kNow);
  EXPECT_EQ(pace_.Wait(kLarge, kNow), absl::ZeroDuration());
  Take(absl::Milliseconds(20));
  pace_.TookOther(kLarge, kNow + absl::Milliseconds(20));
  EXPECT_EQ(pace_.Wait(kLarge, kNow + absl::Milliseconds(20)),
            absl::Milliseconds(380));
  EXPECT_EQ(pace_.Wait(kLarge, kNow + absl::Milliseconds(400)),
            absl::ZeroDuration());
}

TEST_F(LargeCommitPaceTest, TheRestIsBounded) {
  Take(absl::Minutes(1));
  const absl::Duration end = kNow + absl::Minutes(1);
  pace_.TookOther(kOther, end);
  EXPECT_EQ(pace_.Wait(kLarge, end), LargeCommitPace::kLongestRest);
}

TEST_F(LargeCommitPaceTest, OthersThatHaveGoneAreNotWaitedFor) {
  pace_.TookOther(kOther, kNow);
  Take(absl::Milliseconds(500));
  EXPECT_GT(pace_.Wait(kLarge, kNow + absl::Seconds(1)), absl::ZeroDuration());
  EXPECT_EQ(pace_.Wait(kLarge, kNow + absl::Milliseconds(1'001)),
            absl::ZeroDuration());
}

TEST_F(LargeCommitPaceTest, WhatIsLarge) {
  CommitRequest request;
  request.client = kLarge;
  request.bytes = LargeCommitPace::kMostBytes;
  EXPECT_FALSE(LargeCommitPace::IsLarge(request));
  ++request.bytes;
  EXPECT_TRUE(LargeCommitPace::IsLarge(request));
  request.client = ClientId();
  EXPECT_FALSE(LargeCommitPace::IsLarge(request));
}

}  // namespace
}  // namespace restate
