#include "engine/lease/expiry_pace.h"

#include "gtest/gtest.h"

namespace restate {
namespace {

TEST(ExpiryPaceTest, GrowsToWhatTakesItsTime) {
  ExpiryPace pace;
  ASSERT_EQ(pace.next(), 256u);
  pace.Took(256, absl::Milliseconds(1));
  EXPECT_EQ(pace.next(), 512u);
  pace.Took(512, ExpiryPace::kPortionTime);
  EXPECT_EQ(pace.next(), 512u);
}

TEST(ExpiryPaceTest, ShrinksAtOnceWhenTheyTakeLonger) {
  ExpiryPace pace;
  pace.Took(256, 2 * ExpiryPace::kPortionTime);
  EXPECT_EQ(pace.next(), 128u);
  pace.Took(128, absl::Seconds(10));
  EXPECT_EQ(pace.next(), ExpiryPace::kLeast);
}

TEST(ExpiryPaceTest, StaysWithinBounds) {
  ExpiryPace pace;
  for (int i = 0; i < 20; ++i) pace.Took(pace.next(), absl::ZeroDuration());
  EXPECT_EQ(pace.next(), ExpiryPace::kMost);
  // A lone one says nothing about many.
  ExpiryPace other;
  other.Took(1, absl::Microseconds(1));
  EXPECT_EQ(other.next(), 256u);
  other.Took(0, absl::Seconds(1));
  EXPECT_EQ(other.next(), 256u);
}

}  // namespace
}  // namespace restate
