#ifndef RESTATE_ENGINE_LUA_TESTING_LUA_TEST_H_
#define RESTATE_ENGINE_LUA_TESTING_LUA_TEST_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/lua/lua_runtime.h"
#include "gtest/gtest.h"

namespace restate {

// A runtime, and short ways to say what a source gives.
class LuaTest : public ::testing::Test {
 protected:
  std::unique_ptr<LuaFunction> MustCompile(std::vector<std::string> parameters,
                                           std::string source) {
    auto function = runtime_.Compile(std::move(parameters), std::move(source));
    if (!function.ok()) {
      ADD_FAILURE() << function.status();
      std::abort();
    }
    return *std::move(function);
  }

  LuaOutcome Call(std::vector<std::string> parameters, std::string source,
                  const std::vector<Tree>& arguments = {},
                  const LuaBudget& budget = {}) {
    auto function = MustCompile(std::move(parameters), std::move(source));
    return runtime_.Call(*function, arguments, budget);
  }

  // The result's DebugString, "absent", or the status.
  static std::string Text(const absl::StatusOr<Tree>& result) {
    if (!result.ok()) return result.status().ToString();
    return result->has_value() ? (*result)->DebugString() : "absent";
  }

  std::string Eval(std::vector<std::string> parameters, std::string source,
                   const std::vector<Tree>& arguments = {}) {
    return Text(
        Call(std::move(parameters), std::move(source), arguments).result);
  }

  absl::Status Fail(std::vector<std::string> parameters, std::string source,
                    const std::vector<Tree>& arguments = {}) {
    return Call(std::move(parameters), std::move(source), arguments)
        .result.status();
  }

  LuaRuntime runtime_;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_LUA_TESTING_LUA_TEST_H_
