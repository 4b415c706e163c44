#include "engine/measure/histogram.h"

namespace restate {

HistogramReading Histogram::Read() const {
  HistogramReading reading;
  reading.bounds = bounds_;
  reading.counts.reserve(counts_.size());
  for (const Counter& count : counts_) reading.counts.push_back(count.value());
  reading.sum = sum_.value();
  return reading;
}

std::vector<uint64_t> TimeBounds() {
  std::vector<uint64_t> bounds;
  for (uint64_t power = 100'000; power < 10'000'000'000; power *= 10) {
    bounds.push_back(power);
    bounds.push_back(power * 5 / 2);
    bounds.push_back(power * 5);
  }
  bounds.push_back(10'000'000'000);
  return bounds;
}

std::vector<uint64_t> CountBounds() {
  std::vector<uint64_t> bounds;
  for (uint64_t bound = 1; bound <= 4096; bound *= 2) bounds.push_back(bound);
  return bounds;
}

}  // namespace restate
