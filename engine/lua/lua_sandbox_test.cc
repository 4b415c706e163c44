#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/error/error.h"
#include "engine/lua/lua_runtime.h"
#include "engine/lua/testing/lua_test.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;

// Ways out of the sandbox, and ways to keep the server busy.
class LuaSandboxTest : public LuaTest {
 protected:
  // The reason why `source` fails; what it gives if it does not.
  std::string ReasonOf(const std::string& source) {
    const LuaOutcome outcome = Call({}, source);
    EXPECT_LE(outcome.instructions, LuaBudget().instructions + 100) << source;
    if (outcome.result.ok()) return Text(outcome.result);
    // The machine is as good as before.
    EXPECT_EQ(Eval({"a"}, "('x'):rep(a)", {Value::Int(3)}), "\"xxx\"");
    return ErrorReason(outcome.result.status());
  }
};

TEST_F(LuaSandboxTest, WhatThereIs) {
  // Every name of Lua's own; what is not on this list is not there.
  const std::string all =
      "assert collectgarbage dofile error getmetatable ipairs load loadfile "
      "loadstring next pairs pcall print rawequal rawget rawlen rawset require "
      "select setmetatable tonumber tostring type warn xpcall _G _VERSION "
      "coroutine debug io math os package string table utf8 bytes get list map "
      "null";
  std::string there;
  std::string name;
  for (char c : all + " ") {
    if (c != ' ') {
      name += c;
      continue;
    }
    if (Eval({}, absl::StrCat(name, " ~= nil")) == "true") {
      absl::StrAppend(&there, name, " ");
    }
    name.clear();
  }
  EXPECT_EQ(there,
            "assert error ipairs next pairs select tonumber tostring type math "
            "string table utf8 bytes get list map null ");
}

TEST_F(LuaSandboxTest, WhatTheLibrariesHave) {
  const auto has = [&](const char* library, const std::string& names) {
    std::string there;
    std::string name;
    for (char c : names + " ") {
      if (c != ' ') {
        name += c;
        continue;
      }
      if (Eval({}, absl::StrCat(library, ".", name, " ~= nil")) == "true") {
        absl::StrAppend(&there, name, " ");
      }
      name.clear();
    }
    return there;
  };
  EXPECT_EQ(has("string", "byte char dump find format gmatch gsub len lower "
                          "match pack packsize rep reverse sub unpack upper "
                          "replace split trim"),
            "byte char find format len lower rep reverse sub upper replace "
            "split trim ");
  EXPECT_EQ(has("table", "concat insert move pack remove sort unpack"),
            "concat insert move pack remove sort unpack ");
  EXPECT_EQ(has("math", "random randomseed floor huge tointeger ult"),
            "floor huge tointeger ult ");
  EXPECT_EQ(has("utf8", "char charpattern codepoint codes len offset"),
            "char codepoint codes len offset ");
}

TEST_F(LuaSandboxTest, MetatablesAreOutOfReach) {
  for (const char* source :
       {"getmetatable('').__index", "setmetatable({}, {})",
        "debug.getmetatable('')", "rawset(string, 'x', 1)",
        "('').__index.x", "string.__index.x", "_G.string", "_ENV._G.x",
        "('x').gsub('x', 'x', 'y')", "('x'):gsub('x', 'y')",
        "string.rep.x", "null.__index", "list{}.__index.x",
        "coroutine.wrap(1)", "load('return 1')()", "collectgarbage()",
        "collectgarbage('stop')", "string.dump(tostring)", "require('os')",
        "os.exit()", "io.write('x')", "print(1)"}) {
    EXPECT_EQ(ReasonOf(source), "LUA_ERROR") << source;
  }
}

TEST_F(LuaSandboxTest, MetamethodsOfTablesMeanNothing) {
  EXPECT_EQ(ReasonOf("local t = {} t.__index = t t.__gc = error "
                     "t.__tostring = function() while true do end end "
                     "return tostring(t)"),
            "\"table\"");
  // An error object that would loop in its __tostring.
  EXPECT_EQ(ReasonOf("error({__tostring = function() while true do end end, "
                     "__name = 'x'})"),
            "LUA_ERROR");
  EXPECT_EQ(ReasonOf("local x <close> = {__close = error}"), "LUA_ERROR");
  EXPECT_EQ(ReasonOf("local x <close> = nil return 1"), "1");
  EXPECT_EQ(ReasonOf("local x <const> = 1 return x"), "1");
}

TEST_F(LuaSandboxTest, LoopsEnd) {
  for (const char* source :
       {"while true do end", "repeat until false", "::a:: goto a",
        "for i = 1, math.maxinteger do end", "for i = 1, math.huge do end",
        "for i = 1.0, 1e308 do end", "for i = 1, 1e9 do local x = i ^ i end",
        "local t = {} for i = 1, 1e9 do t.x = i end",
        "local function f() return f() end f()",
        "local function f(n) if n > 0 then f(n - 1) f(n - 1) end end f(100)",
        "local s = 'x' for i = 1, 1e9 do s = tostring(i) end",
        "while true do local t = {} end",
        "while true do local f = function() end end",
        "while true do (function(...) end)(1, 2, 3) end"}) {
    EXPECT_EQ(ReasonOf(source), "LUA_BUDGET") << source;
  }
}

TEST_F(LuaSandboxTest, AllocationsEnd) {
  for (const char* source :
       {"local s = 'x' while true do s = s .. s end",
        "local t = {} while true do t[#t + 1] = {} end",
        "local t = {} for i = 1, 1e9 do t[i] = i .. 'x' end",
        "local t = {} for i = 1, 1e9 do t[-i] = i end",
        "local t = {} while true do t = {t, t, t, t, t, t, t, t} end",
        "local s = string.rep('x', 2e6) while true do local b = s .. 'y' end",
        "local function f() local a, b, c = 1, 2, 3 return 1 + f() end f()",
        "local t = {} for i = 1, 200 do t[i] = string.rep(i, 1e5) end",
        "local t = {} for i = 1, 1e9 do t[i] = function() return i end end",
        "local function f(...) return f(1, 2, 3, 4, 5, 6, 7, 8, ...) end f()",
        "local t = {} for i = 1, 1e5 do t[i] = 0 end "
        "for i = 1, 1e9 do local u = {table.unpack(t)} end"}) {
    EXPECT_THAT(ReasonOf(source), AnyOf("LUA_MEMORY", "LUA_BUDGET")) << source;
  }
  EXPECT_EQ(ReasonOf("local t = {} for i = 1, 160 do "
                     "t[i] = string.rep('x', 1e5) .. i end return #t"),
            "LUA_MEMORY");
}

TEST_F(LuaSandboxTest, StringFunctionsDoNotRunLong) {
  for (const char* source :
       {"string.rep('x', 1e18)", "string.rep('x', math.maxinteger)",
        "string.rep('', 1e18, 'x')", "('x'):rep(1e10)",
        "('x'):rep(1e10, string.rep('y', 1000))"}) {
    EXPECT_EQ(ReasonOf(source), "LUA_ERROR") << source;
  }
  EXPECT_EQ(ReasonOf("string.rep('', math.maxinteger)"), "\"\"");
  EXPECT_EQ(ReasonOf("string.rep('x', -1)"), "\"\"");
  EXPECT_EQ(ReasonOf("string.rep('x', math.mininteger)"), "\"\"");
  // Looking for a text is linear.
  EXPECT_EQ(ReasonOf("string.rep('a', 1e6):find(string.rep('a', 5e5) .. 'b') "
                     "== nil"),
            "true");
  for (const char* source :
       {"string.find('aaa', 'a*')", "string.find('x', '%f[a]')",
        "string.find('x', '^x')", "string.find('x', '[x')"}) {
    EXPECT_EQ(ReasonOf(source), "LUA_ERROR") << source;
  }
  for (const char* source :
       {"string.format('%999d', 1)", "string.format('%.999f', 1)",
        "string.format('%1000000000s', 'x')", "string.format('%p', {})",
        "string.format('%-p', {})", "string.format('%q', {})",
        "string.format('%y', 1)", "string.format('%s')",
        "string.format('%')"}) {
    EXPECT_EQ(ReasonOf(source), "LUA_ERROR") << source;
  }
  EXPECT_EQ(ReasonOf("local s = string.rep('x', 1e6) "
                     "while true do local b = s:byte(1, -1) end"),
            "LUA_BUDGET");
  EXPECT_EQ(ReasonOf("local s = string.rep('x', 1e6) "
                     "while true do local b = s:upper() end"),
            "LUA_BUDGET");
}

TEST_F(LuaSandboxTest, ComparingLongStringsIsPaidFor) {
  const LuaOutcome outcome =
      Call({}, "local a = string.rep('x', 1e6) .. 'a' "
               "local b = string.rep('x', 1e6) .. 'b' "
               "local n = 0 while true do if a < b then n = n + 1 end end");
  EXPECT_EQ(ErrorReason(outcome.result.status()), "LUA_BUDGET");
  EXPECT_THAT(std::string(outcome.result.status().message()),
              HasSubstr("instructions"));
}

TEST_F(LuaSandboxTest, TableFunctionsArePaidFor) {
  const std::string big = "local t = {} for i = 1, 5e4 do t[i] = '' end ";
  for (const char* then :
       {"while true do table.concat(t) end",
        "while true do local n = select('#', table.unpack(t)) end",
        "while true do table.insert(t, 1, '') end",
        "while true do table.remove(t, 1) t[#t + 1] = '' end",
        "while true do table.move(t, 1, #t, 2) end",
        "while true do table.sort(t) end",
        "while true do for k in pairs(t) do end end",
        "while true do local k = next(t) end",
        "table.concat(t, '', 1, math.maxinteger)",
        "table.move(t, 1, math.maxinteger - 1, 2)",
        "table.unpack(t, 1, 1e8)", "table.unpack(t, math.mininteger, 1)"}) {
    EXPECT_EQ(ReasonOf(big + then), "LUA_BUDGET") << then;
  }
  EXPECT_EQ(ReasonOf("table.concat({string.rep('x', 1e6), "
                     "string.rep('y', 1e6), string.rep('z', 1e6)})"),
            "LUA_MEMORY");
}

TEST_F(LuaSandboxTest, DeepRecursionEnds) {
  // Lua to Lua takes Lua's stack, of the call's memory.
  EXPECT_THAT(ReasonOf("local function f() return 1 + f() end return f()"),
              AnyOf("LUA_MEMORY", "LUA_BUDGET", "LUA_ERROR"));
  // Lua to C++ to Lua takes the machine's stack, of which Lua counts the levels.
  const absl::Status status =
      Fail({}, "local function f() table.sort({1, 2}, f) end f()");
  EXPECT_EQ(ErrorReason(status), "LUA_ERROR");
  EXPECT_THAT(std::string(status.message()), HasSubstr("C stack overflow"));
}

TEST_F(LuaSandboxTest, DeepSourcesDoNotParse) {
  const auto reason = [&](const std::string& source) {
    return ErrorReason(runtime_.Compile({}, source).status());
  };
  for (const char* open : {"(", "{", "- ", "not ", "#", "f(", "a[", "1 .. ",
                           "2 ^ ", "function() return "}) {
    std::string source;
    while (source.size() < 10'000) source += open;
    EXPECT_EQ(reason(source), "LUA_SYNTAX") << open;
  }
  std::string locals = "local a0 = 0 ";
  for (int i = 0; i < 300; ++i) absl::StrAppend(&locals, "local a = 0 ");
  EXPECT_EQ(reason(locals), "LUA_SYNTAX");
}

TEST_F(LuaSandboxTest, GiantConstructors) {
  std::string source = "{";
  while (source.size() < 60'000) source += "0,";
  source += "}";
  EXPECT_EQ(ReasonOf("#" + source), "30000");
  EXPECT_EQ(ReasonOf("while true do local t = " + source + " end"),
            "LUA_BUDGET");
}

TEST_F(LuaSandboxTest, SortTakesAnyComparator) {
  const std::string items =
      "local t = {} for i = 1, 500 do t[i] = (i * 7919) % 500 end ";
  EXPECT_EQ(ReasonOf(items + "table.sort(t, function() return true end) "
                             "return #t"),
            "500");
  EXPECT_EQ(ReasonOf(items + "local n = 0 table.sort(t, function(a, b) "
                             "n = n + 1 return n % 3 == 0 end) return #t"),
            "500");
  EXPECT_EQ(ReasonOf(items + "table.sort(t, function(a, b) t[1] = nil "
                             "return a < b end) return t[500]"),
            "499");
  EXPECT_EQ(ReasonOf(items + "table.sort(t) for i = 2, #t do "
                             "assert(t[i - 1] <= t[i]) end return #t"),
            "500");
  EXPECT_EQ(ReasonOf("table.sort({1, 'x'})"), "LUA_ERROR");
  EXPECT_EQ(ReasonOf("table.sort({1, 2}, 1)"), "LUA_ERROR");
  // Equal items stay in order.
  EXPECT_EQ(ReasonOf("local t = {} for i = 1, 9 do t[i] = {i % 3, i} end "
                     "table.sort(t, function(a, b) return a[1] < b[1] end) "
                     "local s = '' for _, v in ipairs(t) do s = s .. v[2] end "
                     "return s"),
            "\"369147258\"");
}

TEST_F(LuaSandboxTest, CollidingKeysEndByTheClock) {
  // Every key falls on one place of the hash table, and each is walked past.
  const std::string source =
      "local t = {} for i = 1, 30000 do t[i * 65535 * 32767] = 1 end "
      "local n = 0 while true do n = n + (t[65535 * 32767 * 1.0] or 0) end";
  EXPECT_EQ(ReasonOf(source), "LUA_BUDGET");
  LuaBudget budget;
  budget.instructions = int64_t{1} << 40;
  budget.cpu_time = absl::Milliseconds(10);
  const LuaOutcome outcome = Call({}, "while true do end", {}, budget);
  EXPECT_EQ(ErrorReason(outcome.result.status()), "LUA_BUDGET");
  EXPECT_THAT(std::string(outcome.result.status().message()),
              HasSubstr("CPU time"));
}

TEST_F(LuaSandboxTest, StringLibrary) {
  EXPECT_EQ(Eval({}, "string.format('%5.1f|%-3s|%d|%q|%%|%s|%s', 1.25, 'a', 3, "
                     "'x', {}, null)"),
            "\"  1.2|a  |3|\\\"x\\\"|%|table|null\"");
  EXPECT_EQ(Eval({}, "('a,b,,c'):split(',')"), "[\"a\", \"b\", \"\", \"c\"]");
  EXPECT_EQ(Eval({}, "(''):split(',')"), "[\"\"]");
  EXPECT_EQ(Eval({}, "('a.b.c'):replace('.', '--')"), "\"a--b--c\"");
  EXPECT_EQ(Eval({}, "('  a b\\n'):trim()"), "\"a b\"");
  EXPECT_EQ(Eval({}, "(' '):trim()"), "\"\"");
  EXPECT_EQ(Eval({}, "{('hello'):find('l')}"), "[3, 3]");
  EXPECT_EQ(Eval({}, "{('hello'):find('l', -2)}"), "[4, 4]");
  EXPECT_EQ(Eval({}, "{('hello'):find('', 6)}"), "[6, 5]");
  EXPECT_EQ(Eval({}, "('hello'):find('', 7)"), "absent");
  EXPECT_EQ(Eval({}, "('hello'):find('h', math.mininteger)  == 1"), "true");
  EXPECT_EQ(Eval({}, "('hello'):find('h', math.maxinteger)"), "absent");
  EXPECT_EQ(Eval({}, "{('a.b'):find('.', 1, true)}"), "[2, 2]");
  EXPECT_EQ(Eval({}, "{('abc'):byte(1, -1)}"), "[97, 98, 99]");
  EXPECT_EQ(Eval({}, "('abc'):byte(-1)"), "99");
  EXPECT_EQ(Eval({}, "('abc'):byte(4)"), "absent");
  EXPECT_EQ(Eval({}, "('abc'):byte(0)"), "absent");
  EXPECT_EQ(Eval({}, "('abc'):byte(math.mininteger)"), "absent");
  EXPECT_EQ(Eval({}, "('x'):rep(3, '-')"), "\"x-x-x\"");
  EXPECT_EQ(Eval({}, "{utf8.codepoint('hé', 1, -1)}"), "[104, 233]");
  EXPECT_EQ(Eval({}, "('abc'):sub(2):upper()"), "\"BC\"");
}

TEST_F(LuaSandboxTest, SameInputSameOutput) {
  const std::vector<std::string> sources = {
      "local s = '' for k, v in pairs({z = 1, y = {}, x = tostring, [1] = 1, "
      "[2.5] = null}) do s = s .. tostring(k) .. tostring(v) end return s",
      "string.format('%s %s %s %s', {}, tostring, null, string)",
      "local t = {} for i = 1, 200 do t[i] = {i % 5} end "
      "table.sort(t, function(a, b) return a[1] < b[1] end) return t",
      "error({})",
      "error(tostring({}) .. tostring(error))",
      "local x = {} + 1",
      "local t = {} for i = 1, 3000 do t[tostring(i * 7919 % 3001)] = i end "
      "local s = '' for k, v in pairs(t) do s = s .. k end return s",
      "local s = 'x' for i = 1, 100 do s = s .. s end",
      "while true do end",
      "local function f() return 1 + f() end return f()",
      "a .. tostring(next({q = 1, w = 2, e = 3}))"};
  LuaRuntime other;
  for (const std::string& source : sources) {
    const std::vector<Tree> arguments = {Value::String("a")};
    auto here = MustCompile({"a"}, source);
    auto there = other.Compile({"a"}, source);
    ASSERT_TRUE(there.ok());
    const LuaOutcome first = runtime_.Call(*here, arguments);
    const LuaOutcome second = runtime_.Call(*here, arguments);
    const LuaOutcome third = other.Call(**there, arguments);
    EXPECT_EQ(Text(first.result), Text(second.result)) << source;
    EXPECT_EQ(Text(first.result), Text(third.result)) << source;
    EXPECT_EQ(first.instructions, second.instructions) << source;
    EXPECT_EQ(first.instructions, third.instructions) << source;
    EXPECT_EQ(Text(first.result).find("0x"), std::string::npos) << source;
  }
}

}  // namespace
}  // namespace restate
