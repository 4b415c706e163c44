#include "engine/value/value_proto.h"

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "engine/error/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

using ::testing::HasSubstr;

// Through the bytes, as on the wire and on disk.
absl::StatusOr<Value> RoundTrip(const Value& value) {
  v1::Value proto;
  ToProto(value, &proto);
  v1::Value parsed;
  EXPECT_TRUE(parsed.ParseFromString(proto.SerializeAsString()));
  return FromProto(parsed);
}

Value Map(const std::vector<std::pair<std::string, Value>>& fields) {
  Value::Map map;
  for (const auto& [key, value] : fields) map = map.Set(key, value);
  return Value::MakeMap(map);
}

TEST(ValueProtoTest, EveryKindIsExact) {
  const std::vector<Value> values = {
      Value::Null(),
      Value::Bool(false),
      Value::Bool(true),
      Value::Int(0),
      Value::Int((int64_t{1} << 53) + 1),
      Value::Int(std::numeric_limits<int64_t>::min()),
      Value::Int(std::numeric_limits<int64_t>::max()),
      Value::Double(0.0),
      Value::Double(-0.0),
      Value::Double(1.0),
      Value::Double(std::numeric_limits<double>::denorm_min()),
      Value::Double(std::numeric_limits<double>::infinity()),
      Value::Double(-std::numeric_limits<double>::infinity()),
      Value::Double(std::numeric_limits<double>::quiet_NaN()),
      Value::String(""),
      Value::String("grüße 😀"),
      Value::String(std::string("a\0b", 3)),
      Value::Bytes(""),
      Value::Bytes("\xFF\xFE"),
      Value::MakeList({}),
      Value::MakeList({Value::Int(1), Value::MakeList({Value::Null()}),
                       Map({{"not a / segment", Value::Int(1)}})}),
      Value::EmptyMap(),
      Map({{"b", Value::Int(1)}, {"a", Value::EmptyMap()}}),
      Map({{"/", Value::Int(3)}, {"squared", Value::Int(9)}}),
  };
  for (const Value& value : values) {
    v1::Value proto;
    ToProto(value, &proto);
    EXPECT_EQ(value.EncodedBytes(), proto.ByteSizeLong())
        << value.DebugString();
    EXPECT_GE(value.ByteSize(), proto.ByteSizeLong()) << value.DebugString();
    const absl::StatusOr<Value> read = RoundTrip(value);
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_TRUE(Value::Identical(*read, value))
        << read->DebugString() << " for " << value.DebugString();
  }
}

TEST(ValueProtoTest, ManyFieldsComeBackInOrder) {
  Value::Map map;
  for (int i = 0; i < 1000; ++i) {
    map = map.Set(std::to_string(i * 7919 % 1000), Value::Int(i));
  }
  const Value value = Value::MakeMap(map);
  EXPECT_TRUE(Value::Identical(RoundTrip(value).value(), value));
}

void ExpectInvalidValue(const absl::Status& status, std::string_view text) {
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  EXPECT_EQ(ErrorReason(status), "INVALID_VALUE");
  EXPECT_THAT(std::string(status.message()), HasSubstr(std::string(text)));
}

TEST(ValueProtoTest, UnsetKindIsRefusedWhereverItIs) {
  ExpectInvalidValue(FromProto(v1::Value()).status(),
                     "the value has no kind: set json");
  v1::Value list;
  list.mutable_list_value()->add_values()->set_int_value(1);
  list.mutable_list_value()->add_values();
  ExpectInvalidValue(FromProto(list).status(), "item 1: the value has no kind");
  v1::Value map;
  *(*map.mutable_map_value()->mutable_fields())["a"].mutable_list_value() =
      list.list_value();
  ExpectInvalidValue(FromProto(map).status(),
                     "field \"a\": item 1: the value has no kind");
}

TEST(ValueProtoTest, JsonIsRefusedWithoutAReader) {
  v1::Value proto;
  proto.mutable_json()->set_bool_value(true);
  ExpectInvalidValue(FromProto(proto).status(), "json is not taken here");
}

TEST(ValueProtoTest, ReaderIsToldTheNesting) {
  v1::Value proto;
  (*proto.mutable_list_value()
        ->add_values()
        ->mutable_map_value()
        ->mutable_fields())["k"]
      .mutable_json()
      ->set_bool_value(true);
  size_t seen = 0;
  const absl::StatusOr<Value> value = FromProto(
      proto, [&seen](const google::protobuf::Value& json, size_t nesting) {
        seen = nesting;
        return absl::StatusOr<Value>(Value::Bool(json.bool_value()));
      });
  EXPECT_EQ(seen, 2u);
  EXPECT_EQ(*value, Value::MakeList({Map({{"k", Value::Bool(true)}})}));
}

TEST(ValueProtoTest, NestingIsLimited) {
  Value lists = Value::Int(1);
  Value maps = Value::Int(1);
  for (size_t i = 0; i < kMaxValueNesting; ++i) {
    lists = Value::MakeList({lists});
    maps = Map({{"k", maps}});
  }
  EXPECT_EQ(RoundTrip(lists).value(), lists);
  EXPECT_EQ(RoundTrip(maps).value(), maps);
  ExpectInvalidValue(RoundTrip(Value::MakeList({lists})).status(),
                     "nest deeper than 30 levels");
  ExpectInvalidValue(RoundTrip(Map({{"k", maps}})).status(),
                     "nest deeper than 30 levels");
}

TEST(ValueProtoTest, HugeNestingDoesNotReachTheEndOfTheStack) {
  // Built in memory; no parser would take it.
  v1::Value proto;
  v1::Value* inner = &proto;
  for (int i = 0; i < 5000; ++i) {
    inner = inner->mutable_list_value()->add_values();
  }
  ExpectInvalidValue(FromProto(proto).status(), "nest deeper than 30 levels");
}

}  // namespace
}  // namespace restate
