#include "tests/derivation/exact_total.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace restate::test {
namespace {

// Numbers that do not overlap, the least first, whose sum is exact.
class Partials {
 public:
  void Add(double number) {
    size_t kept = 0;
    for (double part : parts_) {
      if (std::fabs(number) < std::fabs(part)) std::swap(number, part);
      const double high = number + part;
      const double low = part - (high - number);
      if (low != 0) parts_[kept++] = low;
      number = high;
    }
    parts_.resize(kept);
    parts_.push_back(number);
  }

  double Round() const {
    if (parts_.empty()) return 0;
    size_t left = parts_.size() - 1;
    double high = parts_[left];
    double low = 0;
    while (left > 0) {
      const double before = high;
      const double part = parts_[--left];
      high = before + part;
      low = part - (high - before);
      if (low != 0) break;
    }
    // Half way between two doubles, the rest below decides.
    if (left > 0 && std::signbit(low) == std::signbit(parts_[left - 1])) {
      const double twice = low * 2;
      const double other = high + twice;
      if (other - high == twice) high = other;
    }
    return high == 0 ? 0.0 : high;
  }

 private:
  std::vector<double> parts_;
};

}  // namespace

double ExactTotal(const std::vector<Value>& numbers) {
  Partials partials;
  for (const Value& number : numbers) {
    if (number.kind() == Value::Kind::kInt) {
      // Two halves, each of which a double holds.
      const int64_t all = number.as_int();
      const int64_t high = all >> 32;
      partials.Add(std::ldexp(static_cast<double>(high), 32));
      partials.Add(static_cast<double>(all - high * (int64_t{1} << 32)));
      continue;
    }
    if (std::isinf(number.as_double())) return number.as_double();
    partials.Add(number.as_double());
  }
  return partials.Round();
}

}  // namespace restate::test
