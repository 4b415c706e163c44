#include "engine/lua/lua_runtime.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/error/error.h"
#include "engine/lua/lua_equality.h"
#include "engine/lua/testing/lua_test.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class LuaRuntimeTest : public LuaTest {};

TEST_F(LuaRuntimeTest, EvaluatesAnExpression) {
  EXPECT_EQ(Eval({"a", "b"}, "a + b", {Value::Int(2), Value::Int(3)}), "5");
}

TEST_F(LuaRuntimeTest, RunsABody) {
  EXPECT_EQ(Eval({"n"}, "local s = 0\nfor i = 1, n do s = s + i end\nreturn s",
                 {Value::Int(10)}),
            "55");
}

TEST_F(LuaRuntimeTest, WithoutParameters) { EXPECT_EQ(Eval({}, "1 + 1"), "2"); }

TEST_F(LuaRuntimeTest, NilIsNothing) {
  EXPECT_EQ(Eval({}, "nil"), "absent");
  EXPECT_EQ(Eval({}, "local x = 1"), "absent");
  EXPECT_EQ(Eval({}, "return"), "absent");
  EXPECT_EQ(Eval({}, ""), "absent");
}

TEST_F(LuaRuntimeTest, AbsentAndMissingArgumentsAreNil) {
  EXPECT_EQ(Eval({"a", "b"}, "a == nil and b == nil", {Tree()}), "true");
}

TEST_F(LuaRuntimeTest, ArgumentsWithoutAParameterAreDropped) {
  EXPECT_EQ(Eval({"a"}, "a", {Value::Int(1), Value::Int(2)}), "1");
}

TEST_F(LuaRuntimeTest, ReturnsOneValue) {
  const absl::Status status = Fail({}, "1, 2");
  EXPECT_EQ(ErrorReason(status), "LUA_ERROR");
  EXPECT_THAT(std::string(status.message()), HasSubstr("returned 2 values"));
  EXPECT_EQ(Eval({}, "(string.find('abc', 'b'))"), "2");
}

TEST_F(LuaRuntimeTest, SyntaxErrorsNameTheLine) {
  const absl::Status status =
      runtime_.Compile({"a"}, "local b = a\nreturn b +").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ErrorReason(status), "LUA_SYNTAX");
  EXPECT_EQ(status.message(), "lua:2: unexpected symbol near <eof>");
  EXPECT_EQ(ErrorMetadata(status).at("line"), "2");
}

TEST_F(LuaRuntimeTest, SyntaxErrorsOfExpressionsAreAboutExpressions) {
  const absl::Status status = runtime_.Compile({"a"}, "a +").status();
  EXPECT_EQ(status.message(), "lua:1: unexpected symbol near <eof>");
}

TEST_F(LuaRuntimeTest, TakesNoBytecodeAndNoLongSource) {
  EXPECT_EQ(ErrorReason(runtime_.Compile({}, "\x1bLua").status()),
            "LUA_SYNTAX");
  const std::string longest(LuaRuntime::kMaxSourceBytes, ' ');
  EXPECT_TRUE(runtime_.Compile({}, longest).ok());
  EXPECT_EQ(ErrorReason(runtime_.Compile({}, longest + " ").status()),
            "LUA_SYNTAX");
}

TEST_F(LuaRuntimeTest, ParametersAreDistinctNames) {
  for (const char* bad :
       {"", "1a", "a b", "a-b", "end", "é", "a,b", "a=1", "...", "goto"}) {
    const absl::Status status = runtime_.Compile({bad}, "1").status();
    EXPECT_EQ(ErrorReason(status), "LUA_SYNTAX") << bad;
    EXPECT_EQ(ErrorMetadata(status).at("parameter"), bad);
  }
  EXPECT_EQ(ErrorReason(runtime_.Compile({"a", "b", "a"}, "1").status()),
            "LUA_SYNTAX");
  EXPECT_TRUE(runtime_.Compile({"_", "a1", "End"}, "1").ok());
  EXPECT_EQ(ErrorReason(
                runtime_.Compile(std::vector<std::string>(101, "x"), "1")
                    .status()),
            "LUA_SYNTAX");
}

TEST_F(LuaRuntimeTest, ASourceCannotCloseWhatItIsIn) {
  for (const char* source : {"1 end", "end return 1", "1) + (2", "]] return 1"}) {
    EXPECT_EQ(ErrorReason(runtime_.Compile({"a"}, source).status()),
              "LUA_SYNTAX")
        << source;
  }
}

TEST_F(LuaRuntimeTest, ErrorsHaveMessageAndLine) {
  const absl::Status status = Fail({"a"}, "local b = 1\n\nreturn b + a");
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ErrorReason(status), "LUA_ERROR");
  EXPECT_EQ(status.message(),
            "lua:3: attempt to perform arithmetic on a nil value (local 'a')");
  EXPECT_EQ(ErrorMetadata(status).at("line"), "3");
}

TEST_F(LuaRuntimeTest, RaisedErrors) {
  EXPECT_EQ(Fail({}, "error('no')").message(), "lua:1: no");
  EXPECT_EQ(Fail({}, "error('no', 0)").message(), "no");
  EXPECT_EQ(Fail({}, "error({})").message(), "table");
  EXPECT_EQ(ErrorMetadata(Fail({}, "\nerror({})")).at("line"), "2");
  EXPECT_EQ(Fail({}, "error(nil)").message(), "nil");
  EXPECT_EQ(Fail({}, "error(null)").message(), "null");
  EXPECT_EQ(Fail({}, "assert(false)").message(), "lua:1: assertion failed!");
  EXPECT_EQ(Fail({}, "assert(nil, 'because')").message(), "lua:1: because");
  EXPECT_EQ(Fail({}, "\ntable.concat({{}})").message(),
            "lua:2: invalid value (table) at index 1 in table for 'concat'");
  EXPECT_EQ(Fail({}, "\ntable.sort({1, 'x'})").message(),
            "lua:2: attempt to compare string with number");
  // Whatever a message is made of, it can be sent.
  EXPECT_EQ(Fail({}, "error('\\xff\\0', 0)").message(), "?");
  EXPECT_EQ(Fail({}, "error(string.rep('é', 1000), 0)").message().size(),
            1000);
  EXPECT_EQ(Fail({}, "error('x' .. string.rep('é', 1000), 0)").message().size(),
            999);
}

TEST_F(LuaRuntimeTest, NothingIsKeptFromCallToCall) {
  auto function = MustCompile({}, "n = (n or 0) + 1; return n");
  EXPECT_EQ(Text(runtime_.Call(*function, {}).result), "1");
  EXPECT_EQ(Text(runtime_.Call(*function, {}).result), "1");
  auto other = MustCompile({}, "return n");
  EXPECT_EQ(Text(runtime_.Call(*other, {}).result), "absent");
  for (const char* source :
       {"string.x = 1", "math.pi = 3", "table.insert(string, 1)",
        "string.format = nil", "utf8.x = 1", "('x').y = 1",
        "bytes('x').raw = 1"}) {
    EXPECT_EQ(ErrorReason(Fail({}, source)), "LUA_ERROR") << source;
  }
  // What a call assigns to is its own.
  EXPECT_EQ(Eval({}, "string = 1; return string"), "1");
  EXPECT_EQ(Eval({}, "return string.rep('a', 2)"), "\"aa\"");
}

TEST_F(LuaRuntimeTest, FunctionsAreForgotten) {
  const size_t before = runtime_.memory_in_use();
  for (int i = 0; i < 1000; ++i) {
    auto function = MustCompile({"a"}, absl::StrCat("a + ", i));
    EXPECT_EQ(Text(runtime_.Call(*function, {Tree(Value::Int(1))}).result),
              absl::StrCat(i + 1));
  }
  EXPECT_LT(runtime_.memory_in_use(), before + (size_t{1} << 20));
}

TEST_F(LuaRuntimeTest, CallsAgreeWhenTheMachineWasRemade) {
  auto good = MustCompile({"a"}, "a + 1");
  auto greedy = MustCompile(
      {}, "local t = {} for i = 1, 1e9 do t[i] = {i} end return t");
  LuaBudget budget;
  budget.instructions = 100'000'000;
  for (int i = 0; i < 3; ++i) {
    const LuaOutcome outcome = runtime_.Call(*greedy, {}, budget);
    EXPECT_EQ(ErrorReason(outcome.result.status()), "LUA_MEMORY");
    EXPECT_EQ(outcome.result.status().code(),
              absl::StatusCode::kResourceExhausted);
    EXPECT_EQ(Text(runtime_.Call(*good, {Tree(Value::Int(i))}).result),
              absl::StrCat(i + 1));
    EXPECT_LT(runtime_.memory_in_use(), size_t{1} << 20);
  }
}

TEST_F(LuaRuntimeTest, CountsInstructions) {
  auto loop = MustCompile({"n"}, "for i = 1, n do end return n");
  const auto used = [&](int n) {
    return runtime_.Call(*loop, {Tree(Value::Int(n))}).instructions;
  };
  EXPECT_EQ(used(1), 100);
  const int64_t thousand = used(1'000);
  EXPECT_GE(thousand, 1'000);
  EXPECT_LE(thousand, 1'200);
  EXPECT_EQ(used(1'000), thousand);
  const int64_t more = used(100'000);
  EXPECT_GE(more, 100'000);
  EXPECT_LE(more, 100'200);
}

TEST_F(LuaRuntimeTest, StopsAtTheBudget) {
  auto loop = MustCompile({}, "while true do end");
  for (int64_t instructions : {1, 100, 1'000, 50'000}) {
    LuaBudget budget;
    budget.instructions = instructions;
    const LuaOutcome outcome = runtime_.Call(*loop, {}, budget);
    EXPECT_EQ(ErrorReason(outcome.result.status()), "LUA_BUDGET");
    EXPECT_EQ(outcome.result.status().code(),
              absl::StatusCode::kResourceExhausted);
    EXPECT_LE(outcome.instructions, instructions + 100);
    EXPECT_GE(outcome.instructions, instructions);
  }
}

// --- get ---

class LuaReadTest : public LuaTest {
 protected:
  LuaOutcome Read(const std::string& source) {
    auto function = MustCompile({}, source);
    const Tree root = Value::MakeMap(
        Value::Map()
            .Set("a", Value::Int(1))
            .Set("users", Value::MakeMap(Value::Map().Set(
                              "1", Value::String("Alice")))));
    return runtime_.Call(
        *function, {}, LuaBudget(),
        [&](const Path& path) -> absl::StatusOr<Tree> {
          if (path == *Path::Parse("/broken")) {
            return MakeError(Reason::kMountUnavailable, "the mount is down");
          }
          return tree::Get(root, path);
        });
  }
  static std::vector<std::string> Texts(const std::vector<Path>& paths) {
    std::vector<std::string> texts;
    for (const Path& path : paths) texts.push_back(path.ToText());
    return texts;
  }
};

TEST_F(LuaReadTest, ReadsAndRecords) {
  const LuaOutcome outcome =
      Read("get('/users/1') .. get('a') .. tostring(get('/none')) .. get('a')");
  EXPECT_EQ(Text(outcome.result), "\"Alice1nil1\"");
  EXPECT_THAT(Texts(outcome.reads), ElementsAre("/a", "/none", "/users/1"));
}

TEST_F(LuaReadTest, GivesBackWhatItRead) {
  const LuaOutcome outcome = Read("get('/')");
  EXPECT_EQ(Text(outcome.result), "{\"a\": 1, \"users\": {\"1\": \"Alice\"}}");
  EXPECT_THAT(Texts(outcome.reads), ElementsAre("/"));
}

TEST_F(LuaReadTest, RecordsWhenItFails) {
  const LuaOutcome outcome = Read("get('/a') error('no')");
  EXPECT_EQ(ErrorReason(outcome.result.status()), "LUA_ERROR");
  EXPECT_THAT(Texts(outcome.reads), ElementsAre("/a"));
}

TEST_F(LuaReadTest, BadPathsAreErrors) {
  for (const char* path : {"/a/*", "/..", "/~x"}) {
    const LuaOutcome outcome = Read(absl::StrCat("get('", path, "')"));
    EXPECT_EQ(ErrorReason(outcome.result.status()), "LUA_ERROR") << path;
    EXPECT_THAT(outcome.reads, IsEmpty());
  }
  EXPECT_EQ(ErrorReason(Read("get(1)").result.status()), "LUA_ERROR");
}

TEST_F(LuaReadTest, TheReadersErrorIsTheCalls) {
  const absl::Status status = Read("get('/broken')").result.status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ErrorReason(status), "MOUNT_UNAVAILABLE");
  EXPECT_EQ(status.message(), "the mount is down");
}

TEST_F(LuaReadTest, ReadsAreBounded) {
  const LuaOutcome outcome = Read("while true do get('/users') end");
  EXPECT_EQ(ErrorReason(outcome.result.status()), "LUA_BUDGET");
}

TEST_F(LuaReadTest, WithoutAReader) {
  EXPECT_THAT(std::string(Fail({}, "get('/a')").message()),
              HasSubstr("get is not to be had here"));
}

// --- Equality ---

class LuaEqualityTest : public LuaTest {
 protected:
  absl::StatusOr<bool> Equal(const std::string& source, const Tree& old_value,
                             const Tree& new_value) {
    absl::StatusOr<LuaEquality> equality =
        LuaEquality::Compile(runtime_, source);
    if (!equality.ok()) return equality.status();
    return equality->Equal(old_value, new_value).equal;
  }
};

TEST_F(LuaEqualityTest, SaysWhatIsEqual) {
  const std::string near = "old ~= nil and math.abs(old - new) < 5";
  EXPECT_EQ(*Equal(near, Value::Int(10), Value::Int(14)), true);
  EXPECT_EQ(*Equal(near, Value::Int(10), Value::Int(15)), false);
  EXPECT_EQ(*Equal(near, Tree(), Value::Int(15)), false);
}

TEST_F(LuaEqualityTest, OnlyBooleans) {
  for (const char* source : {"nil", "1", "null", "'true'", "{}"}) {
    EXPECT_EQ(ErrorReason(Equal(source, Tree(), Value::Int(1)).status()),
              "LUA_ERROR")
        << source;
  }
}

TEST_F(LuaEqualityTest, Errors) {
  EXPECT_EQ(ErrorReason(Equal("old <", Tree(), Tree()).status()), "LUA_SYNTAX");
  EXPECT_EQ(ErrorReason(Equal("old < new", Tree(), Value::Int(1)).status()),
            "LUA_ERROR");
  EXPECT_EQ(ErrorReason(
                Equal("while true do end", Tree(), Value::Int(1)).status()),
            "LUA_BUDGET");
}

}  // namespace
}  // namespace restate
