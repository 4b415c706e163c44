#include "engine/backend/filesystem/serializer/textproto_serializer.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "engine/backend/filesystem/serializer/exact_tags.h"
#include "engine/backend/filesystem/serializer/scalar_text.h"
#include "engine/error/error.h"
#include "engine/path/utf8.h"
#include "engine/value/value_proto.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/io/tokenizer.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "google/protobuf/text_format.h"
#include "restate/v1/value.pb.h"

namespace restate {
namespace {

using google::protobuf::TextFormat;

// What editors and protobuf's own programs look for in such a file.
constexpr char kHead[] =
    "# proto-file: restate/v1/value.proto\n"
    "# proto-message: restate.v1.Value\n\n";

// Three messages a level, and some for scalars.
constexpr int kMaxMessages = 3 * exact_tags::kMaxTaggedNesting;

// Keeps the first error.
class FirstError : public google::protobuf::io::ErrorCollector {
 public:
  // `line` is counted from 0.
  void AddError(int line, int column, const std::string& message) override {
    if (!status_.ok()) return;
    status_ = scalar_text::ErrorAtLine(
        line + 1,
        absl::StrCat("this is not a restate.v1.Value as text: ", message));
  }
  void AddWarning(int, int, const std::string&) override {}

  const absl::Status& status() const { return status_; }

 private:
  absl::Status status_;
};

// Before messages are made for the text: each takes memory, and begins with a
// brace.
absl::Status CheckMessages(std::string_view text, size_t max_values,
                           FirstError* error) {
  using google::protobuf::io::Tokenizer;
  // An entry of a map, its value, and the map in that.
  constexpr size_t kMessagesOfValue = 3;
  const size_t most =
      kMessagesOfValue * (1 + std::min(max_values, SIZE_MAX / 4));
  google::protobuf::io::ArrayInputStream stream(text.data(),
                                                static_cast<int>(text.size()));
  Tokenizer tokenizer(&stream, error);
  // As TextFormat has it.
  tokenizer.set_comment_style(Tokenizer::SH_COMMENT_STYLE);
  tokenizer.set_require_space_after_number(false);
  tokenizer.set_allow_multiline_strings(true);
  size_t messages = 0;
  while (error->status().ok() && tokenizer.Next()) {
    const Tokenizer::Token& token = tokenizer.current();
    const bool opens = token.type == Tokenizer::TYPE_SYMBOL &&
                       (token.text == "{" || token.text == "<");
    if (opens && ++messages > most) {
      return scalar_text::ErrorAtLine(token.line + 1,
                                      scalar_text::TooManyValues(max_values));
    }
  }
  return error->status();
}

// Of a key that is there twice the map keeps the last value. What the parser has
// read still has all of them, for as long as the map is not looked at.
absl::Status CheckKeys(const v1::Value& value) {
  if (value.has_list_value()) {
    for (const v1::Value& item : value.list_value().values()) {
      if (absl::Status keys = CheckKeys(item); !keys.ok()) return keys;
    }
  }
  if (!value.has_map_value()) return absl::OkStatus();
  const v1::MapValue& map = value.map_value();
  const google::protobuf::FieldDescriptor* fields =
      v1::MapValue::descriptor()->FindFieldByNumber(
          v1::MapValue::kFieldsFieldNumber);
  const int entries = map.GetReflection()->FieldSize(map, fields);
  if (static_cast<size_t>(entries) != map.fields().size()) {
    return MakeError(Reason::kInvalidValue,
                     "a key of a map is there twice: remove one");
  }
  for (const auto& [key, field] : map.fields()) {
    absl::Status keys = CheckKeys(field);
    if (!keys.ok()) return Annotate(keys, absl::StrCat(Quoted(key), ": "));
  }
  return absl::OkStatus();
}

// Escapes can put any bytes into a string.
bool AllUtf8(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::kString:
      return IsValidUtf8(value.as_string());
    case Value::Kind::kList:
      return std::all_of(value.as_list().begin(), value.as_list().end(),
                         AllUtf8);
    case Value::Kind::kMap:
      for (auto it = value.as_map().begin(); !it.at_end(); ++it) {
        if (!IsValidUtf8(it->key) || !AllUtf8(it->value)) return false;
      }
      return true;
    default:
      return true;
  }
}

}  // namespace

absl::Status TextprotoSerializer::CheckStorable(const Value& value) const {
  if (exact_tags::Nesting(exact_tags::Encode(value, {}),
                          kMaxValueNesting + 1) <= kMaxValueNesting) {
    return absl::OkStatus();
  }
  return MakeError(Reason::kNotStorable,
                   "the value nests deeper than a textproto file can: make it "
                   "flatter");
}

std::string TextprotoSerializer::Serialize(const Value& value) const {
  v1::Value proto;
  ToProto(exact_tags::Encode(value, {}), &proto);
  TextFormat::Printer printer;
  printer.SetUseUtf8StringEscaping(true);
  std::string text;
  printer.PrintToString(proto, &text);
  return kHead + text;
}

absl::StatusOr<Value> TextprotoSerializer::ParseText(std::string_view text,
                                                     size_t max_values) const {
  FirstError error;
  absl::Status bounds = CheckMessages(text, max_values, &error);
  if (!bounds.ok()) return bounds;
  v1::Value proto;
  TextFormat::Parser parser;
  parser.RecordErrorsTo(&error);
  parser.SetRecursionLimit(kMaxMessages);
  google::protobuf::io::ArrayInputStream stream(text.data(),
                                                static_cast<int>(text.size()));
  if (!parser.Parse(&stream, &proto)) {
    if (!error.status().ok()) return error.status();
    return MakeError(Reason::kInvalidValue,
                     "this is not a restate.v1.Value as text");
  }
  if (absl::Status keys = CheckKeys(proto); !keys.ok()) return keys;
  absl::StatusOr<Value> value = FromProto(proto);
  if (!value.ok()) return value;
  if (!AllUtf8(*value)) {
    return MakeError(Reason::kInvalidValue,
                     "a string is not valid UTF-8: use bytes_value");
  }
  return exact_tags::Decode(*value);
}

}  // namespace restate
