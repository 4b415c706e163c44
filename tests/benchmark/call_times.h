#ifndef RESTATE_TESTS_BENCHMARK_CALL_TIMES_H_
#define RESTATE_TESTS_BENCHMARK_CALL_TIMES_H_

#include <algorithm>
#include <cstddef>
#include <vector>

namespace restate::benchmark {

// How long calls took, in microseconds.
struct CallTimes {
  size_t calls = 0;
  double p50 = 0;
  double p99 = 0;
  double longest = 0;
};

inline CallTimes Summarize(std::vector<double> microseconds) {
  CallTimes summary;
  if (microseconds.empty()) return summary;
  std::sort(microseconds.begin(), microseconds.end());
  const auto quantile = [&](double part) {
    const double last = static_cast<double>(microseconds.size() - 1);
    return microseconds[static_cast<size_t>(part * last)];
  };
  summary.calls = microseconds.size();
  summary.p50 = quantile(0.5);
  summary.p99 = quantile(0.99);
  summary.longest = microseconds.back();
  return summary;
}

}  // namespace restate::benchmark

#endif  // RESTATE_TESTS_BENCHMARK_CALL_TIMES_H_
