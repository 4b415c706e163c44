#include "engine/derivation/definer_allowances.h"

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

constexpr absl::Duration kNow = absl::Seconds(1'000);

class DefinerAllowancesTest : public testing::Test {
 protected:
  DefinerAllowances allowances_{{.at_once = absl::Milliseconds(200),
                                 .a_second = absl::Milliseconds(2),
                                 .most_debt = absl::Milliseconds(100),
                                 .most_definers = 3}};
};

TEST_F(DefinerAllowancesTest, WhatIsUsedComesBackSlowly) {
  EXPECT_EQ(allowances_.Left("a", kNow), absl::Milliseconds(200));
  allowances_.Charge("a", absl::Milliseconds(150), kNow);
  EXPECT_EQ(allowances_.Left("a", kNow), absl::Milliseconds(50));
  EXPECT_FALSE(allowances_.InDebt("a", kNow));
  allowances_.Charge("a", absl::Milliseconds(60), kNow);
  EXPECT_TRUE(allowances_.InDebt("a", kNow));
  EXPECT_FALSE(allowances_.InDebt("b", kNow));
  EXPECT_TRUE(allowances_.InDebt("a", kNow + absl::Seconds(4)));
  EXPECT_FALSE(allowances_.InDebt("a", kNow + absl::Seconds(6)));
  EXPECT_EQ(allowances_.Left("a", kNow + absl::Seconds(55)),
            absl::Milliseconds(100));
  // And no more than there was.
  EXPECT_EQ(allowances_.Left("a", kNow + absl::Hours(1)),
            absl::Milliseconds(200));
}

TEST_F(DefinerAllowancesTest, DebtIsBounded) {
  allowances_.Charge("a", absl::Hours(1), kNow);
  EXPECT_EQ(allowances_.Left("a", kNow), -absl::Milliseconds(100));
  EXPECT_FALSE(allowances_.InDebt("a", kNow + absl::Seconds(51)));
}

TEST_F(DefinerAllowancesTest, AMomentInWhichSeveralWaitCountsOnce) {
  const auto at = [](int ms) { return kNow + absl::Milliseconds(ms); };
  EXPECT_EQ(allowances_.ChargeWait("a", at(0), at(30)), absl::Milliseconds(30));
  EXPECT_EQ(allowances_.ChargeWait("a", at(10), at(40)),
            absl::Milliseconds(10));
  EXPECT_EQ(allowances_.ChargeWait("a", at(20), at(40)), absl::ZeroDuration());
  // For another it does.
  EXPECT_EQ(allowances_.ChargeWait("b", at(20), at(40)),
            absl::Milliseconds(20));
  const absl::Duration left = allowances_.Left("a", at(50));
  EXPECT_EQ(allowances_.LeftAfterWait("a", at(0), at(50)),
            left - absl::Milliseconds(10));
}

TEST_F(DefinerAllowancesTest, FewAreRemembered) {
  for (int i = 1; i <= 3; ++i) {
    allowances_.Charge(absl::StrCat(i), absl::Milliseconds(i * 20), kNow);
  }
  // In ten seconds the first has all of it again.
  const absl::Duration later = kNow + absl::Seconds(10);
  allowances_.Charge("4", absl::Milliseconds(100), later);
  EXPECT_EQ(allowances_.size(), 3u);
  EXPECT_LT(allowances_.Left("2", later), absl::Milliseconds(200));
  // Now the one who owes least.
  allowances_.Charge("5", absl::Milliseconds(100), later);
  EXPECT_EQ(allowances_.size(), 3u);
  EXPECT_EQ(allowances_.Left("2", later), absl::Milliseconds(200));
  EXPECT_LT(allowances_.Left("3", later), absl::Milliseconds(200));
}

TEST_F(DefinerAllowancesTest, NobodyNeedBeInDebt) {
  DefinerAllowances endless({.at_once = absl::InfiniteDuration()});
  endless.Charge("a", absl::Hours(1'000), kNow);
  EXPECT_FALSE(endless.InDebt("a", kNow));
  EXPECT_EQ(endless.ChargeWait("a", kNow, kNow + absl::Hours(1)),
            absl::Hours(1));
  EXPECT_FALSE(endless.InDebt("a", kNow + absl::Hours(1)));
  EXPECT_EQ(endless.size(), 0u);
}

}  // namespace
}  // namespace restate
