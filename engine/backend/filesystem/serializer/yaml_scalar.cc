#include "engine/backend/filesystem/serializer/yaml_scalar.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "engine/backend/filesystem/serializer/scalar_text.h"
#include "engine/error/absl_view.h"
#include "engine/error/error.h"
#include "engine/path/utf8.h"

namespace restate::yaml_scalar {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

bool IsOneOf(std::string_view text,
             std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

// How many digits `text` begins with.
size_t Digits(std::string_view text) {
  return std::find_if_not(text.begin(), text.end(), absl::ascii_isdigit) -
         text.begin();
}

enum class Number { kNone, kInteger, kFloat };

// What the core schema's patterns make of a text without "0x", ".inf", ".nan".
Number Classify(std::string_view text) {
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) {
    text.remove_prefix(1);
  }
  const size_t whole = Digits(text);
  text.remove_prefix(whole);
  if (text.empty()) return whole > 0 ? Number::kInteger : Number::kNone;
  size_t fraction = 0;
  if (text[0] == '.') {
    text.remove_prefix(1);
    fraction = Digits(text);
    text.remove_prefix(fraction);
  }
  if (whole + fraction == 0) return Number::kNone;
  if (text.empty()) return Number::kFloat;
  if (text[0] != 'e' && text[0] != 'E') return Number::kNone;
  text.remove_prefix(1);
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) {
    text.remove_prefix(1);
  }
  return !text.empty() && Digits(text) == text.size() ? Number::kFloat
                                                      : Number::kNone;
}

// 0x1f and 0o17.
bool ReadOtherBase(const std::string& text, int64_t* number) {
  if (text.starts_with("0x")) return absl::SimpleHexAtoi(text, number);
  if (!text.starts_with("0o") || text.size() == 2 || text.size() > 22) {
    return false;
  }
  uint64_t octal = 0;
  for (char c : std::string_view(text).substr(2)) {
    if (c < '0' || c > '7') return false;
    octal = octal * 8 + static_cast<uint64_t>(c - '0');
  }
  *number = static_cast<int64_t>(octal);
  return octal <= static_cast<uint64_t>(INT64_MAX);
}

bool ReadDouble(const std::string& text, double* number) {
  if (IsOneOf(text, {".nan", ".NaN", ".NAN"})) {
    *number = std::numeric_limits<double>::quiet_NaN();
    return true;
  }
  std::string_view rest = text;
  const bool negative = rest.starts_with('-');
  if (negative || rest.starts_with('+')) rest.remove_prefix(1);
  if (IsOneOf(rest, {".inf", ".Inf", ".INF"})) {
    *number = negative ? -kInfinity : kInfinity;
    return true;
  }
  return Classify(text) != Number::kNone && absl::SimpleAtod(text, number);
}

absl::Status NotOfTag(const std::string& tag, const std::string& text) {
  return MakeError(Reason::kInvalidValue,
                   absl::StrCat("the tag ", Quoted(tag), " does not go with ",
                                Quoted(text)));
}

}  // namespace

Value ReadPlain(const std::string& text) {
  if (IsOneOf(text, {"", "~", "null", "Null", "NULL"})) return Value::Null();
  if (IsOneOf(text, {"true", "True", "TRUE"})) return Value::Bool(true);
  if (IsOneOf(text, {"false", "False", "FALSE"})) return Value::Bool(false);
  int64_t integer = 0;
  if (Classify(text) == Number::kInteger &&
      absl::SimpleAtoi(text, &integer)) {
    return Value::Int(integer);
  }
  if (ReadOtherBase(text, &integer)) return Value::Int(integer);
  double number = 0;
  if (ReadDouble(text, &number)) return Value::Double(number);
  return Value::String(text);
}

absl::StatusOr<Value> ReadTagged(const std::string& tag,
                                 const std::string& text) {
  constexpr std::string_view kStandard = "tag:yaml.org,2002:";
  if (tag.empty() || tag == "?") return ReadPlain(text);
  if (tag == "!") return Value::String(text);
  std::string_view name = tag;
  if (name.starts_with(kStandard)) name.remove_prefix(kStandard.size());
  if (name == "str") return Value::String(text);
  if (name == "binary") {
    std::string bytes;
    std::string digits = text;
    std::erase_if(digits, [](char c) { return absl::ascii_isspace(c); });
    if (!absl::Base64Unescape(digits, &bytes)) return NotOfTag(tag, text);
    return Value::Bytes(std::move(bytes));
  }
  const Value plain = ReadPlain(text);
  if ((name == "null" && plain.kind() == Value::Kind::kNull) ||
      (name == "bool" && plain.kind() == Value::Kind::kBool) ||
      (name == "int" && plain.kind() == Value::Kind::kInt) ||
      (name == "float" && plain.kind() == Value::Kind::kDouble)) {
    return plain;
  }
  double number = 0;
  if (name == "float" && ReadDouble(text, &number)) {
    return Value::Double(number);
  }
  if (IsOneOf(name, {"null", "bool", "int", "float"})) {
    return NotOfTag(tag, text);
  }
  return MakeError(Reason::kInvalidValue,
                   absl::StrCat("the tag ", Quoted(tag),
                                " is not known: leave it out"));
}

std::string StringText(std::string_view text) {
  const auto is_plain = [](char c) {
    return absl::ascii_isalnum(c) || c == '_' || c == '-';
  };
  // YAML 1.1 also knows these words.
  const std::string lower = absl::AsciiStrToLower(AbslView(text));
  const bool plain =
      !text.empty() && absl::ascii_isalpha(text[0]) && text.size() < 256 &&
      std::all_of(text.begin(), text.end(), is_plain) &&
      !IsOneOf(lower, {"null", "true", "false", "yes", "no", "on", "off", "y",
                       "n"});
  return plain ? std::string(text) : scalar_text::DoubleQuoted(text);
}

std::string ScalarText(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::kBool:
      return value.as_bool() ? "true" : "false";
    case Value::Kind::kInt:
      return absl::StrCat(value.as_int());
    case Value::Kind::kDouble:
      if (std::isnan(value.as_double())) return ".nan";
      if (std::isinf(value.as_double())) {
        return value.as_double() > 0 ? ".inf" : "-.inf";
      }
      return scalar_text::DoubleText(value.as_double());
    case Value::Kind::kString:
      return StringText(value.as_string());
    case Value::Kind::kBytes:
      return absl::StrCat("!!binary \"", absl::Base64Escape(value.as_bytes()),
                          "\"");
    default:
      return "null";
  }
}

}  // namespace restate::yaml_scalar
