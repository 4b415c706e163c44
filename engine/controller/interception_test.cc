// What interceptors are promised, over the whole engine.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/controller/testing/subscription_fixture.h"
#include "engine/error/error.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

class InterceptionTest : public SubscriptionTest {
 protected:
  std::unique_ptr<EventStream> Intercept(const std::string& pattern) {
    SubscriptionSpec spec = Spec({pattern});
    spec.intercepting = true;
    return Subscribe(std::move(spec));
  }
};

TEST_F(InterceptionTest, ThoseAboveWaitForTheAnswer) {
  auto interceptor = Intercept("/a/b");
  auto same_place = Subscribe(Spec({"/a/b"}));
  auto below = Subscribe(Spec({"/a/b/c"}));
  auto above = Subscribe(Spec({"/", "/a"}));
  auto elsewhere = Subscribe(Spec({"/x"}));
  Set("/a/b/c", I(1));
  Set("/x", I(1));
  EXPECT_EQ(Drain(*same_place),
            (Lines{"1.0 SET /a/b/c at /a/b (/a/b): - -> 1"}));
  EXPECT_EQ(Drain(*below).size(), 1u);
  EXPECT_EQ(Drain(*elsewhere), (Lines{"2.0 SET /x at /x (/x): - -> 1"}));
  EXPECT_EQ(Drain(*above), Lines());
  const std::vector<std::string> tokens = TakeTokens(*interceptor);
  ASSERT_EQ(tokens.size(), 1u);
  EXPECT_EQ(Acknowledge(tokens[0], false), Lines());
  EXPECT_EQ(Drain(*above), (Lines{"1.0 SET /a/b/c at /a (/a): - -> 1",
                                  "1.0 SET /a/b/c at / (/): - -> 1",
                                  "2.0 SET /x at / (/): - -> 1"}));
  EXPECT_EQ(Acknowledge(tokens[0], false), tokens) << "answered before";
}

TEST_F(InterceptionTest, AStopIsKeptForReplays) {
  auto interceptor = Intercept("/a/b");
  auto above = Subscribe(Spec({"/", "/a"}));
  Do({SetOf("/a/b", I(1)), SetOf("/a/c", I(1)), SetOf("/a/b/d", I(2))});
  const std::vector<std::string> tokens = TakeTokens(*interceptor);
  ASSERT_EQ(tokens.size(), 2u);
  Acknowledge(tokens[0], true);
  const Lines middle = {"1.1 SET /a/c at /a (/a): - -> 1",
                        "1.1 SET /a/c at / (/): - -> 1"};
  EXPECT_EQ(Drain(*above), middle);
  Acknowledge(tokens[1], true);
  EXPECT_EQ(Drain(*above), Lines());
  auto replay = Subscribe(
      Spec({"/", "/a"}, StartAfter{AfterAllOf(0)}));
  EXPECT_EQ(Drain(*replay), middle);
}

TEST_F(InterceptionTest, AReplayWaitsForWhatIsNotAnsweredYet) {
  auto interceptor = Intercept("/a/b");
  Set("/a/b", I(1));
  auto replay =
      Subscribe(Spec({"/"}, StartAfter{AfterAllOf(0)}));
  EXPECT_EQ(Drain(*replay), Lines());
  Acknowledge(TakeTokens(*interceptor).at(0), true);
  Set("/z", I(1));
  EXPECT_EQ(Drain(*replay), (Lines{"2.0 SET /z at / (/): - -> 1"}));
}

TEST_F(InterceptionTest, TheDeadlineAndADisconnectLetGo) {
  auto interceptor = Intercept("/a/b");
  auto above = Subscribe(Spec({"/"}));
  Set("/a/b", I(1));
  // The deadline runs from when the interceptor was asked.
  Settle();
  clock_.Advance(absl::Milliseconds(4999));
  controller_->Tick(clock_.Monotonic());
  EXPECT_EQ(Drain(*above), Lines());
  clock_.Advance(absl::Milliseconds(1));
  controller_->Tick(clock_.Monotonic());
  EXPECT_EQ(Drain(*above), (Lines{"1.0 SET /a/b at / (/): - -> 1"}));
  const std::vector<std::string> late = TakeTokens(*interceptor);
  EXPECT_EQ(Acknowledge(late.at(0), true), late);

  Set("/a/b", I(2));
  EXPECT_EQ(Drain(*above), Lines());
  interceptor.reset();
  EXPECT_EQ(Drain(*above), (Lines{"2.0 SET /a/b at / (/): 1 -> 2"}));
  Set("/a/b", I(3));
  EXPECT_EQ(Drain(*above), (Lines{"3.0 SET /a/b at / (/): 2 -> 3"}));
  EXPECT_EQ(controller_->GetStatus().unacknowledged, 0u);
}

TEST_F(InterceptionTest, TwoLevelsAreAskedOneAfterTheOther) {
  auto lower = Intercept("/a/b");
  auto upper = Intercept("/a");
  auto root = Subscribe(Spec({"/"}));
  Set("/a/b", I(1));
  EXPECT_TRUE(TakeTokens(*upper).empty());
  Acknowledge(TakeTokens(*lower).at(0), false);
  EXPECT_EQ(Drain(*root), Lines());
  // The upper one's time begins only now.
  const std::vector<std::string> token = TakeTokens(*upper);
  ASSERT_EQ(token.size(), 1u);
  Acknowledge(token[0], true);
  EXPECT_EQ(Drain(*root), Lines());

  Set("/a/b", I(2));
  Acknowledge(TakeTokens(*lower).at(0), true);
  EXPECT_TRUE(TakeTokens(*upper).empty()) << "it never hears of it";
  EXPECT_EQ(Drain(*root), Lines());
  Set("/a", I(3));
  Acknowledge(TakeTokens(*upper).at(0), false);
  EXPECT_EQ(Drain(*root), (Lines{"3.0 SET /a at / (/): {\"b\": 2} -> 3"}))
      << "what is written at /a is not the lower one's";
}

TEST_F(InterceptionTest, WhatIsUnansweredIsBounded) {
  auto interceptor = Intercept("/a");
  auto root = Subscribe(Spec({"/"}));
  for (int i = 0; i < 1200; ++i) Set("/a", I(i));
  EXPECT_EQ(Drain(*root), Lines()) << "they wait behind the first";
  EXPECT_EQ(controller_->GetStatus().unacknowledged, 1000u);
  const std::vector<std::string> tokens = TakeTokens(*interceptor);
  EXPECT_EQ(tokens.size(), 1000u);
  for (const std::string& token : tokens) {
    EXPECT_TRUE(controller_->Acknowledge({{token, true}}).empty());
  }
  Settle();
  EXPECT_EQ(Drain(*root).size(), 200u);
  EXPECT_EQ(controller_->GetStatus().unacknowledged, 0u);
}

}  // namespace
}  // namespace restate
