#include "service/adapters/value_adapter.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "engine/error/error.h"
#include "engine/path/utf8.h"
#include "engine/value/value_proto.h"
#include "google/protobuf/struct.pb.h"

namespace restate {
namespace {

using Json = google::protobuf::Value;
using Kind = Value::Kind;

// Up to here every whole number is a double of its own.
constexpr int64_t kMaxExactInt = int64_t{1} << 53;

Value ReadNumber(double number) {
  // NaN fails the comparison.
  if (std::abs(number) <= static_cast<double>(kMaxExactInt) &&
      number == std::trunc(number)) {
    return Value::Int(static_cast<int64_t>(number));
  }
  return Value::Double(number);
}

absl::StatusOr<Value> ReadJson(const Json& json, size_t nesting);

absl::StatusOr<Value> ReadJsonList(const google::protobuf::ListValue& json,
                                   size_t nesting) {
  if (absl::Status status = CheckMayNest(nesting); !status.ok()) return status;
  Value::List list;
  list.reserve(json.values_size());
  for (const Json& item : json.values()) {
    absl::StatusOr<Value> value = ReadJson(item, nesting + 1);
    if (!value.ok()) {
      return Annotate(value.status(), absl::StrCat("item ", list.size(), ": "));
    }
    list.push_back(*std::move(value));
  }
  return Value::MakeList(std::move(list));
}

absl::StatusOr<Value> ReadJsonMap(const google::protobuf::Struct& json,
                                  size_t nesting) {
  if (absl::Status status = CheckMayNest(nesting); !status.ok()) return status;
  // Protobuf maps have no order; ours are built in theirs.
  using Field = google::protobuf::Map<std::string, Json>::value_type;
  std::vector<const Field*> fields;
  fields.reserve(json.fields_size());
  for (const Field& field : json.fields()) fields.push_back(&field);
  std::sort(fields.begin(), fields.end(),
            [](const Field* a, const Field* b) { return a->first < b->first; });
  Value::Map::Builder builder;
  for (const Field* field : fields) {
    absl::StatusOr<Value> value = ReadJson(field->second, nesting + 1);
    if (!value.ok()) {
      return Annotate(value.status(),
                      absl::StrCat("field ", Quoted(field->first), ": "));
    }
    builder.Append(field->first, *std::move(value));
  }
  return Value::MakeMap(builder.Finish());
}

absl::StatusOr<Value> ReadJson(const Json& json, size_t nesting) {
  switch (json.kind_case()) {
    case Json::kNullValue:
      return Value::Null();
    case Json::kBoolValue:
      return Value::Bool(json.bool_value());
    case Json::kNumberValue:
      return ReadNumber(json.number_value());
    case Json::kStringValue:
      return Value::String(json.string_value());
    case Json::kListValue:
      return ReadJsonList(json.list_value(), nesting);
    case Json::kStructValue:
      return ReadJsonMap(json.struct_value(), nesting);
    case Json::KIND_NOT_SET:
      break;
  }
  return MakeError(Reason::kInvalidValue,
                   "json holds a google.protobuf.Value without a kind: set "
                   "null_value for null, or one of the other kinds");
}

// Fills `json`; returns whether it could not say everything.
bool WriteJson(const Value& value, Json* json) {
  switch (value.kind()) {
    case Kind::kNull:
      json->set_null_value(google::protobuf::NULL_VALUE);
      return false;
    case Kind::kBool:
      json->set_bool_value(value.as_bool());
      return false;
    case Kind::kInt: {
      const int64_t number = value.as_int();
      if (number >= -kMaxExactInt && number <= kMaxExactInt) {
        json->set_number_value(static_cast<double>(number));
        return false;
      }
      json->set_string_value(absl::StrCat(number));
      return true;
    }
    case Kind::kDouble: {
      const double number = value.as_double();
      if (std::isfinite(number)) {
        json->set_number_value(number);
        return false;
      }
      json->set_string_value(std::isnan(number) ? "NaN"
                             : number > 0       ? "Infinity"
                                                : "-Infinity");
      return true;
    }
    case Kind::kString:
      json->set_string_value(value.as_string());
      return false;
    case Kind::kBytes:
      json->set_string_value(absl::Base64Escape(value.as_bytes()));
      return true;
    case Kind::kList: {
      bool lossy = false;
      google::protobuf::ListValue* list = json->mutable_list_value();
      list->mutable_values()->Reserve(static_cast<int>(value.as_list().size()));
      for (const Value& item : value.as_list()) {
        lossy |= WriteJson(item, list->add_values());
      }
      return lossy;
    }
    case Kind::kMap: {
      bool lossy = false;
      auto* fields = json->mutable_struct_value()->mutable_fields();
      for (auto it = value.as_map().begin(); !it.at_end(); ++it) {
        lossy |= WriteJson(it->value, &(*fields)[it->key]);
      }
      return lossy;
    }
  }
  return false;
}

}  // namespace

absl::StatusOr<Value> DecodeValue(const v1::Value& proto) {
  return FromProto(proto, ReadJson);
}

void EncodeValue(const Value& value, v1::ValueEncoding encoding,
                 v1::Value* proto) {
  if (encoding == v1::VALUE_ENCODING_TYPED) {
    ToProto(value, proto);
    return;
  }
  if (WriteJson(value, proto->mutable_json())) proto->set_lossy(true);
}

}  // namespace restate
