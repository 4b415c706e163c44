#include "engine/value/value.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>

#include "gtest/gtest.h"

namespace restate {
namespace {

Value MapOf(std::initializer_list<std::pair<const char*, Value>> entries) {
  Value::Map map;
  for (const auto& [key, value] : entries) map = map.Set(key, value);
  return Value::MakeMap(map);
}

TEST(ValueTest, NumbersAreEqualByWhatTheyAre) {
  EXPECT_EQ(Value::Int(1), Value::Double(1.0));
  EXPECT_EQ(Value::Double(1.0), Value::Int(1));
  EXPECT_EQ(Value::Double(0.0), Value::Double(-0.0));
  EXPECT_NE(Value::Int(1), Value::Double(1.5));
  EXPECT_NE(Value::Bool(true), Value::Int(1));
  EXPECT_NE(Value::Null(), Value::Int(0));
  EXPECT_NE(Value::Null(), Value::Bool(false));
}

TEST(ValueTest, IntAndDoubleCompareExactlyBeyondTheMantissa) {
  const int64_t two53 = int64_t{1} << 53;
  EXPECT_EQ(Value::Int(two53), Value::Double(0x1p53));
  EXPECT_NE(Value::Int(two53 + 1), Value::Double(0x1p53));
  EXPECT_NE(Value::Int(std::numeric_limits<int64_t>::max()),
            Value::Double(0x1p63));
  EXPECT_EQ(Value::Int(std::numeric_limits<int64_t>::min()),
            Value::Double(-0x1p63));
  EXPECT_NE(Value::Int(0),
            Value::Double(std::numeric_limits<double>::infinity()));
}

TEST(ValueTest, NanEqualsNanAndNothingElse) {
  const Value nan = Value::Double(std::nan(""));
  EXPECT_EQ(nan, Value::Double(std::nan("")));
  EXPECT_NE(nan, Value::Int(0));
  EXPECT_NE(nan, Value::Double(0));
}

TEST(ValueTest, StringsAndBytesAreDifferentKinds) {
  EXPECT_NE(Value::String("a"), Value::Bytes("a"));
  EXPECT_EQ(Value::Bytes(std::string("\0a", 2)),
            Value::Bytes(std::string("\0a", 2)));
}

TEST(ValueTest, ListsAndMapsCompareByItems) {
  EXPECT_EQ(Value::MakeList({Value::Int(1), Value::Null()}),
            Value::MakeList({Value::Double(1), Value::Null()}));
  EXPECT_NE(Value::MakeList({}), Value::EmptyMap());
  EXPECT_EQ(MapOf({{"a", Value::Int(1)}, {"b", Value::EmptyMap()}}),
            MapOf({{"b", Value::EmptyMap()}, {"a", Value::Double(1)}}));
  EXPECT_NE(MapOf({{"a", Value::Int(1)}}), MapOf({{"b", Value::Int(1)}}));
  EXPECT_NE(MapOf({{"a", Value::Int(1)}}), Value::EmptyMap());
}

TEST(ValueTest, IdenticalTellsKindsAndBitsApart) {
  EXPECT_FALSE(Value::Identical(Value::Int(1), Value::Double(1)));
  EXPECT_FALSE(Value::Identical(Value::Double(0.0), Value::Double(-0.0)));
  EXPECT_TRUE(Value::Identical(Value::Double(std::nan("")),
                               Value::Double(std::nan(""))));
  EXPECT_FALSE(Value::Identical(MapOf({{"a", Value::Int(1)}}),
                                MapOf({{"a", Value::Double(1)}})));
  EXPECT_TRUE(Value::Identical(Value::MakeList({Value::String("x")}),
                               Value::MakeList({Value::String("x")})));
}

TEST(ValueTest, ByteSizeStopsOnceItHasEnough) {
  Value::Map map;
  for (int i = 0; i < 10'000; ++i) {
    map = map.Set(std::to_string(i), Value::String(std::string(100, 'x')));
  }
  const Value value = Value::MakeMap(map);
  EXPECT_GT(value.ByteSize(), 10'000u * 100);
  EXPECT_GT(value.ByteSize(5'000), 5'000u);
  EXPECT_LT(value.ByteSize(5'000), 6'000u);
}

// A list of 172 kB was refused as over 1 MiB: each item was counted as what the
// largest number takes in a message with all that may be around it.
TEST(ValueTest, TheItemsOfAListCountAsWhatTheyTake) {
  const Value numbers =
      Value::MakeList(Value::List(100'000, Value::Int(1)));
  // Each has two bytes of frame, and two of its own.
  EXPECT_EQ(numbers.LeafBytes(), 400'000u);
  EXPECT_EQ(numbers.EncodedBytes(), 400'004u);
  EXPECT_EQ(Value::MakeList(Value::List(10, Value::Null())).LeafBytes(), 40u);
  EXPECT_EQ(Value::MakeList({Value::String("abc"), Value::Double(1)})
                .LeafBytes(),
            7u + 11u);
  EXPECT_EQ(Value::MakeList({Value::Int(-1)}).LeafBytes(), 13u);
  EXPECT_EQ(Value::String("abc").LeafBytes(), 3u);
  EXPECT_EQ(Value::MakeList({}).LeafBytes(), 0u);
  EXPECT_LT(numbers.LeafBytes(1'000), 1'100u);
  // As JSON it is a double.
  EXPECT_GE(numbers.ByteSize(), 100'000u * 11);
  EXPECT_LE(numbers.ByteSize(), 100'000u * 12 + 16);
}

TEST(ValueTest, DebugStringTellsKindsApart) {
  EXPECT_EQ(MapOf({{"a", Value::MakeList({Value::Int(1), Value::Double(1),
                                          Value::Bytes("\x01"),
                                          Value::String("s"), Value::Null(),
                                          Value::Bool(true)})}})
                .DebugString(),
            "{\"a\": [1, double(1), bytes(\\x01), \"s\", null, true]}");
}

}  // namespace
}  // namespace restate
