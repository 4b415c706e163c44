#include "engine/lease/expiry_pace.h"

#include "gtest/gtest.h"

namespace restate {
namespace {

TEST(ExpiryPaceTest, GrowsToWhatTakesItsTime) {
  ExpiryPace pace;
  ASSERT_EQ(pace.next(), 64u);
  pace.Took(64, absl::Milliseconds(1));
  EXPECT_EQ(pace.next(), 128u);
  pace.Took(128, absl::Milliseconds(10));
  EXPECT_EQ(pace.next(), 256u);
  pace.Took(256, absl::Milliseconds(20));
  EXPECT_EQ(pace.next(), 256u);
}

TEST(ExpiryPaceTest, ShrinksAtOnceWhenTheyTakeLonger) {
  ExpiryPace pace;
  pace.Took(64, absl::Milliseconds(40));
  EXPECT_EQ(pace.next(), 32u);
  pace.Took(32, absl::Seconds(10));
  EXPECT_EQ(pace.next(), ExpiryPace::kLeast);
}

TEST(ExpiryPaceTest, StaysWithinBounds) {
  ExpiryPace pace;
  for (int i = 0; i < 20; ++i) pace.Took(pace.next(), absl::ZeroDuration());
  EXPECT_EQ(pace.next(), ExpiryPace::kMost);
  // A lone one says nothing about many.
  ExpiryPace other;
  other.Took(1, absl::Microseconds(1));
  EXPECT_EQ(other.next(), 64u);
  other.Took(0, absl::Seconds(1));
  EXPECT_EQ(other.next(), 64u);
}

}  // namespace
}  // namespace restate
