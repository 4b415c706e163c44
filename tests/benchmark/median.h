#ifndef RESTATE_TESTS_BENCHMARK_MEDIAN_H_
#define RESTATE_TESTS_BENCHMARK_MEDIAN_H_

#include <algorithm>
#include <utility>
#include <vector>

namespace restate::benchmark {

// The middle one; of an even number, the greater of the two. REQUIRES: at least
// one.
inline double Median(std::vector<double> numbers) {
  std::sort(numbers.begin(), numbers.end());
  return numbers[numbers.size() / 2];
}

// The median of one figure over rounds: MedianOf(rounds, &Round::rate).
template <typename Figures, typename Member>
double MedianOf(const std::vector<Figures>& rounds, Member member) {
  std::vector<double> numbers;
  for (const Figures& round : rounds) numbers.push_back(round.*member);
  return Median(std::move(numbers));
}

}  // namespace restate::benchmark

#endif  // RESTATE_TESTS_BENCHMARK_MEDIAN_H_
