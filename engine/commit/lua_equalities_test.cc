#include "engine/commit/lua_equalities.h"

#include "absl/strings/str_cat.h"
#include "engine/error/error.h"
#include "engine/value/value.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

TEST(LuaEqualitiesTest, AsksTheFunction) {
  LuaEqualities equalities;
  EXPECT_TRUE(*equalities.Equal("old ~= nil and new - old < 5",
                                Value::Int(1), Value::Int(3)));
  EXPECT_FALSE(*equalities.Equal("old ~= nil and new - old < 5",
                                 Value::Int(1), Value::Int(9)));
  EXPECT_FALSE(*equalities.Equal("old ~= nil", Tree(), Value::Int(9)));
  EXPECT_EQ(equalities.size(), 2u);
  EXPECT_EQ(ErrorReason(equalities.Equal("(", Tree(), Tree()).status()),
            "LUA_SYNTAX");
  EXPECT_EQ(ErrorReason(equalities.Equal("1", Tree(), Tree()).status()),
            "LUA_ERROR");
}

TEST(LuaEqualitiesTest, KeepsABoundedNumber) {
  LuaEqualities equalities;
  for (int i = 0; i < 1'000; ++i) {
    EXPECT_TRUE(*equalities.Equal(absl::StrCat("new == ", i), Tree(),
                                  Value::Int(i)));
  }
  EXPECT_EQ(equalities.size(), 256u);
  EXPECT_TRUE(*equalities.Equal("new == 0", Tree(), Value::Int(0)));
}

}  // namespace
}  // namespace restate
