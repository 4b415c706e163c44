#include "engine/derivation/ordered_values.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "absl/numeric/int128.h"

namespace restate {
namespace {

// The first byte of a key: numbers, NaN, strings.
constexpr char kNumber = 'n';
constexpr char kNan = 'o';
constexpr char kString = 's';

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
  std::string key = KeyOf(value);
  // All NaNs are one, so that it does not matter which came last.
  const Value kept =
      key.front() == kNan
          ? Value::Double(std::numeric_limits<double>::quiet_NaN())
          : value;
  ++counts_.try_emplace(std::move(key), Count{kept, 0}).first->second.count;
}

void OrderedValues::Remove(const Value& value) {
  auto it = counts_.find(KeyOf(value));
  if (it == counts_.end()) return;
  if (--it->second.count == 0) counts_.erase(it);
}

bool OrderedValues::mixed() const {
  return !counts_.empty() && counts_.begin()->first.front() != kString &&
         counts_.rbegin()->first.front() == kString;
}

Tree OrderedValues::Least() const {
  if (counts_.empty()) return std::nullopt;
  auto nan = counts_.find(std::string(1, kNan));
  return (nan != counts_.end() ? nan : counts_.begin())->second.value;
}

Tree OrderedValues::Greatest() const {
  if (counts_.empty()) return std::nullopt;
  auto nan = counts_.find(std::string(1, kNan));
  return nan != counts_.end() ? nan->second.value
                              : counts_.rbegin()->second.value;
}

}  // namespace restate
