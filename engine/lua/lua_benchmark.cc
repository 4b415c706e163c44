// What a call costs: bazel run -c opt //engine/lua:lua_benchmark

#include <benchmark/benchmark.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/lua/lua_equality.h"
#include "engine/lua/lua_runtime.h"

namespace restate {
namespace {

Value BigMap(int entries) {
  Value::Map map;
  for (int i = 0; i < entries; ++i) {
    map = map.Set(absl::StrCat("user", i), Value::Int(i));
  }
  return Value::MakeMap(map);
}

void Run(benchmark::State& state, std::vector<std::string> parameters,
         std::string source, std::vector<Tree> arguments) {
  LuaRuntime runtime;
  auto function = runtime.Compile(std::move(parameters), std::move(source));
  if (!function.ok()) {
    state.SkipWithError("the source does not parse");
    return;
  }
  for (auto _ : state) {
    const LuaOutcome outcome = runtime.Call(**function, arguments);
    if (!outcome.result.ok()) {
      state.SkipWithError(outcome.result.status().ToString().c_str());
      return;
    }
    benchmark::DoNotOptimize(outcome);
  }
}

void BM_Add(benchmark::State& state) {
  Run(state, {"a", "b"}, "a + b", {Value::Int(1), Value::Int(2)});
}
BENCHMARK(BM_Add);

void BM_FieldOfMap(benchmark::State& state) {
  Run(state, {"users"}, "users.user77",
      {BigMap(static_cast<int>(state.range(0)))});
}
BENCHMARK(BM_FieldOfMap)->Arg(10)->Arg(10'000);

void BM_SumOfMap(benchmark::State& state) {
  Run(state, {"users"},
      "local s = 0 for _, v in pairs(users) do s = s + v end return s",
      {BigMap(static_cast<int>(state.range(0)))});
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_SumOfMap)->Arg(10)->Arg(10'000);

void BM_BuildList(benchmark::State& state) {
  Run(state, {"n"}, "local t = {} for i = 1, n do t[i] = i end return t",
      {Value::Int(state.range(0))});
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_BuildList)->Arg(10)->Arg(10'000);

void BM_Error(benchmark::State& state) {
  LuaRuntime runtime;
  auto function = runtime.Compile({}, "error('no')");
  for (auto _ : state) {
    benchmark::DoNotOptimize(runtime.Call(**function, {}));
  }
}
BENCHMARK(BM_Error);

// A loop for ever: what the default budget is in time.
void BM_WholeBudget(benchmark::State& state) {
  LuaRuntime runtime;
  auto function = runtime.Compile({}, "while true do end");
  for (auto _ : state) {
    benchmark::DoNotOptimize(runtime.Call(**function, {}));
  }
}
BENCHMARK(BM_WholeBudget);

// The same for memory: of small strings, which is slow, and of tables.
void BM_WholeMemory(benchmark::State& state, const char* source) {
  LuaRuntime runtime;
  auto function = runtime.Compile({}, source);
  for (auto _ : state) {
    benchmark::DoNotOptimize(runtime.Call(**function, {}));
  }
}
BENCHMARK_CAPTURE(BM_WholeMemory, strings,
                  "local held, text = {}, string.rep('x', 400) "
                  "while true do held[#held + 1] = text .. #held end");
BENCHMARK_CAPTURE(BM_WholeMemory, tables,
                  "local held = {} while true do held = {held, 1, 2, 3, 4, 5} "
                  "end");

void BM_Compile(benchmark::State& state) {
  LuaRuntime runtime;
  for (auto _ : state) {
    benchmark::DoNotOptimize(runtime.Compile({"a", "b"}, "a + b"));
  }
}
BENCHMARK(BM_Compile);

void BM_Equality(benchmark::State& state) {
  LuaRuntime runtime;
  auto equality = LuaEquality::Compile(runtime, "math.abs(old - new) < 5");
  const Tree before = Value::Int(10);
  const Tree after = Value::Int(12);
  for (auto _ : state) {
    benchmark::DoNotOptimize(equality->Equal(before, after));
  }
}
BENCHMARK(BM_Equality);

}  // namespace
}  // namespace restate
