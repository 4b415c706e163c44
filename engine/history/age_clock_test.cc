#include "engine/history/age_clock.h"

#include "absl/time/time.h"
#include "engine/clock/testing/two_clocks.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

constexpr absl::Duration kDays = absl::Hours(3 * 24);

TEST(AgeClockTest, GoesWithTheWallClockAsLongAsNobodySetsIt) {
  TwoClocks clock;
  AgeClock age(&clock, absl::ZeroDuration(), absl::InfinitePast());
  EXPECT_EQ(age.Now(), clock.Now());
  clock.Advance(absl::Hours(5));
  EXPECT_EQ(age.Now(), clock.Now());
  EXPECT_FALSE(age.NoticeStep());
  EXPECT_EQ(age.OnWall(age.Now()), clock.Now());
}

TEST(AgeClockTest, AStepEitherWayMakesNothingOlder) {
  for (const absl::Duration step : {kDays, -kDays}) {
    TwoClocks clock;
    AgeClock age(&clock, absl::ZeroDuration(), absl::InfinitePast());
    const absl::Time before = age.Now();
    clock.SetWall(clock.Now() + step);
    EXPECT_EQ(age.Now(), before);
    EXPECT_TRUE(age.NoticeStep());
    EXPECT_EQ(age.set_ahead(), step);
    EXPECT_EQ(age.OnWall(age.Now()), clock.Now());
    EXPECT_FALSE(age.NoticeStep()) << "once";
    // The next server goes on where this one was.
    const AgeClock next(&clock, age.set_ahead(), before);
    EXPECT_EQ(next.Now(), before);
  }
}

TEST(AgeClockTest, TheTimeBetweenTwoServersCounts) {
  TwoClocks clock;
  const AgeClock before(&clock, absl::ZeroDuration(), absl::InfinitePast());
  const absl::Time newest = before.Now();
  clock.Advance(kDays);
  EXPECT_EQ(AgeClock(&clock, absl::ZeroDuration(), newest).Now(),
            newest + kDays);
}

TEST(AgeClockTest, AStartInThePastIsAStepBack) {
  TwoClocks clock;
  const AgeClock before(&clock, absl::ZeroDuration(), absl::InfinitePast());
  const absl::Time newest = before.Now();
  clock.SetWall(clock.Now() - kDays);
  AgeClock age(&clock, absl::ZeroDuration(), newest);
  EXPECT_EQ(age.Now(), newest);
  EXPECT_TRUE(age.NoticeStep());
  EXPECT_EQ(age.set_ahead(), -kDays);
}

TEST(AgeClockTest, ADriftOfLessThanTwoSecondsIsNoStep) {
  TwoClocks clock;
  AgeClock age(&clock, absl::ZeroDuration(), absl::InfinitePast());
  clock.SetWall(clock.Now() + absl::Milliseconds(1'999));
  EXPECT_FALSE(age.NoticeStep());
  clock.SetWall(clock.Now() + absl::Milliseconds(1));
  EXPECT_TRUE(age.NoticeStep());
}

}  // namespace
}  // namespace restate
