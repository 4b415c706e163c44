#include "engine/backend/filesystem/serializer/json_serializer.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "engine/backend/filesystem/serializer/exact_tags.h"
#include "engine/backend/filesystem/serializer/scalar_text.h"
#include "engine/path/utf8.h"
#include "nlohmann/json.hpp"

namespace restate {
namespace {

using nlohmann::json;
using scalar_text::ErrorAtLine;
using scalar_text::LineOf;

// Walks the text, and tells the reader how far the parser has come.
class TextIterator {
 public:
  using iterator_category = std::forward_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  TextIterator() = default;
  TextIterator(const char* at, const char** furthest)
      : at_(at), furthest_(furthest) {}

  const char& operator*() const { return *at_; }
  TextIterator& operator++() {
    *furthest_ = ++at_;
    return *this;
  }
  TextIterator operator++(int) {
    TextIterator before = *this;
    ++*this;
    return before;
  }
  bool operator==(const TextIterator& other) const { return at_ == other.at_; }
  bool operator!=(const TextIterator& other) const { return at_ != other.at_; }

 private:
  const char* at_ = nullptr;
  const char** furthest_ = nullptr;
};

// Takes the parser's events and builds the value. Not recursive: the nesting of
// a file is bounded by a count, not by the stack.
class ValueReader : public nlohmann::json_sax<json> {
 public:
  ValueReader(std::string_view text, const char* const* furthest,
              size_t max_values)
      : text_(text), furthest_(furthest), max_values_(max_values) {}

  bool null() override { return AddLeaf(Value::Null()); }
  bool boolean(bool v) override { return AddLeaf(Value::Bool(v)); }
  bool number_integer(number_integer_t v) override {
    return AddLeaf(Value::Int(v));
  }
  bool number_unsigned(number_unsigned_t v) override {
    return AddLeaf(v <= static_cast<uint64_t>(INT64_MAX)
                       ? Value::Int(static_cast<int64_t>(v))
                       : Value::Double(static_cast<double>(v)));
  }
  bool number_float(number_float_t v, const string_t&) override {
    return AddLeaf(Value::Double(v));
  }
  bool string(string_t& v) override {
    return AddLeaf(Value::String(std::move(v)));
  }
  bool binary(binary_t&) override { return Fail("binary data"); }
  bool start_object(std::size_t) override { return Open(true); }
  bool start_array(std::size_t) override { return Open(false); }
  bool key(string_t& key) override {
    Container& object = open_.back();
    object.key = std::move(key);
    if (object.map.Find(object.key) == nullptr) return true;
    return Fail(absl::StrCat("the key ", Quoted(object.key),
                             " is there twice: remove one"));
  }
  bool end_object() override {
    Value map = Value::MakeMap(std::move(open_.back().map));
    open_.pop_back();
    return Add(std::move(map));
  }
  bool end_array() override {
    Value list = Value::MakeList(std::move(open_.back().list));
    open_.pop_back();
    return Add(std::move(list));
  }
  bool parse_error(std::size_t, const std::string&,
                   const json::exception& error) override {
    return Fail(absl::StrCat("this is not JSON: ", Explanation(error.what())));
  }

  absl::StatusOr<Value> Result() {
    if (!status_.ok()) return status_;
    return std::move(result_);
  }

 private:
  struct Container {
    bool is_map;
    Value::Map map;
    Value::List list;
    std::string key;
  };

  // The parser's message without the numbers in front, which count otherwise
  // than the line does.
  static std::string Explanation(std::string_view what) {
    for (std::string_view lead : {"] ", ": "}) {
      const size_t at = what.find(lead);
      if (at != std::string_view::npos) what.remove_prefix(at + lead.size());
    }
    return std::string(what);
  }

  bool Open(bool is_map) {
    if (!Count()) return false;
    if (open_.size() >= exact_tags::kMaxTaggedNesting) {
      return Fail("lists and maps nest too deep: make the value flatter");
    }
    open_.push_back({is_map, {}, {}, {}});
    return true;
  }
  bool Count() {
    if (values_++ < max_values_) return true;
    return Fail(scalar_text::TooManyValues(max_values_));
  }
  // A leaf.
  bool AddLeaf(Value value) { return Count() && Add(std::move(value)); }
  bool Add(Value value) {
    if (open_.empty()) {
      result_ = std::move(value);
    } else if (open_.back().is_map) {
      Container& object = open_.back();
      object.map = object.map.Set(object.key, std::move(value));
    } else {
      open_.back().list.push_back(std::move(value));
    }
    return true;
  }
  bool Fail(std::string_view message) {
    status_ = ErrorAtLine(LineOf(text_, *furthest_ - text_.data()), message);
    return false;
  }

  const std::string_view text_;
  const char* const* const furthest_;
  const size_t max_values_;
  size_t values_ = 0;
  std::vector<Container> open_;
  Value result_;
  absl::Status status_;
};

// Appends `value`, which has tags where JSON needs them.
void AppendJson(const Value& value, size_t indent, std::string* text) {
  const auto new_line = [text](size_t levels) {
    *text += '\n';
    text->append(2 * levels, ' ');
  };
  switch (value.kind()) {
    case Value::Kind::kBool:
      *text += value.as_bool() ? "true" : "false";
      return;
    case Value::Kind::kInt:
      absl::StrAppend(text, value.as_int());
      return;
    case Value::Kind::kDouble:
      *text += scalar_text::DoubleText(value.as_double());
      return;
    case Value::Kind::kString:
      *text += scalar_text::DoubleQuoted(value.as_string());
      return;
    case Value::Kind::kList: {
      *text += '[';
      const char* separator = "";
      for (const Value& item : value.as_list()) {
        *text += std::exchange(separator, ",");
        new_line(indent + 1);
        AppendJson(item, indent + 1, text);
      }
      if (!value.as_list().empty()) new_line(indent);
      *text += ']';
      return;
    }
    case Value::Kind::kMap: {
      *text += '{';
      const char* separator = "";
      for (auto it = value.as_map().begin(); !it.at_end(); ++it) {
        *text += std::exchange(separator, ",");
        new_line(indent + 1);
        *text += scalar_text::DoubleQuoted(it->key);
        *text += ": ";
        AppendJson(it->value, indent + 1, text);
      }
      if (!value.as_map().empty()) new_line(indent);
      *text += '}';
      return;
    }
    case Value::Kind::kNull:
    case Value::Kind::kBytes:
      *text += "null";
      return;
  }
}

}  // namespace

std::string JsonSerializer::Serialize(const Value& value) const {
  std::string text;
  AppendJson(exact_tags::Encode(value, {.bytes = true, .nonfinite = true}), 0,
             &text);
  text += '\n';
  return text;
}

absl::StatusOr<Value> JsonSerializer::ParseText(std::string_view text,
                                                size_t max_values) const {
  const char* furthest = text.data();
  ValueReader reader(text, &furthest, max_values);
  json::sax_parse(TextIterator(text.data(), &furthest),
                  TextIterator(text.data() + text.size(), &furthest), &reader);
  absl::StatusOr<Value> value = reader.Result();
  if (!value.ok()) return value;
  return exact_tags::Decode(*value);
}

}  // namespace restate
