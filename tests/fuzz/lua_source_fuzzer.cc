// Any bytes as the source of a Lua function of `a`, a map, and `b`, a list.

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "engine/error/error.h"
#include "engine/lua/lua_runtime.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/tree_promises.h"

namespace restate {
namespace {

std::vector<Tree> Arguments() {
  return {Value::MakeMap(Value::Map()
                             .Set("n", Value::Int(7))
                             .Set("s", Value::String("text"))
                             .Set("y", Value::Bytes("\xff"))),
          Value::MakeList({Value::Null(), Value::Double(0.5)})};
}

LuaBudget SmallBudget() {
  LuaBudget budget;
  budget.instructions = 20'000;
  budget.memory_bytes = size_t{1} << 20;
  budget.nodes = 1'000;
  return budget;
}

// What a call came to, to compare it with another's.
std::string Told(const LuaOutcome& outcome) {
  if (!outcome.result.ok()) return std::string(outcome.result.status().message());
  return outcome.result->has_value() ? (*outcome.result)->DebugString() : "";
}

void CheckRefusal(const absl::Status& status) {
  FUZZ_CHECK(status.code() == absl::StatusCode::kInvalidArgument);
  FUZZ_CHECK(ErrorReason(status) == "LUA_SYNTAX");
  FUZZ_CHECK(!status.message().empty());
}

void CheckOutcome(const LuaOutcome& outcome) {
  FUZZ_CHECK(outcome.instructions >= 100);
  FUZZ_CHECK(outcome.instructions <= SmallBudget().instructions + 100);
  FUZZ_CHECK(outcome.reads.empty());
  if (outcome.result.ok()) {
    if (outcome.result->has_value()) CheckTreePromises(**outcome.result);
    return;
  }
  static const std::set<std::string> kReasons = {"LUA_ERROR", "LUA_BUDGET",
                                                 "LUA_MEMORY"};
  FUZZ_CHECK(kReasons.contains(ErrorReason(outcome.result.status())));
}

void CheckSource(const std::string& source) {
  // Functions of earlier inputs have left nothing behind.
  static LuaRuntime& reused = *new LuaRuntime();
  absl::StatusOr<std::unique_ptr<LuaFunction>> function =
      reused.Compile({"a", "b"}, source);
  if (!function.ok()) {
    CheckRefusal(function.status());
    return;
  }
  const LuaOutcome outcome =
      reused.Call(**function, Arguments(), SmallBudget());
  CheckOutcome(outcome);
  // Being near a bound of memory or time is for the machine at hand.
  if (ErrorReason(outcome.result.status()) == "LUA_MEMORY") return;
  const LuaOutcome again = reused.Call(**function, Arguments(), SmallBudget());
  if (ErrorReason(again.result.status()) == "LUA_MEMORY") return;
  FUZZ_CHECK(Told(outcome) == Told(again));
  FUZZ_CHECK(outcome.instructions == again.instructions);
}

}  // namespace
}  // namespace restate

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  restate::CheckSource(std::string(reinterpret_cast<const char*>(data), size));
  return 0;
}
