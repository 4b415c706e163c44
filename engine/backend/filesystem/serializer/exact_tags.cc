#include "engine/backend/filesystem/serializer/exact_tags.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "engine/error/absl_view.h"
#include "engine/error/error.h"
#include "engine/path/utf8.h"

namespace restate::exact_tags {
namespace {

constexpr std::string_view kBytesTag = "$bytes";
constexpr std::string_view kDoubleTag = "$double";
constexpr std::string_view kMapTag = "$map";

Value Tagged(std::string_view tag, Value inside) {
  return Value::MakeMap(Value::Map().Set(tag, std::move(inside)));
}

// The tag that a map of this form would be taken for, or "".
std::string_view TagOf(const Value::Map& map) {
  if (map.size() != 1) return "";
  for (std::string_view tag : {kBytesTag, kDoubleTag, kMapTag}) {
    if (map.Find(tag) != nullptr) return tag;
  }
  return "";
}

bool IsUsualNan(double number) {
  return std::bit_cast<uint64_t>(number) ==
         std::bit_cast<uint64_t>(std::numeric_limits<double>::quiet_NaN());
}

Value EncodeDouble(const Value& value, Needs needs) {
  const double number = value.as_double();
  if (std::isnan(number) && !IsUsualNan(number)) {
    return Tagged(kDoubleTag,
                  Value::String(absl::StrFormat(
                      "0x%016x", std::bit_cast<uint64_t>(number))));
  }
  if (std::isfinite(number) || !needs.nonfinite) return value;
  return Tagged(kDoubleTag, Value::String(std::isnan(number) ? "NaN"
                                          : number > 0       ? "Infinity"
                                                             : "-Infinity"));
}

absl::Status BadTag(std::string_view tag, std::string_view takes) {
  return MakeError(
      Reason::kInvalidValue,
      absl::StrCat("{\"", AbslView(tag), "\": ...} takes ",
                   AbslView(takes),
                   "; for a map that has this key, write {\"$map\": {\"",
                   AbslView(tag), "\": ...}}"));
}

absl::StatusOr<Value> DecodeBytes(const Value& inside) {
  std::string bytes;
  if (inside.kind() != Value::Kind::kString ||
      !absl::Base64Unescape(inside.as_string(), &bytes)) {
    return BadTag(kBytesTag, "a string of base64");
  }
  return Value::Bytes(std::move(bytes));
}

absl::StatusOr<Value> DecodeDouble(const Value& inside) {
  constexpr std::string_view kTakes =
      "\"NaN\", \"Infinity\", \"-Infinity\", or 0x and 16 hexadecimal digits";
  if (inside.kind() != Value::Kind::kString) return BadTag(kDoubleTag, kTakes);
  const std::string& text = inside.as_string();
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (text == "NaN") {
    return Value::Double(std::numeric_limits<double>::quiet_NaN());
  }
  if (text == "Infinity") return Value::Double(kInfinity);
  if (text == "-Infinity") return Value::Double(-kInfinity);
  uint64_t bits = 0;
  if (text.size() != 18 || !text.starts_with("0x") ||
      !absl::SimpleHexAtoi(text, &bits)) {
    return BadTag(kDoubleTag, kTakes);
  }
  return Value::Double(std::bit_cast<double>(bits));
}

absl::StatusOr<Value> DecodeItems(const Value::Map& map) {
  Value::Map::Builder builder;
  for (auto it = map.begin(); !it.at_end(); ++it) {
    absl::StatusOr<Value> item = Decode(it->value);
    if (!item.ok()) {
      return Annotate(item.status(), absl::StrCat(Quoted(it->key), ": "));
    }
    builder.Append(it->key, *std::move(item));
  }
  return Value::MakeMap(builder.Finish());
}

}  // namespace

Value Encode(const Value& value, Needs needs) {
  switch (value.kind()) {
    case Value::Kind::kDouble:
      return EncodeDouble(value, needs);
    case Value::Kind::kBytes:
      if (!needs.bytes) return value;
      return Tagged(kBytesTag,
                    Value::String(absl::Base64Escape(value.as_bytes())));
    case Value::Kind::kList: {
      Value::List list;
      list.reserve(value.as_list().size());
      for (const Value& item : value.as_list()) {
        list.push_back(Encode(item, needs));
      }
      return Value::MakeList(std::move(list));
    }
    case Value::Kind::kMap: {
      Value::Map::Builder builder;
      for (auto it = value.as_map().begin(); !it.at_end(); ++it) {
        builder.Append(it->key, Encode(it->value, needs));
      }
      Value map = Value::MakeMap(builder.Finish());
      return TagOf(value.as_map()).empty() ? map : Tagged(kMapTag, map);
    }
    default:
      return value;
  }
}

absl::StatusOr<Value> Decode(const Value& value) {
  if (value.kind() == Value::Kind::kList) {
    Value::List list;
    list.reserve(value.as_list().size());
    for (const Value& item : value.as_list()) {
      absl::StatusOr<Value> decoded = Decode(item);
      if (!decoded.ok()) {
        return Annotate(decoded.status(),
                        absl::StrCat("item ", list.size(), ": "));
      }
      list.push_back(*std::move(decoded));
    }
    return Value::MakeList(std::move(list));
  }
  if (!value.is_map()) return value;
  const std::string_view tag = TagOf(value.as_map());
  if (tag.empty()) return DecodeItems(value.as_map());
  const Value& inside = *value.as_map().Find(tag);
  if (tag == kBytesTag) return DecodeBytes(inside);
  if (tag == kDoubleTag) return DecodeDouble(inside);
  if (!inside.is_map()) return BadTag(kMapTag, "a map");
  return DecodeItems(inside.as_map());
}

size_t Nesting(const Value& value, size_t enough) {
  if (enough == 0) return 0;
  size_t deepest = 0;
  if (value.kind() == Value::Kind::kList) {
    for (const Value& item : value.as_list()) {
      deepest = std::max(deepest, Nesting(item, enough - 1));
    }
    return deepest + 1;
  }
  if (!value.is_map()) return 0;
  for (auto it = value.as_map().begin(); !it.at_end(); ++it) {
    deepest = std::max(deepest, Nesting(it->value, enough - 1));
  }
  return deepest + 1;
}

}  // namespace restate::exact_tags
