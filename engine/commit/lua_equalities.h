#ifndef RESTATE_ENGINE_COMMIT_LUA_EQUALITIES_H_
#define RESTATE_ENGINE_COMMIT_LUA_EQUALITIES_H_

#include <cstddef>
#include <deque>
#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "engine/lua/lua_equality.h"
#include "engine/lua/lua_runtime.h"
#include "engine/tree/tree.h"

namespace restate {

// What writers gave as their idea of equality, in Lua: each text is compiled once
// for as long as it is among the last that were new.
//
// Not thread-safe: the sequencer's own.
class LuaEqualities {
 public:
  // INVALID_ARGUMENT / LUA_SYNTAX; FAILED_PRECONDITION / LUA_ERROR, also if it is
  // neither true nor false; RESOURCE_EXHAUSTED / LUA_BUDGET, LUA_MEMORY.
  absl::StatusOr<bool> Equal(const std::string& source, const Tree& old_value,
                             const Tree& new_value);

  // What was called so far; thread-safe.
  const LuaCounters& counters() const { return runtime_.counters(); }

  // Compiled texts at this moment.
  size_t size() const { return compiled_.size(); }

 private:
  // Outlives the functions.
  LuaRuntime runtime_;
  absl::flat_hash_map<std::string, std::unique_ptr<LuaEquality>> compiled_;
  // Their texts, the oldest first.
  std::deque<std::string> order_;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_COMMIT_LUA_EQUALITIES_H_
