#include "engine/value/value.h"

#include <bit>
#include <cmath>
#include <ostream>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace restate {
namespace {

// Bytes that a scalar, or the frame around anything else, takes at most in a
// message of either encoding.
constexpr size_t kFrameBytes = 16;
// The same for an entry of a map, without its key.
constexpr size_t kEntryBytes = 24;

size_t VarintBytes(uint64_t number) {
  size_t bytes = 1;
  while (number >>= 7) ++bytes;
  return bytes;
}

// What a field of so many bytes takes with its tag and its length.
size_t FramedBytes(size_t bytes) { return 1 + VarintBytes(bytes) + bytes; }

// ByteSize of an item of a list, of which there may be many and small ones: no
// more than they take in a message of either encoding.
size_t ItemBytes(const Value& item, size_t enough) {
  switch (item.kind()) {
    case Value::Kind::kNull:
    case Value::Kind::kBool:
      return 4;
    case Value::Kind::kDouble:
      // As JSON, NaN and the infinities are texts of up to nine characters.
      return 2 + 2 + 9;
    case Value::Kind::kInt: {
      // As JSON it is a double, or a text of up to 20 characters.
      constexpr int64_t kMostExact = int64_t{1} << 53;
      const bool exact =
          item.as_int() >= -kMostExact && item.as_int() <= kMostExact;
      return exact ? 2 + 1 + 9 : 2 + 2 + 20;
    }
    default:
      return item.ByteSize(enough);
  }
}

// Exact, also where the conversion of `i` to double would round.
bool IntEqualsDouble(int64_t i, double d) {
  // The range in which the conversion below is defined; NaN fails it.
  if (!(d >= -0x1p63 && d < 0x1p63)) return false;
  return d == std::trunc(d) && static_cast<int64_t>(d) == i;
}

template <typename Same>
bool ListsMatch(const Value::List& a, const Value::List& b, Same same) {
  if (&a == &b) return true;
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (!same(a[i], b[i])) return false;
  }
  return true;
}

template <typename Same>
bool MapsMatch(const Value::Map& a, const Value::Map& b, Same same) {
  if (a.SharesRootWith(b)) return true;
  if (a.size() != b.size()) return false;
  auto right = b.begin();
  for (auto left = a.begin(); !left.at_end(); ++left, ++right) {
    if (left->key != right->key || !same(left->value, right->value)) {
      return false;
    }
  }
  return true;
}

}  // namespace

bool operator==(const Value& a, const Value& b) {
  using Kind = Value::Kind;
  if (a.kind() == Kind::kInt && b.kind() == Kind::kDouble) {
    return IntEqualsDouble(a.as_int(), b.as_double());
  }
  if (a.kind() == Kind::kDouble && b.kind() == Kind::kInt) {
    return IntEqualsDouble(b.as_int(), a.as_double());
  }
  if (a.kind() != b.kind()) return false;
  const auto equal = [](const Value& x, const Value& y) { return x == y; };
  switch (a.kind()) {
    case Kind::kNull:
      return true;
    case Kind::kBool:
      return a.as_bool() == b.as_bool();
    case Kind::kInt:
      return a.as_int() == b.as_int();
    case Kind::kDouble:
      return a.as_double() == b.as_double() ||
             (std::isnan(a.as_double()) && std::isnan(b.as_double()));
    case Kind::kString:
      return a.as_string() == b.as_string();
    case Kind::kBytes:
      return a.as_bytes() == b.as_bytes();
    case Kind::kList:
      return ListsMatch(a.as_list(), b.as_list(), equal);
    case Kind::kMap:
      return MapsMatch(a.as_map(), b.as_map(), equal);
  }
  return false;
}

bool Value::Identical(const Value& a, const Value& b) {
  if (a.kind() != b.kind()) return false;
  switch (a.kind()) {
    case Kind::kDouble:
      return std::bit_cast<uint64_t>(a.as_double()) ==
             std::bit_cast<uint64_t>(b.as_double());
    case Kind::kList:
      return ListsMatch(a.as_list(), b.as_list(), &Value::Identical);
    case Kind::kMap:
      return MapsMatch(a.as_map(), b.as_map(), &Value::Identical);
    default:
      return a == b;
  }
}

size_t Value::ByteSize(size_t enough) const {
  switch (kind()) {
    case Kind::kString:
      return kFrameBytes + as_string().size();
    case Kind::kBytes:
      // Base64 in JSON.
      return kFrameBytes + as_bytes().size() / 3 * 4 + 4;
    case Kind::kList: {
      size_t total = kFrameBytes;
      for (const Value& item : as_list()) {
        if (total > enough) break;
        total += ItemBytes(item, enough);
      }
      return total;
    }
    case Kind::kMap: {
      size_t total = kFrameBytes;
      for (auto it = as_map().begin(); !it.at_end(); ++it) {
        if (total > enough) break;
        total += kEntryBytes + it->key.size() + it->value.ByteSize(enough);
      }
      return total;
    }
    default:
      // An int64 beyond 2^53 is 20 characters in JSON.
      return kFrameBytes + 8;
  }
}

size_t Value::EncodedBytes(size_t enough) const {
  switch (kind()) {
    case Kind::kString:
    case Kind::kBytes:
    case Kind::kList:
    case Kind::kMap:
      return FramedBytes(LeafBytes(enough));
    default:
      // The tag and the number.
      return 1 + LeafBytes(enough);
  }
}

size_t Value::LeafBytes(size_t enough) const {
  switch (kind()) {
    case Kind::kNull:
    case Kind::kBool:
      return 1;
    case Kind::kInt:
      return VarintBytes(static_cast<uint64_t>(as_int()));
    case Kind::kDouble:
      return 8;
    case Kind::kString:
      return as_string().size();
    case Kind::kBytes:
      return as_bytes().size();
    case Kind::kList: {
      size_t total = 0;
      for (const Value& item : as_list()) {
        if (total > enough) break;
        total += FramedBytes(item.EncodedBytes(enough));
      }
      return total;
    }
    case Kind::kMap: {
      size_t total = 0;
      for (auto it = as_map().begin(); !it.at_end(); ++it) {
        if (total > enough) break;
        total += FramedBytes(FramedBytes(it->key.size()) +
                             FramedBytes(it->value.EncodedBytes(enough)));
      }
      return total;
    }
  }
  return 0;
}

std::string Value::DebugString() const {
  switch (kind()) {
    case Kind::kNull:
      return "null";
    case Kind::kBool:
      return as_bool() ? "true" : "false";
    case Kind::kInt:
      return absl::StrCat(as_int());
    case Kind::kDouble:
      return absl::StrFormat("double(%.17g)", as_double());
    case Kind::kString:
      return absl::StrCat("\"", absl::Utf8SafeCEscape(as_string()), "\"");
    case Kind::kBytes:
      return absl::StrCat("bytes(", absl::CHexEscape(as_bytes()), ")");
    case Kind::kList: {
      std::string text = "[";
      for (const Value& item : as_list()) {
        absl::StrAppend(&text, text.size() > 1 ? ", " : "", item.DebugString());
      }
      return text + "]";
    }
    case Kind::kMap: {
      std::string text = "{";
      for (auto it = as_map().begin(); !it.at_end(); ++it) {
        absl::StrAppend(&text, text.size() > 1 ? ", " : "", "\"",
                        absl::Utf8SafeCEscape(it->key),
                        "\": ", it->value.DebugString());
      }
      return text + "}";
    }
  }
  return "";
}

void PrintTo(const Value& value, std::ostream* os) {
  *os << value.DebugString();
}

}  // namespace restate
