#include "engine/subscription/interceptions.h"

#include <memory>
#include <vector>

#include "gtest/gtest.h"

namespace restate {
namespace {

using Verdict = BubbleGate::Verdict;

Path P(std::string_view text) { return *Path::Parse(text); }

class Waiter final : public GateWaiter {
 public:
  void Poke() override { ++poked; }
  int poked = 0;
};

class InterceptionsTest : public testing::Test {
 protected:
  InterceptionsTest()
      : interceptions_(InterceptionLimits{absl::Seconds(5), 3},
                       [this](std::shared_ptr<BubbleGate> gate, size_t level,
                              const Path& place) {
                         stops_.push_back(place.ToText());
                         if (record_at_once_) {
                           interceptions_.StopRecorded(gate, level);
                         }
                       }) {}

  std::shared_ptr<BubbleGate> Gate(Revision revision) {
    return std::make_shared<BubbleGate>(revision, 0);
  }

  absl::Duration now_ = absl::Seconds(1000);
  bool record_at_once_ = true;
  std::vector<std::string> stops_;
  Interceptions interceptions_;
};

TEST_F(InterceptionsTest, ALevelPassesWhenAllOfItHaveAnswered) {
  auto gate = Gate(1);
  const uint64_t a = interceptions_.AddInterceptor(gate, P("/a/b"), 1);
  const uint64_t b = interceptions_.AddInterceptor(gate, P("/a/b"), 2);
  const uint64_t c = interceptions_.AddInterceptor(gate, P("/a"), 1);
  interceptions_.Open(gate, now_);
  EXPECT_EQ(interceptions_.Find(1, 0), gate);
  EXPECT_EQ(interceptions_.LevelsBelow(*gate, P("/a/b")), 0u);
  EXPECT_EQ(interceptions_.LevelsBelow(*gate, P("/a")), 1u);
  EXPECT_EQ(interceptions_.LevelsBelow(*gate, P("/")), 2u);
  auto waiter = std::make_shared<Waiter>();
  ASSERT_TRUE(interceptions_.Wait(gate, 1, waiter));
  ASSERT_TRUE(interceptions_.Wait(gate, 1, waiter)) << "but is poked once";

  EXPECT_TRUE(interceptions_.Take({{{a, false}}}, now_).empty());
  EXPECT_EQ(gate->VerdictAt(1), Verdict::kWait);
  EXPECT_EQ(waiter->poked, 0);
  EXPECT_TRUE(interceptions_.Take({{{b, false}}}, now_).empty());
  EXPECT_EQ(gate->VerdictAt(1), Verdict::kPass);
  EXPECT_EQ(gate->VerdictAt(2), Verdict::kWait);
  EXPECT_EQ(waiter->poked, 1);
  EXPECT_FALSE(interceptions_.Wait(gate, 1, waiter));
  EXPECT_TRUE(interceptions_.Take({{{c, false}}}, now_).empty());
  EXPECT_EQ(gate->VerdictAt(2), Verdict::kPass);
  EXPECT_EQ(interceptions_.Find(1, 0), nullptr);
  EXPECT_EQ(interceptions_.pending(), 0u);
  EXPECT_EQ(interceptions_.Take({{{c, false}, {99, true}}}, now_),
            (std::vector<uint64_t>{c, 99}));
}

TEST_F(InterceptionsTest, AStopHoldsFromThatLevelUpOnceItIsRecorded) {
  record_at_once_ = false;
  auto gate = Gate(1);
  const uint64_t a = interceptions_.AddInterceptor(gate, P("/a/b"), 1);
  const uint64_t other = interceptions_.AddInterceptor(gate, P("/a/b"), 2);
  const uint64_t upper = interceptions_.AddInterceptor(gate, P("/a"), 3);
  interceptions_.Open(gate, now_);
  interceptions_.Take({{{a, true}}}, now_);
  EXPECT_EQ(stops_, (std::vector<std::string>{"/a/b"}));
  EXPECT_EQ(gate->VerdictAt(1), Verdict::kWait) << "not in the history yet";
  interceptions_.Tick(now_ + absl::Seconds(60));
  EXPECT_EQ(gate->VerdictAt(1), Verdict::kWait) << "nor overruled by time";
  interceptions_.StopRecorded(gate, 0);
  EXPECT_EQ(gate->VerdictAt(0), Verdict::kPass);
  EXPECT_EQ(gate->VerdictAt(1), Verdict::kStopped);
  EXPECT_EQ(gate->VerdictAt(2), Verdict::kStopped);
  EXPECT_EQ(interceptions_.Take({{{other, true}, {upper, true}}}, now_).size(),
            2u);
  EXPECT_EQ(stops_.size(), 1u);
  EXPECT_EQ(interceptions_.Find(1, 0), nullptr);
}

TEST_F(InterceptionsTest, EachLevelHasItsOwnDeadline) {
  auto gate = Gate(1);
  interceptions_.AddInterceptor(gate, P("/a/b"), 1);
  interceptions_.AddInterceptor(gate, P("/a"), 2);
  interceptions_.Open(gate, now_);
  interceptions_.Tick(now_ + absl::Milliseconds(4999));
  EXPECT_EQ(gate->VerdictAt(1), Verdict::kWait);
  interceptions_.Tick(now_ + absl::Seconds(5));
  EXPECT_EQ(gate->VerdictAt(1), Verdict::kPass);
  EXPECT_EQ(gate->VerdictAt(2), Verdict::kWait);
  interceptions_.Tick(now_ + absl::Seconds(9));
  EXPECT_EQ(gate->VerdictAt(2), Verdict::kWait);
  interceptions_.Tick(now_ + absl::Seconds(10));
  EXPECT_EQ(gate->VerdictAt(2), Verdict::kPass);
}

TEST_F(InterceptionsTest, ForgettingASubscriptionLetsGoOfAllOfIts) {
  auto first = Gate(1), second = Gate(2);
  interceptions_.AddInterceptor(first, P("/a"), 1);
  const uint64_t mine = interceptions_.AddInterceptor(second, P("/a"), 2);
  interceptions_.AddInterceptor(second, P("/a"), 1);
  interceptions_.Open(first, now_);
  interceptions_.Open(second, now_);
  EXPECT_EQ(interceptions_.pending_of(1), 2u);
  interceptions_.Forget(1, now_);
  EXPECT_EQ(interceptions_.pending_of(1), 0u);
  EXPECT_EQ(first->VerdictAt(1), Verdict::kPass);
  EXPECT_EQ(second->VerdictAt(1), Verdict::kWait);
  interceptions_.GoOn({mine}, now_);
  EXPECT_EQ(second->VerdictAt(1), Verdict::kPass);
}

TEST_F(InterceptionsTest, InterceptorsMayGoBeforeTheGateIsOpen) {
  auto gate = Gate(1);
  interceptions_.AddInterceptor(gate, P("/a/b"), 1);
  interceptions_.Forget(1, now_);
  interceptions_.AddInterceptor(gate, P("/a/b"), 2);
  interceptions_.Open(gate, now_);
  EXPECT_EQ(gate->VerdictAt(1), Verdict::kPass);
  EXPECT_EQ(interceptions_.Find(1, 0), nullptr);
  EXPECT_EQ(interceptions_.pending(), 0u);

  auto second = Gate(2);
  interceptions_.AddInterceptor(second, P("/a/b"), 1);
  interceptions_.Forget(1, now_);
  const uint64_t upper = interceptions_.AddInterceptor(second, P("/a"), 2);
  interceptions_.Open(second, now_);
  EXPECT_EQ(second->VerdictAt(1), Verdict::kPass);
  EXPECT_EQ(second->VerdictAt(2), Verdict::kWait);
  EXPECT_TRUE(interceptions_.Take({{{upper, false}}}, now_).empty());
  EXPECT_EQ(second->VerdictAt(2), Verdict::kPass);
}

TEST_F(InterceptionsTest, ThereIsRoomForSoMany) {
  for (Revision revision = 1; revision <= 3; ++revision) {
    EXPECT_TRUE(interceptions_.HasRoom(1));
    auto gate = Gate(revision);
    interceptions_.AddInterceptor(gate, P("/a"), 1);
    interceptions_.Open(gate, now_);
  }
  EXPECT_FALSE(interceptions_.HasRoom(1));
  EXPECT_TRUE(interceptions_.HasRoom(2));
  interceptions_.Tick(now_ + absl::Seconds(5));
  EXPECT_TRUE(interceptions_.HasRoom(1));
}

}  // namespace
}  // namespace restate
