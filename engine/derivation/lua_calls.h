#ifndef RESTATE_ENGINE_DERIVATION_LUA_CALLS_H_
#define RESTATE_ENGINE_DERIVATION_LUA_CALLS_H_

#include <cstdint>
#include <optional>
#include <set>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "engine/lua/lua_runtime.h"
#include "engine/path/path.h"
#include "engine/tree/tree.h"

namespace restate {

// The calls of Lua functions in one commit: each has a budget of its own, and
// all of them together have the commit's.
//
// Not thread-safe: the sequencer's own.
class LuaCalls {
 public:
  // `commit_instructions`: of all calls together; none if nobody waits for the
  // commit who can be refused. Whose calls use up a budget is appended to
  // `used_up`. Both pointers must outlive this.
  LuaCalls(LuaRuntime* runtime, const LuaBudget& call,
           std::optional<int64_t> commit_instructions,
           std::vector<Path>* used_up)
      : runtime_(runtime),
        call_(call),
        commit_instructions_(commit_instructions),
        used_up_(*used_up) {}
  LuaCalls(const LuaCalls&) = delete;
  LuaCalls& operator=(const LuaCalls&) = delete;

  // Calls a function of the derivation of `dest`; `reader`, unless null, is for
  // get(path). RESOURCE_EXHAUSTED / DERIVATION_BUDGET: the commit is over its
  // budget, and is refused. All else is in the outcome.
  absl::StatusOr<LuaOutcome> Call(const Path& dest, LuaFunction& function,
                                  absl::Span<const Tree> arguments,
                                  const LuaReader* reader = nullptr);

 private:
  LuaRuntime* const runtime_;
  const LuaBudget call_;
  const std::optional<int64_t> commit_instructions_;
  std::vector<Path>& used_up_;
  int64_t used_ = 0;
  // Those that used instructions, in path order.
  std::set<Path> called_;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_DERIVATION_LUA_CALLS_H_
