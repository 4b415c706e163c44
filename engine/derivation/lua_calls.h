#ifndef RESTATE_ENGINE_DERIVATION_LUA_CALLS_H_
#define RESTATE_ENGINE_DERIVATION_LUA_CALLS_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "engine/derivation/long_calls.h"
#include "engine/lua/lua_runtime.h"
#include "engine/path/path.h"
#include "engine/tree/tree.h"

namespace restate {

// The calls of Lua functions in one commit: each has a budget of its own, and
// all of them together have the commit's. One that takes long may be left to
// another thread, and the commit with it: LongCalls.
//
// Not thread-safe: the sequencer's own.
class LuaCalls {
 public:
  // `commit_instructions`: of all calls together; none if nobody waits for the
  // commit who can be refused. `*long_calls`: those of the commit that were left
  // to another thread, if any were; null if all are to be made here. What takes
  // more than `trial_instructions` is left. The pointers must outlive this.
  LuaCalls(LuaRuntime* runtime, const LuaBudget& call,
           std::optional<int64_t> commit_instructions,
           int64_t trial_instructions, std::shared_ptr<LongCalls>* long_calls)
      : runtime_(runtime),
        call_(call),
        commit_instructions_(commit_instructions),
        trial_instructions_(trial_instructions),
        long_calls_(long_calls) {}
  // Counts the calls, unless the commit is computed again.
  ~LuaCalls();
  LuaCalls(const LuaCalls&) = delete;
  LuaCalls& operator=(const LuaCalls&) = delete;

  // Calls a function of the derivation of `dest`; `reader`, unless null, is for
  // get(path). RESOURCE_EXHAUSTED / DERIVATION_BUDGET: the commit is over its
  // budget, and is refused. ABORTED: the call is in `*long_calls` now, and the
  // commit is to be computed again when it is made. All else is in the outcome.
  absl::StatusOr<LuaOutcome> Call(const Path& dest, LuaFunction& function,
                                  absl::Span<const Tree> arguments,
                                  const LuaReader* reader = nullptr);

  // Whether a call was left.
  bool left() const { return left_; }

 private:
  // A call with this budget, here or by another thread.
  absl::StatusOr<LuaOutcome> Make(LuaFunction& function,
                                  absl::Span<const Tree> arguments,
                                  const LuaBudget& budget,
                                  const LuaReader* reader);
  // What one came to that another thread was left.
  absl::StatusOr<LuaOutcome> Recall(LongCall* call, const LuaReader* reader);
  absl::Status Leave();

  LuaRuntime* const runtime_;
  const LuaBudget call_;
  const std::optional<int64_t> commit_instructions_;
  const int64_t trial_instructions_;
  std::shared_ptr<LongCalls>* const long_calls_;
  bool left_ = false;
  // To be counted.
  std::vector<LuaOutcome> made_;
  int64_t used_ = 0;
  // Those that used instructions, in path order.
  std::set<Path> called_;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_DERIVATION_LUA_CALLS_H_
