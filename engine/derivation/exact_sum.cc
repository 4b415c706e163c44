#include "engine/derivation/exact_sum.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace restate {
namespace {

constexpr size_t kWordBits = 32;
// Of the unit of the fixed-point number: the least double.
constexpr int kUnitExponent = -1074;
// A double's bits.
constexpr int kFractionBits = 52;
constexpr uint64_t kFractionMask = (uint64_t{1} << kFractionBits) - 1;
// What scaling a mean that overflows as a sum divides by.
constexpr int kMeanExponent = 64;

}  // namespace

void ExactSum::Add(int64_t number) { integers_ += number; }
void ExactSum::Subtract(int64_t number) { integers_ -= number; }
void ExactSum::Add(double number) { Change(number, false); }
void ExactSum::Subtract(double number) { Change(number, true); }

void ExactSum::Change(double number, bool subtract) {
  const int64_t one = subtract ? -1 : 1;
  doubles_ += one;
  if (std::isnan(number)) {
    nans_ += one;
    return;
  }
  if (std::isinf(number)) {
    (number > 0 ? infinities_ : negative_infinities_) += one;
    return;
  }
  if (number != 0) {
    uint64_t bits = 0;
    std::memcpy(&bits, &number, sizeof(bits));
    const uint64_t exponent = (bits >> kFractionBits) & 0x7ff;
    uint64_t magnitude = bits & kFractionMask;
    size_t shift = 0;
    if (exponent > 0) {
      magnitude |= uint64_t{1} << kFractionBits;
      shift = exponent - 1;
    }
    if (words_ == nullptr) {
      words_ = std::make_shared<Words>();
    } else if (words_.use_count() > 1) {
      words_ = std::make_shared<Words>(*words_);
    }
    AddShifted(magnitude, shift, subtract != std::signbit(number), *words_);
  }
  // Nothing is left of what was taken out, so zero is null again.
  if (doubles_ == 0) words_ = nullptr;
}

void ExactSum::AddShifted(uint64_t magnitude, size_t shift, bool subtract,
                          Words& words) {
  const size_t first = shift / kWordBits;
  const absl::uint128 shifted = absl::uint128(magnitude)
                                << static_cast<int>(shift % kWordBits);
  uint64_t carry = 0;
  for (size_t i = first; i < kWords; ++i) {
    const size_t offset = (i - first) * kWordBits;
    const uint64_t part =
        offset < 96 ? absl::Uint128Low64(shifted >> static_cast<int>(offset)) &
                          0xffffffffu
                    : 0;
    if (part == 0 && carry == 0 && offset >= 96) break;
    if (subtract) {
      const uint64_t taken = part + carry;
      carry = words[i] < taken ? 1 : 0;
      words[i] = static_cast<uint32_t>(words[i] - taken);
    } else {
      const uint64_t sum = words[i] + part + carry;
      carry = sum >> kWordBits;
      words[i] = static_cast<uint32_t>(sum);
    }
  }
}

double ExactSum::Round(int exponent) const {
  if (nans_ > 0 || (infinities_ > 0 && negative_infinities_ > 0)) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  if (infinities_ > 0) return std::numeric_limits<double>::infinity();
  if (negative_infinities_ > 0) {
    return -std::numeric_limits<double>::infinity();
  }
  Words words{};
  if (words_ != nullptr) words = *words_;
  if (integers_ != 0) {
    const bool negative = integers_ < 0;
    const absl::uint128 magnitude =
        negative ? -absl::uint128(integers_) : absl::uint128(integers_);
    AddShifted(absl::Uint128Low64(magnitude), -kUnitExponent, negative, words);
    AddShifted(absl::Uint128High64(magnitude), -kUnitExponent + 64, negative,
               words);
  }
  const bool negative = words.back() >> (kWordBits - 1) != 0;
  if (negative) {
    uint64_t carry = 1;
    for (uint32_t& word : words) {
      const uint64_t flipped = uint64_t{~word} + carry;
      word = static_cast<uint32_t>(flipped);
      carry = flipped >> kWordBits;
    }
  }
  const auto top_word = std::find_if(words.rbegin(), words.rend(),
                                     [](uint32_t word) { return word != 0; });
  if (top_word == words.rend()) return 0;
  const auto bit = [&](int index) -> uint64_t {
    return words[index / kWordBits] >> (index % kWordBits) & 1;
  };
  int top = static_cast<int>(words.rend() - top_word - 1) *
                static_cast<int>(kWordBits) +
            31;
  while (bit(top) == 0) --top;

  // The number is sum(bit i * 2^(i - 1074 - exponent)). The last bit that a
  // double can hold of it: 53 bits in all, and none below 2^-1074.
  const int last = std::max({top - kFractionBits, exponent, 0});
  uint64_t mantissa = 0;
  for (int i = top; i >= last; --i) mantissa = mantissa << 1 | bit(i);
  if (last > 0) {
    const int half = last - 1;
    const bool half_set = half <= top && bit(half) != 0;
    bool rest = false;
    for (int i = 0; i < half && !rest; ++i) rest = bit(i) != 0;
    if (half_set && (rest || (mantissa & 1) != 0)) ++mantissa;
  }
  const double rounded = std::ldexp(static_cast<double>(mantissa),
                                    last + kUnitExponent - exponent);
  return negative ? -rounded : rounded;
}

double ExactSum::Mean(int64_t count) const {
  const double sum = Round();
  const double divisor = static_cast<double>(count);
  if (!std::isinf(sum) || infinities_ > 0 || negative_infinities_ > 0) {
    return sum / divisor;
  }
  return std::ldexp(Round(kMeanExponent) / divisor, kMeanExponent);
}

}  // namespace restate
