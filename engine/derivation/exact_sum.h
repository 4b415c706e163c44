#ifndef RESTATE_ENGINE_DERIVATION_EXACT_SUM_H_
#define RESTATE_ENGINE_DERIVATION_EXACT_SUM_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/numeric/int128.h"

namespace restate {

// The sum of any numbers, exactly: whatever is added and taken out again, and in
// whatever order, the sum is that of what is left, rounded once. Integers and
// doubles may be mixed.
//
// Doubles are held as one fixed-point number that is wide enough for all of
// them, the small superaccumulator of R. M. Neal, "Fast exact summation using
// small and large superaccumulators" (2015): words of 32 bits, here with every
// carry taken at once, so that a sum has one form. NaN and infinities are
// counted aside.
//
// A value type; copies share the wide number until one of them changes. A copy
// may be used by another thread only if nobody changes either.
class ExactSum {
 public:
  // REQUIRES of the second: it was added before.
  void Add(int64_t number);
  void Subtract(int64_t number);
  void Add(double number);
  void Subtract(double number);

  // Whether no doubles are in the sum.
  bool all_integers() const { return doubles_ == 0; }
  // The sum of the integers.
  absl::int128 integers() const { return integers_; }

  // The whole sum as the nearest double, ties to even, divided by 2^exponent
  // first; zero is positive. NaN if a NaN is in it or infinities of both signs.
  double Round(int exponent = 0) const;
  // The whole sum over `count`.
  double Mean(int64_t count) const;

 private:
  // Bits 32 * i to 32 * i + 31 of the sum in units of 2^-1074, two's
  // complement. The largest double needs 2,098 bits; the rest is for sums of up
  // to 2^64 of them, and the sign.
  static constexpr size_t kWords = 69;
  using Words = std::array<uint32_t, kWords>;

  void Change(double number, bool subtract);
  // Adds or subtracts magnitude * 2^(shift - 1074).
  static void AddShifted(uint64_t magnitude, size_t shift, bool subtract,
                         Words& words);

  absl::int128 integers_ = 0;
  int64_t doubles_ = 0;
  int64_t nans_ = 0;
  int64_t infinities_ = 0;
  int64_t negative_infinities_ = 0;
  // Null: zero.
  std::shared_ptr<Words> words_;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_DERIVATION_EXACT_SUM_H_
