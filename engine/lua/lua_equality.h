#ifndef RESTATE_ENGINE_LUA_LUA_EQUALITY_H_
#define RESTATE_ENGINE_LUA_LUA_EQUALITY_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "engine/lua/lua_runtime.h"
#include "engine/tree/tree.h"

namespace restate {

// What counts as equal, as a Lua function of `old` and `new`: "new - old < 5".
// An absent old value is nil.
//
// Thread-compatible, as its runtime, which must outlive it.
class LuaEquality {
 public:
  struct Outcome {
    // Errors as LuaOutcome::result; anything but true and false is LUA_ERROR.
    absl::StatusOr<bool> equal;
    int64_t instructions = 0;
  };

  // Errors as LuaRuntime::Compile.
  static absl::StatusOr<LuaEquality> Compile(LuaRuntime& runtime,
                                             std::string source);

  Outcome Equal(const Tree& old_value, const Tree& new_value,
                const LuaBudget& budget = {});

 private:
  LuaEquality(LuaRuntime* runtime, std::unique_ptr<LuaFunction> function);

  LuaRuntime* runtime_;
  std::unique_ptr<LuaFunction> function_;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_LUA_LUA_EQUALITY_H_
