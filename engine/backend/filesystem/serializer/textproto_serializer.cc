#include "engine/backend/filesystem/serializer/textproto_serializer.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "engine/backend/filesystem/serializer/exact_tags.h"
#include "engine/backend/filesystem/serializer/scalar_text.h"
#include "engine/error/error.h"
#include "engine/path/utf8.h"
#include "engine/value/value_proto.h"
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

absl::StatusOr<Value> TextprotoSerializer::Parse(std::string_view text) const {
  v1::Value proto;
  FirstError error;
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
  absl::StatusOr<Value> value = FromProto(proto);
  if (!value.ok()) return value;
  if (!AllUtf8(*value)) {
    return MakeError(Reason::kInvalidValue,
                     "a string is not valid UTF-8: use bytes_value");
  }
  return exact_tags::Decode(*value);
}

}  // namespace restate
