#include <cstdint>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "engine/measure/counter.h"
#include "engine/measure/histogram.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

TEST(Counter, CountsFromManyThreads) {
  Counter counter;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 1000; ++j) counter.Add();
    });
  }
  for (std::thread& thread : threads) thread.join();
  counter.AddAlone(5);
  EXPECT_EQ(counter.value(), 4005u);
}

TEST(Histogram, CountsBySize) {
  Histogram histogram({10, 20});
  for (uint64_t number : {0u, 10u, 11u, 20u, 21u, 1000u}) {
    histogram.Record(number);
  }
  const HistogramReading reading = histogram.Read();
  EXPECT_EQ(reading.bounds, (std::vector<uint64_t>{10, 20}));
  EXPECT_EQ(reading.counts, (std::vector<uint64_t>{2, 2, 2}));
  EXPECT_EQ(reading.sum, 1062u);
}

TEST(Histogram, CountsTimesInNanoseconds) {
  Histogram histogram({1000});
  histogram.Record(absl::Microseconds(1));
  histogram.Record(absl::Seconds(1));
  histogram.Record(-absl::Seconds(1));
  const HistogramReading reading = histogram.Read();
  EXPECT_EQ(reading.counts, (std::vector<uint64_t>{2, 1}));
  EXPECT_EQ(reading.sum, 1'000'001'000u);
}

TEST(Bounds, Ascend) {
  const std::vector<uint64_t> times = TimeBounds();
  EXPECT_EQ(times.size(), 16u);
  EXPECT_EQ(times.front(), 100'000u);
  EXPECT_EQ(times[1], 250'000u);
  EXPECT_EQ(times.back(), 10'000'000'000u);
  const std::vector<uint64_t> counts = CountBounds();
  EXPECT_EQ(counts.size(), 13u);
  EXPECT_EQ(counts.back(), 4096u);
}

}  // namespace
}  // namespace restate
