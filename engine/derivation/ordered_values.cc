#include "engine/derivation/ordered_values.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <string_view>

#include "absl/numeric/int128.h"

namespace restate {
namespace {

// The first byte of a key: numbers, NaN, strings.
constexpr char kNumber = 'n';
constexpr char kNan = 'o';
constexpr char kString = 's';
// The greatest key of all numbers but NaN is before this.
constexpr std::string_view kAfterNumbers = "o";
constexpr std::string_view kStrings = "s";

void AppendBigEndian(uint64_t number, size_t bytes, std::string* key) {
  for (size_t i = bytes; i-- > 0;) {
    key->push_back(static_cast<char>(number >> (8 * i) & 0xff));
  }
}

// Bits that sort as the doubles do.
uint64_t SortableBits(double number) {
  uint64_t bits = 0;
  std::memcpy(&bits, &number, sizeof(bits));
  constexpr uint64_t kSign = uint64_t{1} << 63;
  return (bits & kSign) != 0 ? ~bits : bits | kSign;
}

std::string KeyOf(const Value& value) {
  std::string key;
  if (value.kind() == Value::Kind::kString) {
    key.push_back(kString);
    key.append(value.as_string());
    return key;
  }
  const bool is_int = value.kind() == Value::Kind::kInt;
  const double nearest = is_int ? static_cast<double>(value.as_int())
                                : value.as_double();
  if (std::isnan(nearest)) return std::string(1, kNan);
  key.push_back(kNumber);
  // Zeros are equal; which of them it is comes last.
  AppendBigEndian(SortableBits(nearest == 0 ? 0.0 : nearest), 8, &key);
  // How far an integer is from the nearest double: at most 512.
  int64_t rest = 0;
  if (is_int) {
    rest = static_cast<int64_t>(absl::int128(value.as_int()) -
                                absl::int128(nearest));
  }
  AppendBigEndian(static_cast<uint64_t>(rest + 0x8000), 2, &key);
  key.push_back(is_int ? 0 : std::signbit(nearest) && nearest == 0 ? 1 : 2);
  return key;
}

}  // namespace

bool OrderedValues::CanHold(const Value& value) {
  return value.is_number() || value.kind() == Value::Kind::kString;
}

void OrderedValues::Add(const Value& value) {
  const std::string key = KeyOf(value);
  const Count* present = counts_.Find(key);
  // All NaNs are one, so that it does not matter which came last.
  const Value kept =
      key.front() == kNan
          ? Value::Double(std::numeric_limits<double>::quiet_NaN())
          : value;
  counts_ = counts_.Set(
      key, Count{kept, present == nullptr ? 1 : present->count + 1});
}

void OrderedValues::Remove(const Value& value) {
  const std::string key = KeyOf(value);
  const Count* present = counts_.Find(key);
  if (present == nullptr) return;
  counts_ = present->count == 1
                ? counts_.Erase(key)
                : counts_.Set(key, Count{present->value, present->count - 1});
}

bool OrderedValues::mixed() const {
  if (counts_.empty() || counts_.begin()->key.front() == kString) return false;
  return !counts_.LowerBound(kStrings).at_end();
}

Tree OrderedValues::Least() const {
  if (counts_.empty()) return std::nullopt;
  const Count* nan = counts_.Find(kAfterNumbers);
  return nan != nullptr ? nan->value : counts_.begin()->value.value;
}

Tree OrderedValues::Greatest() const {
  if (counts_.empty()) return std::nullopt;
  const Count* nan = counts_.Find(kAfterNumbers);
  if (nan != nullptr) return nan->value;
  // After every key there is.
  return counts_.FindLastAtOrBefore("t")->value.value;
}

}  // namespace restate
