#ifndef RESTATE_ENGINE_MEASURE_HISTOGRAM_H_
#define RESTATE_ENGINE_MEASURE_HISTOGRAM_H_

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "engine/measure/counter.h"

namespace restate {

// What a histogram held at one moment.
struct HistogramReading {
  // Ascending.
  std::vector<uint64_t> bounds;
  // How many numbers were at most each bound and above the one before; one more
  // for those above all of them.
  std::vector<uint64_t> counts;
  // Of all numbers.
  uint64_t sum = 0;
};

// How large numbers were. Thread-safe, without a lock: a reading may miss what
// comes meanwhile.
class Histogram {
 public:
  // REQUIRES: `bounds` ascend.
  explicit Histogram(std::vector<uint64_t> bounds)
      : bounds_(std::move(bounds)), counts_(bounds_.size() + 1) {}

  void Record(uint64_t number) {
    counts_[BucketOf(number)].Add();
    sum_.Add(number);
  }
  // In nanoseconds; a negative one counts as none.
  void Record(absl::Duration time) {
    const int64_t nanoseconds = absl::ToInt64Nanoseconds(time);
    Record(nanoseconds < 0 ? uint64_t{0} : static_cast<uint64_t>(nanoseconds));
  }

  HistogramReading Read() const;

 private:
  size_t BucketOf(uint64_t number) const {
    size_t i = 0;
    while (i < bounds_.size() && number > bounds_[i]) ++i;
    return i;
  }

  const std::vector<uint64_t> bounds_;
  std::vector<Counter> counts_;
  Counter sum_;
};

// Bounds for times, in nanoseconds: from 100 µs to 10 s, three to a power of
// ten.
std::vector<uint64_t> TimeBounds();
// Bounds for numbers of things: 1, 2, 4 and so on to 4096.
std::vector<uint64_t> CountBounds();

}  // namespace restate

#endif  // RESTATE_ENGINE_MEASURE_HISTOGRAM_H_
