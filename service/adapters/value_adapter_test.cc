#include "service/adapters/value_adapter.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "engine/error/error.h"
#include "engine/value/value.h"
#include "gmock/gmock.h"
#include "google/protobuf/util/json_util.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

using ::testing::HasSubstr;

constexpr int64_t k2To53 = int64_t{1} << 53;

// A v1::Value from protobuf JSON, as grpcurl reads it.
v1::Value Proto(const std::string& json) {
  v1::Value proto;
  const auto status = google::protobuf::util::JsonStringToMessage(json, &proto);
  EXPECT_TRUE(status.ok()) << json << " " << status.ToString();
  return proto;
}

Value Decode(const std::string& json) {
  return DecodeValue(Proto(json)).value();
}

Value Map(const std::vector<std::pair<std::string, Value>>& fields) {
  Value::Map map;
  for (const auto& [key, value] : fields) map = map.Set(key, value);
  return Value::MakeMap(map);
}

void ExpectIdentical(const Value& actual, const Value& expected) {
  EXPECT_TRUE(Value::Identical(actual, expected))
      << actual.DebugString() << " for " << expected.DebugString();
}

void ExpectInvalidValue(const absl::Status& status, std::string_view text) {
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  EXPECT_EQ(ErrorReason(status), "INVALID_VALUE");
  EXPECT_THAT(std::string(status.message()), HasSubstr(std::string(text)));
}

TEST(DecodeValueTest, PlainJson) {
  ExpectIdentical(Decode(R"({"json": null})"), Value::Null());
  ExpectIdentical(Decode(R"({"json": true})"), Value::Bool(true));
  ExpectIdentical(Decode(R"({"json": "é"})"), Value::String("é"));
  ExpectIdentical(Decode(R"({"json": []})"), Value::MakeList({}));
  ExpectIdentical(Decode(R"({"json": {}})"), Value::EmptyMap());
  ExpectIdentical(
      Decode(R"({"json": {"name": "Alice", "tags": [1, null], "/": 2}})"),
      Map({{"/", Value::Int(2)},
           {"name", Value::String("Alice")},
           {"tags", Value::MakeList({Value::Int(1), Value::Null()})}}));
}

TEST(DecodeValueTest, JsonNumbers) {
  ExpectIdentical(Decode(R"({"json": 0})"), Value::Int(0));
  ExpectIdentical(Decode(R"({"json": -0})"), Value::Int(0));
  ExpectIdentical(Decode(R"({"json": 1.0})"), Value::Int(1));
  ExpectIdentical(Decode(R"({"json": 1e3})"), Value::Int(1000));
  ExpectIdentical(Decode(R"({"json": 1.5})"), Value::Double(1.5));
  ExpectIdentical(Decode(R"({"json": 1e300})"), Value::Double(1e300));
  ExpectIdentical(Decode(R"({"json": 9007199254740992})"), Value::Int(k2To53));
  ExpectIdentical(Decode(R"({"json": -9007199254740992})"),
                  Value::Int(-k2To53));
  ExpectIdentical(Decode(R"({"json": 9007199254740994})"),
                  Value::Double(9007199254740994.0));
  ExpectIdentical(Decode(R"({"json": -9007199254740994})"),
                  Value::Double(-9007199254740994.0));
}

// JSON has none of these, but a binary client can put them there.
TEST(DecodeValueTest, NumbersBeyondJson) {
  v1::Value proto;
  proto.mutable_json()->set_number_value(
      std::numeric_limits<double>::quiet_NaN());
  EXPECT_TRUE(std::isnan(DecodeValue(proto)->as_double()));
  proto.mutable_json()->set_number_value(
      std::numeric_limits<double>::infinity());
  ExpectIdentical(*DecodeValue(proto),
                  Value::Double(std::numeric_limits<double>::infinity()));
}

TEST(DecodeValueTest, TypedKindsStayWhatTheyAre) {
  ExpectIdentical(Decode(R"({"nullValue": null})"), Value::Null());
  ExpectIdentical(Decode(R"({"doubleValue": 1})"), Value::Double(1.0));
  ExpectIdentical(Decode(R"({"intValue": "9223372036854775807"})"),
                  Value::Int(std::numeric_limits<int64_t>::max()));
  ExpectIdentical(Decode(R"({"bytesValue": "/w=="})"), Value::Bytes("\xFF"));
}

TEST(DecodeValueTest, KindsMix) {
  ExpectIdentical(
      Decode(R"({"mapValue": {"fields": {
        "a": {"json": {"b": 1}},
        "c": {"listValue": {"values": [{"json": 1.5}, {"intValue": "7"}]}}}},
        "lossy": true})"),
      Map({{"a", Map({{"b", Value::Int(1)}})},
           {"c", Value::MakeList({Value::Double(1.5), Value::Int(7)})}}));
}

TEST(DecodeValueTest, UnsetKindsSayWhatToDo) {
  ExpectInvalidValue(DecodeValue(v1::Value()).status(), "set json, null_value");
  v1::Value proto;
  proto.mutable_json();
  ExpectInvalidValue(DecodeValue(proto).status(), "set null_value for null");
  proto.mutable_json()->mutable_list_value()->add_values();
  ExpectInvalidValue(DecodeValue(proto).status(), "item 0: json holds");
  (*proto.mutable_json()->mutable_struct_value()->mutable_fields())["k"];
  ExpectInvalidValue(DecodeValue(proto).status(), "field \"k\": json holds");
}

TEST(DecodeValueTest, NestingIsLimitedOverBothKindsTogether) {
  const auto nested = [](int typed, int json) {
    v1::Value proto;
    v1::Value* outer = &proto;
    for (int i = 0; i < typed; ++i) {
      outer = outer->mutable_list_value()->add_values();
    }
    google::protobuf::Value* inner = outer->mutable_json();
    for (int i = 0; i < json; ++i) {
      inner = inner->mutable_list_value()->add_values();
    }
    inner->set_bool_value(true);
    return DecodeValue(proto).status();
  };
  EXPECT_TRUE(nested(0, 31).ok());
  EXPECT_TRUE(nested(16, 15).ok());
  EXPECT_TRUE(nested(31, 0).ok());
  ExpectInvalidValue(nested(0, 32), "nest deeper than 30 levels");
  ExpectInvalidValue(nested(16, 16), "nest deeper than 30 levels");
  ExpectInvalidValue(nested(32, 0), "nest deeper than 30 levels");
  ExpectInvalidValue(nested(1, 5000), "nest deeper than 30 levels");
}

std::string Encode(const Value& value, v1::ValueEncoding encoding) {
  v1::Value proto;
  EncodeValue(value, encoding, &proto);
  std::string json;
  EXPECT_TRUE(google::protobuf::util::MessageToJsonString(proto, &json).ok());
  return json;
}

TEST(EncodeValueTest, JsonReadsAsItWasWritten) {
  for (v1::ValueEncoding encoding :
       {v1::VALUE_ENCODING_UNSPECIFIED, v1::VALUE_ENCODING_JSON}) {
    EXPECT_EQ(Encode(Value::Null(), encoding), R"({"json":null})");
    EXPECT_EQ(Encode(Value::Bool(false), encoding), R"({"json":false})");
    EXPECT_EQ(Encode(Value::Int(-3), encoding), R"({"json":-3})");
    EXPECT_EQ(Encode(Value::Double(1.5), encoding), R"({"json":1.5})");
    EXPECT_EQ(Encode(Value::String("x"), encoding), R"({"json":"x"})");
    EXPECT_EQ(Encode(Value::MakeList({Value::Int(1)}), encoding),
              R"({"json":[1]})");
    EXPECT_EQ(Encode(Map({{"a", Value::EmptyMap()}}), encoding),
              R"({"json":{"a":{}}})");
  }
}

TEST(EncodeValueTest, LossyIsSaid) {
  const v1::ValueEncoding json = v1::VALUE_ENCODING_JSON;
  EXPECT_EQ(Encode(Value::Int(k2To53), json), R"({"json":9007199254740992})");
  EXPECT_EQ(Encode(Value::Int(k2To53 + 1), json),
            R"({"json":"9007199254740993","lossy":true})");
  EXPECT_EQ(Encode(Value::Int(-k2To53), json), R"({"json":-9007199254740992})");
  EXPECT_EQ(Encode(Value::Int(std::numeric_limits<int64_t>::min()), json),
            R"({"json":"-9223372036854775808","lossy":true})");
  EXPECT_EQ(Encode(Value::Bytes("\xFF\xFE"), json),
            R"({"json":"//4=","lossy":true})");
  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(Encode(Value::Double(std::nan("")), json),
            R"({"json":"NaN","lossy":true})");
  EXPECT_EQ(Encode(Value::Double(infinity), json),
            R"({"json":"Infinity","lossy":true})");
  EXPECT_EQ(Encode(Value::Double(-infinity), json),
            R"({"json":"-Infinity","lossy":true})");
}

TEST(EncodeValueTest, LossyInsideIsSaidAtTheTop) {
  const v1::ValueEncoding json = v1::VALUE_ENCODING_JSON;
  EXPECT_EQ(Encode(Map({{"a", Value::MakeList({Value::Bytes("")})}}), json),
            R"({"json":{"a":[""]},"lossy":true})");
  v1::Value proto;
  EncodeValue(Map({{"a", Value::Bytes("")}, {"b", Value::Int(1)}}), json,
              &proto);
  EXPECT_TRUE(proto.lossy());
}

TEST(EncodeValueTest, TypedIsExact) {
  const Value value = Map({{"big", Value::Int(k2To53 + 1)},
                           {"bytes", Value::Bytes("\xFF")},
                           {"nan", Value::Double(std::nan(""))},
                           {"whole", Value::Double(1.0)}});
  v1::Value proto;
  EncodeValue(value, v1::VALUE_ENCODING_TYPED, &proto);
  EXPECT_FALSE(proto.lossy());
  ExpectIdentical(DecodeValue(proto).value(), value);
}

TEST(EncodeValueTest, DeepestValueFitsThroughParsers) {
  Value value = Value::Int(1);
  for (int i = 0; i < 31; ++i) value = Map({{"k", value}});
  for (v1::ValueEncoding encoding :
       {v1::VALUE_ENCODING_JSON, v1::VALUE_ENCODING_TYPED}) {
    v1::Value proto;
    EncodeValue(value, encoding, &proto);
    v1::Value parsed;
    ASSERT_TRUE(parsed.ParseFromString(proto.SerializeAsString()));
    ExpectIdentical(DecodeValue(parsed).value(), value);
  }
}

}  // namespace
}  // namespace restate
