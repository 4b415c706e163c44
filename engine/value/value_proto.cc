#include "engine/value/value_proto.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/error/error.h"
#include "engine/path/utf8.h"

namespace restate {
namespace {

using Kind = Value::Kind;

absl::StatusOr<Value> Read(const v1::Value& proto, JsonReader read_json,
                           size_t nesting);

absl::StatusOr<Value> ReadList(const v1::ListValue& proto, JsonReader read_json,
                               size_t nesting) {
  if (absl::Status status = CheckMayNest(nesting); !status.ok()) return status;
  Value::List list;
  list.reserve(proto.values_size());
  for (const v1::Value& item : proto.values()) {
    absl::StatusOr<Value> value = Read(item, read_json, nesting + 1);
    if (!value.ok()) {
      return Annotate(value.status(), absl::StrCat("item ", list.size(), ": "));
    }
    list.push_back(*std::move(value));
  }
  return Value::MakeList(std::move(list));
}

absl::StatusOr<Value> ReadMap(const v1::MapValue& proto, JsonReader read_json,
                              size_t nesting) {
  if (absl::Status status = CheckMayNest(nesting); !status.ok()) return status;
  // Protobuf maps have no order; ours are built in theirs.
  using Field = google::protobuf::Map<std::string, v1::Value>::value_type;
  std::vector<const Field*> fields;
  fields.reserve(proto.fields_size());
  for (const Field& field : proto.fields()) fields.push_back(&field);
  std::sort(fields.begin(), fields.end(),
            [](const Field* a, const Field* b) { return a->first < b->first; });
  Value::Map::Builder builder;
  for (const Field* field : fields) {
    absl::StatusOr<Value> value = Read(field->second, read_json, nesting + 1);
    if (!value.ok()) {
      return Annotate(value.status(),
                      absl::StrCat("field ", Quoted(field->first), ": "));
    }
    builder.Append(field->first, *std::move(value));
  }
  return Value::MakeMap(builder.Finish());
}

absl::StatusOr<Value> Read(const v1::Value& proto, JsonReader read_json,
                           size_t nesting) {
  switch (proto.kind_case()) {
    case v1::Value::kNullValue:
      return Value::Null();
    case v1::Value::kBoolValue:
      return Value::Bool(proto.bool_value());
    case v1::Value::kIntValue:
      return Value::Int(proto.int_value());
    case v1::Value::kDoubleValue:
      return Value::Double(proto.double_value());
    case v1::Value::kStringValue:
      return Value::String(proto.string_value());
    case v1::Value::kBytesValue:
      return Value::Bytes(proto.bytes_value());
    case v1::Value::kListValue:
      return ReadList(proto.list_value(), read_json, nesting);
    case v1::Value::kMapValue:
      return ReadMap(proto.map_value(), read_json, nesting);
    case v1::Value::kJson:
      return read_json(proto.json(), nesting);
    case v1::Value::KIND_NOT_SET:
      break;
  }
  return MakeError(Reason::kInvalidValue,
                   "the value has no kind: set json, null_value, or one of the "
                   "other kinds");
}

}  // namespace

absl::Status CheckMayNest(size_t nesting) {
  if (nesting < kMaxValueNesting) return absl::OkStatus();
  return MakeError(Reason::kInvalidValue,
                   absl::StrCat("lists and maps nest deeper than ", kMaxDepth,
                                " levels: make the value flatter"));
}

void ToProto(const Value& value, v1::Value* proto) {
  switch (value.kind()) {
    case Kind::kNull:
      proto->set_null_value(google::protobuf::NULL_VALUE);
      return;
    case Kind::kBool:
      proto->set_bool_value(value.as_bool());
      return;
    case Kind::kInt:
      proto->set_int_value(value.as_int());
      return;
    case Kind::kDouble:
      proto->set_double_value(value.as_double());
      return;
    case Kind::kString:
      proto->set_string_value(value.as_string());
      return;
    case Kind::kBytes:
      proto->set_bytes_value(value.as_bytes());
      return;
    case Kind::kList: {
      v1::ListValue* list = proto->mutable_list_value();
      list->mutable_values()->Reserve(static_cast<int>(value.as_list().size()));
      for (const Value& item : value.as_list()) {
        ToProto(item, list->add_values());
      }
      return;
    }
    case Kind::kMap: {
      auto* fields = proto->mutable_map_value()->mutable_fields();
      for (auto it = value.as_map().begin(); !it.at_end(); ++it) {
        ToProto(it->value, &(*fields)[it->key]);
      }
      return;
    }
  }
}

absl::StatusOr<Value> FromProto(const v1::Value& proto) {
  return FromProto(
      proto,
      [](const google::protobuf::Value&, size_t) -> absl::StatusOr<Value> {
        return MakeError(Reason::kInvalidValue,
                         "json is not taken here: use the typed kinds");
      });
}

absl::StatusOr<Value> FromProto(const v1::Value& proto, JsonReader read_json) {
  return Read(proto, read_json, 0);
}

}  // namespace restate
