#include <string.h>

#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/error/error.h"
#include "engine/lua/lua_runtime.h"
#include "engine/lua/testing/lua_test.h"
#include "engine/path/path.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

using ::testing::HasSubstr;

// Builds anew, in Lua, whatever it is given.
constexpr char kCopySource[] = R"(
  local function copy(v)
    local kind = type(v)
    if kind == "list" then
      local made = list{}
      for i, item in ipairs(v) do made[i] = copy(item) end
      return made
    elseif kind == "map" then
      local made = map{}
      for name, item in pairs(v) do made[name] = copy(item) end
      return made
    elseif kind == "bytes" then
      return bytes(v:raw())
    end
    return v
  end
  return copy(a))";

class LuaValuesTest : public LuaTest {
 protected:
  // What `source` of `a` gives.
  Value Of(const std::string& source, const Tree& a = Tree()) {
    const LuaOutcome outcome = Call({"a"}, source, {a});
    if (!outcome.result.ok() || !outcome.result->has_value()) {
      ADD_FAILURE() << source << " gives " << Text(outcome.result);
      return Value();
    }
    return **outcome.result;
  }
  void ExpectSame(const Value& actual, const Value& expected) {
    EXPECT_TRUE(Value::Identical(actual, expected))
        << actual.DebugString() << " is not " << expected.DebugString();
  }
  void ExpectGives(const std::string& source, const Value& expected) {
    SCOPED_TRACE(source);
    ExpectSame(Of(source), expected);
  }
  void ExpectRefused(const std::string& source, const std::string& why) {
    const absl::Status status = Fail({}, source);
    EXPECT_EQ(ErrorReason(status), "LUA_ERROR") << source;
    EXPECT_THAT(std::string(status.message()), HasSubstr(why)) << source;
  }
  bool Holds(const std::string& source, const Tree& a) {
    const Value result = Of(source, a);
    return result.kind() == Value::Kind::kBool && result.as_bool();
  }
};

Value ListOf(std::initializer_list<Value> items) {
  return Value::MakeList(Value::List(items));
}

Value MapOf(std::initializer_list<std::pair<std::string, Value>> entries) {
  Value::Map map;
  for (const auto& [key, value] : entries) map = map.Set(key, value);
  return Value::MakeMap(map);
}

std::vector<Value> Samples() {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  return {
      Value::Null(),
      Value::Bool(true),
      Value::Bool(false),
      Value::Int(0),
      Value::Int(1),
      Value::Int(std::numeric_limits<int64_t>::min()),
      Value::Int(std::numeric_limits<int64_t>::max()),
      Value::Int((int64_t{1} << 53) + 1),
      Value::Double(0.0),
      Value::Double(-0.0),
      Value::Double(1.0),
      Value::Double(0.1),
      Value::Double(std::numeric_limits<double>::denorm_min()),
      Value::Double(std::numeric_limits<double>::max()),
      Value::Double(infinity),
      Value::Double(-infinity),
      Value::Double(nan),
      Value::Double(-nan),
      Value::String(""),
      Value::String("héllo \xf0\x9f\x8c\x8d"),
      Value::String(std::string("a\0b", 3)),
      Value::String(std::string(100'000, 'x')),
      Value::Bytes(""),
      Value::Bytes(std::string("\xff\0\xc3", 3)),
      Value::MakeList({}),
      ListOf({Value::Null()}),
      ListOf({Value::Null(), Value::Int(1), Value::Double(1), Value::Null()}),
      ListOf({Value::MakeList({}), Value::EmptyMap()}),
      // Inside a list keys are free.
      ListOf({MapOf({{"", Value::Int(1)},
                     {"*", Value::Int(2)},
                     {"/", Value::EmptyMap()}}),
              MapOf({{"/", Value::Int(1)}})}),
      Value::EmptyMap(),
      MapOf({{"a", Value::Null()}}),
      MapOf({{"/", Value::Int(3)}, {"squared", Value::Int(9)}}),
      MapOf({{"1", Value::Int(1)}, {"a b", MapOf({{"c", Value::Bytes("x")}})}}),
      MapOf({{"/", ListOf({})}, {"x", Value::EmptyMap()}}),
  };
}

TEST_F(LuaValuesTest, EveryKindComesBackAsItWas) {
  for (const Value& value : Samples()) {
    ExpectSame(Of("a", value), value);
  }
}

TEST_F(LuaValuesTest, EveryKindIsBuiltAsItWas) {
  for (const Value& value : Samples()) ExpectSame(Of(kCopySource, value), value);
}

TEST_F(LuaValuesTest, AViewComesBackWithoutCopying) {
  const Value map = MapOf({{"a", MapOf({{"b", Value::Int(1)}})}});
  EXPECT_TRUE(Of("a", map).as_map().SharesRootWith(map.as_map()));
  EXPECT_TRUE(Of("map{x = a.a}", map)
                  .as_map()
                  .Find("x")
                  ->as_map()
                  .SharesRootWith(map.as_map().Find("a")->as_map()));
  const Value list = ListOf({Value::Int(1)});
  EXPECT_EQ(&Of("a", list).as_list(), &list.as_list());
}

class RandomValues {
 public:
  explicit RandomValues(uint64_t seed) : random_(seed) {}

  Value Next(int levels, bool in_list = false) {
    switch (Below(levels > 0 ? 9 : 6)) {
      case 0:
        return Value::Null();
      case 1:
        return Value::Bool(Below(2) == 1);
      case 2:
        return Value::Int(static_cast<int64_t>(random_()) >> Below(64));
      case 3: {
        const uint64_t bits = random_();
        double d;
        static_assert(sizeof(d) == sizeof(bits));
        memcpy(&d, &bits, sizeof(d));
        return Value::Double(d);
      }
      case 4:
        return Value::String(Text());
      case 5:
        return Value::Bytes(std::string(Below(5), static_cast<char>(random_())));
      case 6: {
        Value::List list;
        const size_t items = Below(5);
        for (size_t i = 0; i < items; ++i) {
          list.push_back(Next(levels - 1, true));
        }
        return Value::MakeList(std::move(list));
      }
      default: {
        Value::Map map;
        const size_t items = Below(6);
        for (size_t i = 0; i < items; ++i) {
          map = map.Set(absl::StrCat(Text(), "k"), Next(levels - 1, in_list));
        }
        if (!map.empty() && Below(3) == 0) map = map.Set("/", Next(0));
        return Value::MakeMap(map);
      }
    }
  }

 private:
  size_t Below(size_t n) { return random_() % n; }
  std::string Text() {
    static constexpr const char* kParts[] = {"a", "é", "1", " ", "%s", "\n"};
    std::string text;
    for (size_t n = Below(4); n > 0; --n) text += kParts[Below(6)];
    return text;
  }

  std::mt19937_64 random_;
};

TEST_F(LuaValuesTest, RandomValuesComeBackAndAreBuiltAsTheyWere) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  RandomValues values(seed);
  auto identity = MustCompile({"a"}, "a");
  auto copy = MustCompile({"a"}, kCopySource);
  for (int i = 0; i < 2'000; ++i) {
    const Tree value = values.Next(5);
    for (LuaFunction* function : {identity.get(), copy.get()}) {
      const LuaOutcome outcome = runtime_.Call(*function, {value});
      ASSERT_TRUE(outcome.result.ok()) << outcome.result.status();
      ASSERT_TRUE(outcome.result->has_value());
      ASSERT_TRUE(Value::Identical(**outcome.result, *value))
          << value->DebugString();
    }
  }
}

TEST_F(LuaValuesTest, PlainTables) {
  ExpectGives("{1, 2.0, 'x'}",
              ListOf({Value::Int(1), Value::Double(2), Value::String("x")}));
  ExpectGives("{a = 1}", MapOf({{"a", Value::Int(1)}}));
  ExpectGives("{[1.0] = true}", ListOf({Value::Bool(true)}));
  // Without an item there is nothing to tell by.
  ExpectGives("{}", Value::EmptyMap());
  ExpectGives("list{}", Value::MakeList({}));
  ExpectGives("list()", Value::MakeList({}));
  ExpectGives("map{}", Value::EmptyMap());
  ExpectGives("{a = {}, b = list{}}",
              MapOf({{"a", Value::EmptyMap()}, {"b", Value::MakeList({})}}));
  ExpectGives("{null, null}", ListOf({Value::Null(), Value::Null()}));
  ExpectGives("local t = {1, 2} t[2] = nil return t", ListOf({Value::Int(1)}));
}

TEST_F(LuaValuesTest, TheOwnValueOfANode) {
  ExpectGives("{['/'] = 3}", Value::Int(3));
  ExpectGives("{x = {['/'] = list{1}}}",
              MapOf({{"x", ListOf({Value::Int(1)})}}));
  ExpectRefused("{['/'] = {a = 1}, b = 1}", "the node's own value");
  ExpectRefused("{['/'] = {}}", "the node's own value");
}

TEST_F(LuaValuesTest, WhatIsNoValue) {
  ExpectRefused("{1, a = 2}", "both names and numbers");
  ExpectRefused("{[2] = 1}", "holes");
  ExpectRefused("{1, nil, 3}", "holes");
  ExpectRefused("{[0] = 1}", "a key that is neither");
  ExpectRefused("{[1.5] = 1}", "a key that is neither");
  ExpectRefused("{[true] = 1}", "a key that is neither");
  ExpectRefused("{[null] = 1}", "a key that is neither");
  ExpectRefused("map{1}", "both names and numbers");
  ExpectRefused("list{a = 1}", "a list with names");
  ExpectRefused("{a = {tostring, 1}}", "the result at /a[1] is a function");
  ExpectRefused("tostring", "the result is a function");
  ExpectRefused("{a = string}", "the result at /a is a library");
  ExpectRefused("_ENV", "is a library");
  ExpectRefused("pairs({})", "is a function");
  ExpectRefused("{x = '\\xff'}", "the result at /x is a string that is not UTF-8");
  ExpectRefused("{[''] = 1}", "no path segment");
  ExpectRefused("{['..'] = 1}", "no path segment");
  ExpectRefused("{['*'] = 1}", "no path segment");
  ExpectRefused("{['a\\0'] = 1}", "no path segment");
  ExpectRefused("{['\\xff'] = 1}", "no path segment");
  ExpectRefused("{[string.rep('x', 256)] = 1}", "no path segment");
  ExpectRefused("{{['\\xff'] = 1}}", "not UTF-8");
}

TEST_F(LuaValuesTest, NestingIsBounded) {
  const auto nested = [](size_t levels, const char* around) {
    return absl::StrCat("local t = 1 for i = 1, ", levels, " do t = ", around,
                        " end return t");
  };
  EXPECT_TRUE(Call({}, nested(kMaxDepth, "{a = t}")).result.ok());
  EXPECT_TRUE(Call({}, nested(kMaxDepth, "{t}")).result.ok());
  ExpectRefused(nested(kMaxDepth + 1, "{a = t}"), "deeper than 30");
  ExpectRefused(nested(kMaxDepth + 1, "{t}"), "deeper than 30");
  ExpectRefused("local t = {} t.t = t return t", "deeper than 30");
  ExpectRefused("local t = {} t[1] = t return t", "deeper than 30");
  ExpectRefused("local t = {} t['/'] = t return t", "the node's own value");
  // As in a tree, the node at the end of the longest path may be an empty map.
  EXPECT_TRUE(Call({}, "local t = {} for i = 1, 30 do t = {a = t} end return t")
                  .result.ok());
  ExpectRefused("local t = list{} for i = 1, 30 do t = {a = t} end return t",
                "deeper than 30");
}

TEST_F(LuaValuesTest, Null) {
  for (const char* source :
       {"null == null", "a == null", "null ~= nil", "null ~= false",
        "(null and true) == true", "type(null) == 'null'",
        "tostring(null) == 'null'", "a ~= 0", "({[null] = 1})[a] == 1"}) {
    EXPECT_TRUE(Holds(source, Value::Null())) << source;
  }
  ExpectRefused("null.x", "attempt to index");
}

TEST_F(LuaValuesTest, Numbers) {
  for (const char* source :
       {"math.type(a) == 'integer'", "a + 1 == math.mininteger", "a == a // 1",
        "type(a) == 'number'"}) {
    EXPECT_TRUE(Holds(source, Value::Int(INT64_MAX))) << source;
  }
  EXPECT_TRUE(Holds("math.type(a) == 'float'", Value::Double(1)));
  EXPECT_TRUE(Holds("a ~= a", Value::Double(std::nan(""))));
  ExpectGives("7 // 2", Value::Int(3));
  ExpectGives("7 / 2", Value::Double(3.5));
  ExpectGives("6 / 2", Value::Double(3));
  ExpectGives("math.maxinteger + 1", Value::Int(INT64_MIN));
  ExpectGives("'10' + 1", Value::Int(11));
}

TEST_F(LuaValuesTest, BytesAreNotStrings) {
  const Value value = Value::Bytes("ab\xff");
  for (const char* source :
       {"type(a) == 'bytes'", "#a == 3", "a == bytes('ab\\xff')",
        "a ~= 'ab\\xff'", "a ~= bytes('ab')", "a:raw() == 'ab\\xff'",
        "bytes(a) == a", "tostring(a) == 'bytes'", "a.x == nil",
        "bytes('') == bytes('')", "#bytes('') == 0"}) {
    EXPECT_TRUE(Holds(source, value)) << source;
  }
  ExpectGives("bytes('\\xff')", Value::Bytes("\xff"));
  ExpectRefused("bytes(1)", "string expected");
  ExpectRefused("bytes({})", "string expected");
  ExpectRefused("bytes('').raw('')", "bytes expected");
  ExpectRefused("bytes('').raw()", "bytes expected");
  ExpectRefused("local b = bytes('') b.x = 1", "read-only");
}

TEST_F(LuaValuesTest, MapViews) {
  const Value value = MapOf({{"/", Value::Int(3)},
                             {"b", Value::Int(1)},
                             {"a", MapOf({{"x", Value::Null()}})}});
  for (const char* source :
       {"type(a) == 'map'", "#a == 3", "a.b == 1", "a['/'] == 3",
        "a.a.x == null", "a.none == nil", "a[1] == nil", "a[null] == nil",
        "a.a == a.a", "a.a ~= a", "a == a", "tostring(a) == 'map'",
        "next(a) == '/'", "next(a, '/') == 'a'", "next(a, 'aa') == 'b'",
        "next(a, 'b') == nil", "select(2, next(a, 'a')) == 1"}) {
    EXPECT_TRUE(Holds(source, value)) << source;
  }
  ExpectSame(Of("local s = '' for k, v in pairs(a) do s = s .. k .. '=' .. "
                "type(v) .. ' ' end return s",
                value),
             Value::String("/=number a=map b=number "));
  for (const char* source :
       {"a.b = 2", "a.c = 2", "a[1] = 2", "a.a.x = 1",
        "table.insert(a, 1)", "local c = map(a) c.a.x = 1"}) {
    EXPECT_THAT(std::string(Fail({"a"}, source, {value}).message()),
                HasSubstr("read-only"))
        << source;
  }
}

TEST_F(LuaValuesTest, ListViews) {
  const Value value =
      ListOf({Value::Int(3), Value::Null(), Value::String("x")});
  for (const char* source :
       {"type(a) == 'list'", "#a == 3", "a[1] == 3", "a[2] == null",
        "a[3.0] == 'x'", "a[0] == nil", "a[4] == nil", "a[-1] == nil",
        "a['1'] == nil", "a.x == nil", "a[1.5] == nil", "a == a",
        "table.unpack(a) == 3", "select('#', table.unpack(a)) == 3",
        "next(a) == 1", "next(a, 3) == nil", "select(2, next(a, 2)) == 'x'",
        "a[math.maxinteger] == nil", "a[math.mininteger] == nil"}) {
    EXPECT_TRUE(Holds(source, value)) << source;
  }
  for (const char* loop : {"pairs", "ipairs"}) {
    ExpectSame(Of(absl::StrCat("local s = '' for i, v in ", loop,
                               "(a) do s = s .. i .. tostring(v) end return s"),
                  value),
               Value::String("132null3x"));
  }
  EXPECT_EQ(Eval({"a"}, "table.concat(a, ',')",
                 {ListOf({Value::Int(1), Value::String("b")})}),
            "\"1,b\"");
  EXPECT_THAT(std::string(Fail({"a"}, "a[1] = 2", {value}).message()),
              HasSubstr("read-only"));
}

TEST_F(LuaValuesTest, ViewsAreEqualByContent) {
  const Value one = MapOf({{"x", ListOf({Value::Int(1)})}});
  const Value other = MapOf({{"x", ListOf({Value::Double(1)})}});
  const Value third = MapOf({{"x", ListOf({Value::Int(2)})}});
  EXPECT_EQ(Eval({"a", "b"}, "a == b", {one, other}), "true");
  EXPECT_EQ(Eval({"a", "b"}, "a == b", {one, third}), "false");
  EXPECT_EQ(Eval({"a", "b"}, "a.x == b", {one, third}), "false");
}

TEST_F(LuaValuesTest, CopiesCanBeChanged) {
  const Value list = ListOf({Value::Int(2), Value::Int(1)});
  ExpectSame(Of("local c = list(a) table.sort(c) c[3] = 9 return c", list),
             ListOf({Value::Int(1), Value::Int(2), Value::Int(9)}));
  const Value map = MapOf({{"a", Value::Int(1)}, {"b", Value::Int(2)}});
  ExpectSame(Of("local c = map(a) c.a = nil c.d = 4 return c", map),
             MapOf({{"b", Value::Int(2)}, {"d", Value::Int(4)}}));
  ExpectSame(Of("list(a)", Value::MakeList({})), Value::MakeList({}));
  ExpectSame(Of("map(a)", Value::EmptyMap()), Value::EmptyMap());
  EXPECT_EQ(ErrorReason(Fail({"a"}, "map(a)", {list})), "LUA_ERROR");
  EXPECT_EQ(ErrorReason(Fail({"a"}, "list(a)", {map})), "LUA_ERROR");
  ExpectRefused("list(map{})", "a map cannot be made a list");
  ExpectRefused("list(string)", "cannot be made a list");
  ExpectRefused("list('x')", "table expected");
}

TEST_F(LuaValuesTest, TypeTellsWhatTheUserMade) {
  ExpectGives("type(list{}) .. type(map{}) .. type({}) .. type(nil) .. "
              "type(type) .. type('') .. type(true) .. type(bytes(''))",
              Value::String("listmaptablenilfunctionstringbooleanbytes"));
}

TEST_F(LuaValuesTest, LoopsOverTablesAreInKeyOrder) {
  ExpectGives(
      "local t = {[true] = 0, [false] = 0, b = 0, a = 0, [''] = 0, [10] = 0, "
      "[2] = 0, [-1] = 0, [2.5] = 0, [math.huge] = 0, [-math.huge] = 0, "
      "[math.mininteger] = 0, [math.maxinteger] = 0, [1e300] = 0}\n"
      "local s = ''\n"
      "for k in pairs(t) do s = s .. tostring(k) .. ' ' end return s",
      Value::String("-inf -9223372036854775808 -1 2 2.5 10 9223372036854775807 "
                    "1e+300 inf  a b false true "));
  ExpectGives(
      "local t = {c = 1, a = 1, b = 1} local s = '' local k = next(t) "
      "while k do s = s .. k k = next(t, k) end return s",
      Value::String("abc"));
  // What goes while the loop runs is not visited; what comes is not either.
  ExpectGives(
      "local t = {a = 1, b = 2, c = 3} local s = ''\n"
      "for k, v in pairs(t) do s = s .. k .. v t.b = nil t.d = 4 t.c = 5 end\n"
      "return s",
      Value::String("a1c5"));
  ExpectRefused("for k in pairs({[{}] = 1}) do end", "has no order");
  ExpectRefused("pairs(nil)", "table, list or map expected");
  ExpectRefused("pairs('x')", "table, list or map expected");
}

TEST_F(LuaValuesTest, ArgumentsAreCountedAsTheyAreTouched) {
  Value::Map map;
  for (int i = 0; i < 1'000; ++i) map = map.Set(absl::StrCat(i), Value::Int(i));
  const Tree argument = Value::MakeMap(map);
  LuaBudget budget;
  budget.nodes = 100;
  EXPECT_EQ(Text(Call({"a"}, "a['7'] + #a", {argument}, budget).result),
            "1007");
  const absl::Status status =
      Call({"a"}, "for k, v in pairs(a) do end", {argument}, budget)
          .result.status();
  EXPECT_EQ(ErrorReason(status), "LUA_BUDGET");
  EXPECT_THAT(std::string(status.message()), HasSubstr("100 values"));
}

TEST_F(LuaValuesTest, ResultsAreCounted) {
  LuaBudget budget;
  budget.nodes = 100;
  const auto items = [&](int n) {
    return Call({"n"}, "local t = list{} for i = 1, n do t[i] = i end return t",
                {Tree(Value::Int(n))}, budget)
        .result.status();
  };
  // The argument, the list and its items.
  EXPECT_TRUE(items(98).ok());
  EXPECT_EQ(ErrorReason(items(99)), "LUA_BUDGET");
  // One table many times over is many values.
  EXPECT_EQ(ErrorReason(Fail({}, "local t = {1, 1} for i = 1, 25 do t = {t, t} "
                                 "end return t")),
            "LUA_BUDGET");
  EXPECT_EQ(ErrorReason(Fail({}, "local s = string.rep('x', 1e6) local t = {} "
                                 "for i = 1, 100 do t[i] = s end return t")),
            "LUA_MEMORY");
}

}  // namespace
}  // namespace restate
