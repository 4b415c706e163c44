#include "engine/derivation/exact_sum.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "gtest/gtest.h"

namespace restate {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kLargest = std::numeric_limits<double>::max();
constexpr double kLeast = std::numeric_limits<double>::denorm_min();

uint64_t Bits(double number) { return std::bit_cast<uint64_t>(number); }

double SumOf(const std::vector<double>& numbers) {
  ExactSum sum;
  for (double number : numbers) sum.Add(number);
  return sum.Round();
}

TEST(ExactSumTest, OneNumberIsItself) {
  for (double number : {1.0, -1.0, 0.1, -3.5e300, kLargest, -kLargest, kLeast,
                        -kLeast, 2.2250738585072014e-308, 1e-310}) {
    EXPECT_EQ(Bits(SumOf({number})), Bits(number)) << number;
  }
  EXPECT_EQ(Bits(SumOf({})), Bits(0.0));
  EXPECT_EQ(Bits(SumOf({-0.0})), Bits(0.0));
}

TEST(ExactSumTest, NothingIsLostBetweenLargeAndSmall) {
  EXPECT_EQ(SumOf({1e100, 1.0, -1e100}), 1.0);
  EXPECT_EQ(SumOf({kLargest, kLeast, -kLargest}), kLeast);
  EXPECT_EQ(SumOf({kLargest, kLargest, -kLargest}), kLargest);
  EXPECT_EQ(SumOf({0.1, 0.2, -0.3}), 2.7755575615628914e-17);
}

TEST(ExactSumTest, TiesGoToEven) {
  const double two53 = 9007199254740992.0;
  EXPECT_EQ(SumOf({two53, 1.0}), two53);
  EXPECT_EQ(SumOf({two53, 1.0, kLeast}), two53 + 2);
  EXPECT_EQ(SumOf({two53 + 2, 1.0}), two53 + 4);
  EXPECT_EQ(SumOf({-two53, -1.0}), -two53);
}

TEST(ExactSumTest, InfinitiesAndNanComeAndGo) {
  ExactSum sum;
  sum.Add(1.0);
  sum.Add(kInfinity);
  EXPECT_EQ(sum.Round(), kInfinity);
  sum.Add(-kInfinity);
  EXPECT_TRUE(std::isnan(sum.Round()));
  sum.Subtract(kInfinity);
  EXPECT_EQ(sum.Round(), -kInfinity);
  sum.Subtract(-kInfinity);
  EXPECT_EQ(sum.Round(), 1.0);
  sum.Add(std::nan(""));
  EXPECT_TRUE(std::isnan(sum.Round()));
  sum.Subtract(std::nan(""));
  EXPECT_EQ(sum.Round(), 1.0);
  EXPECT_EQ(SumOf({kLargest, kLargest}), kInfinity);
}

TEST(ExactSumTest, IntegersAndDoublesMix) {
  ExactSum sum;
  const int64_t largest = std::numeric_limits<int64_t>::max();
  sum.Add(largest);
  sum.Add(largest);
  EXPECT_TRUE(sum.all_integers());
  EXPECT_EQ(sum.integers(), absl::int128(largest) * 2);
  sum.Add(0.5);
  EXPECT_FALSE(sum.all_integers());
  sum.Subtract(largest);
  sum.Subtract(largest);
  EXPECT_EQ(sum.Round(), 0.5);
  sum.Add(int64_t{-3});
  EXPECT_EQ(sum.Round(), -2.5);
  sum.Subtract(0.5);
  EXPECT_TRUE(sum.all_integers());
}

TEST(ExactSumTest, AMeanIsThereEvenIfTheSumIsTooLarge) {
  ExactSum sum;
  sum.Add(kLargest);
  sum.Add(kLargest);
  EXPECT_EQ(sum.Mean(2), kLargest);
  sum.Add(-kLargest);
  EXPECT_EQ(sum.Mean(3), kLargest / 3);
}

TEST(ExactSumTest, OrderAndWhatCameAndWentDoNotMatter) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 50; ++round) {
    std::vector<double> numbers;
    while (numbers.size() < 40) {
      const double number = std::bit_cast<double>(random());
      if (std::isfinite(number)) numbers.push_back(number);
    }
    const double expected = SumOf(numbers);
    std::shuffle(numbers.begin(), numbers.end(), random);
    ExactSum sum;
    for (double number : numbers) {
      sum.Add(number);
      sum.Add(number / 3);
    }
    for (double number : numbers) sum.Subtract(number / 3);
    EXPECT_EQ(Bits(sum.Round()), Bits(expected));
    for (double number : numbers) sum.Subtract(number);
    EXPECT_EQ(Bits(sum.Round()), Bits(0.0));
  }
}

TEST(ExactSumTest, AgreesWithWideIntegers) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 200; ++round) {
    ExactSum sum;
    absl::int128 expected = 0;
    for (int i = 0; i < 20; ++i) {
      const int64_t number = static_cast<int64_t>(random()) >> 8;
      const double as_double = static_cast<double>(number);
      sum.Add(as_double);
      expected += absl::int128(as_double);
    }
    EXPECT_EQ(sum.Round(), static_cast<double>(expected));
  }
}

}  // namespace
}  // namespace restate
