#include "engine/lua/lua_equality.h"

#include <utility>

#include "engine/error/error.h"

namespace restate {

absl::StatusOr<LuaEquality> LuaEquality::Compile(LuaRuntime& runtime,
                                                 std::string source) {
  absl::StatusOr<std::unique_ptr<LuaFunction>> function =
      runtime.Compile({"old", "new"}, std::move(source));
  if (!function.ok()) return function.status();
  return LuaEquality(&runtime, *std::move(function));
}

LuaEquality::LuaEquality(LuaRuntime* runtime,
                         std::unique_ptr<LuaFunction> function)
    : runtime_(runtime), function_(std::move(function)) {}

LuaEquality::Outcome LuaEquality::Equal(const Tree& old_value,
                                        const Tree& new_value,
                                        const LuaBudget& budget) {
  const Tree arguments[] = {old_value, new_value};
  LuaOutcome outcome = runtime_->Call(*function_, arguments, budget);
  if (!outcome.result.ok()) {
    return {outcome.result.status(), outcome.instructions};
  }
  const Tree& result = *outcome.result;
  if (!result.has_value() || result->kind() != Value::Kind::kBool) {
    return {MakeError(Reason::kLuaError,
                      "the equality function returned something else than true "
                      "or false: return true where the values count as equal"),
            outcome.instructions};
  }
  return {result->as_bool(), outcome.instructions};
}

}  // namespace restate
