#ifndef RESTATE_ENGINE_LUA_LUA_RUNTIME_H_
#define RESTATE_ENGINE_LUA_LUA_RUNTIME_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "engine/lua/lua_counters.h"
#include "engine/path/path.h"
#include "engine/tree/tree.h"

namespace restate {

// What one call may use.
struct LuaBudget {
  // Instructions of Lua's machine, counted in steps of 100 and rounded up.
  // Work that one instruction can start counts as many: bytes allocated,
  // elements sorted or joined.
  int64_t instructions = 1'000'000;
  // Bytes that Lua holds at one time above what the compiled functions take;
  // and, apart from those, bytes of text in the result.
  size_t memory_bytes = size_t{16} << 20;
  // Values looked at in arguments, and values in the result.
  int64_t nodes = 100'000;
  // The last resort, for the rare code of which one instruction takes long: CPU
  // time of the calling thread, looked at about every 1,000 instructions.
  absl::Duration cpu_time = absl::Milliseconds(500);
};

// What a call came to.
struct LuaOutcome {
  // What the function returned; nothing for nil. Otherwise
  //   FAILED_PRECONDITION / LUA_ERROR: it raised an error, or returned what is
  //     no value. The metadata has the `line`, if there is one.
  //   RESOURCE_EXHAUSTED / LUA_BUDGET: instructions or nodes, or CPU time.
  //   RESOURCE_EXHAUSTED / LUA_MEMORY.
  //   the status of the reader, unchanged, if that is why the call ended.
  //
  // It is a value of a tree in the sense of engine/tree, but whether it fits
  // where it is going (depth, size, number of nodes) is for
  // tree::Canonicalize to say.
  absl::StatusOr<Tree> result;
  // What the call used: multiples of 100 and at least that; at most one step
  // over the budget.
  int64_t instructions = 0;
  // The paths that were read with get, in path order, also when the call
  // failed.
  std::vector<Path> reads;
  // What it took, of the clock.
  absl::Duration time;
  // Of a failure with LUA_BUDGET: whether instructions were what it ran out of, or
  // CPU time. The latter depends on the computer, and may be enough another time.
  bool out_of_instructions = false;
  bool out_of_time = false;
};

// Reads what get("/path") asks for. Lua functions must not be called from it.
using LuaReader = absl::FunctionRef<absl::StatusOr<Tree>(const Path& path)>;

class LuaRuntime;

// A compiled function. Its runtime must outlive it. Same thread as the runtime.
class LuaFunction {
 public:
  ~LuaFunction();
  LuaFunction(const LuaFunction&) = delete;
  LuaFunction& operator=(const LuaFunction&) = delete;

  const std::vector<std::string>& parameters() const { return parameters_; }
  const std::string& source() const { return source_; }

 private:
  friend class LuaRuntime;
  LuaFunction(LuaRuntime* runtime, std::vector<std::string> parameters,
              std::string source);

  LuaRuntime* const runtime_;
  const std::vector<std::string> parameters_;
  const std::string source_;
  // Where the machine keeps it, of the machine numbered `machine_`.
  int reference_ = 0;
  uint64_t machine_ = 0;
  // What the machine took to compile it.
  size_t bytes_ = 0;
};

// Runs functions of the user's in Lua 5.4 such that they can do nothing but
// compute: docs/lua.md says what they find there, docs/decisions/0019-lua.md
// why that is safe. The same function of the same arguments gives the same
// result.
//
// One machine (lua_State) is kept from call to call; after an error for lack of
// memory it is closed and a new one takes its place, for which functions are
// compiled again when they are called. Nothing that a call does is visible to
// the next.
//
// Thread-compatible: one thread at a time, the sequencer's. Several runtimes
// share nothing.
class LuaRuntime {
 public:
  // The longest source, in bytes.
  static constexpr size_t kMaxSourceBytes = 64 * 1024;

  LuaRuntime();
  ~LuaRuntime();
  LuaRuntime(const LuaRuntime&) = delete;
  LuaRuntime& operator=(const LuaRuntime&) = delete;

  // Compiles `source`, an expression ("a + b") or a body that returns a value,
  // of `parameters`, which stand for the arguments in order.
  // INVALID_ARGUMENT / LUA_SYNTAX: it does not parse (the metadata has the
  // `line`), is too long, or a parameter is no name, a keyword, or there twice.
  absl::StatusOr<std::unique_ptr<LuaFunction>> Compile(
      std::vector<std::string> parameters, std::string source);

  // Calls `function` with `arguments`: nothing is nil, as is a parameter
  // without an argument; arguments without a parameter are dropped.
  LuaOutcome Call(LuaFunction& function, absl::Span<const Tree> arguments,
                  const LuaBudget& budget = {});
  // The same for a function that may read with get("/path").
  LuaOutcome Call(LuaFunction& function, absl::Span<const Tree> arguments,
                  const LuaBudget& budget, LuaReader reader);

  // The same, with get unless `reader` is null, but nothing if the call takes
  // more than the budget's instructions. Not counted: Count does that.
  std::optional<LuaOutcome> Try(LuaFunction& function,
                                absl::Span<const Tree> arguments,
                                const LuaBudget& budget,
                                const LuaReader* reader);
  // Counts a call that was tried, or made by another runtime for this one.
  void Count(const LuaOutcome& outcome);

  // Bytes that the machine holds now.
  size_t memory_in_use() const;
  // What was called so far; thread-safe.
  const LuaCounters& counters() const { return counters_; }

 private:
  friend class LuaFunction;
  class Machine;

  absl::Status CompileInto(LuaFunction& function);
  LuaOutcome CallWith(LuaFunction& function, absl::Span<const Tree> arguments,
                      const LuaBudget& budget, const LuaReader* reader);

  LuaCounters counters_;
  std::unique_ptr<Machine> machine_;
  // Counts machines, so that a function knows which one has it.
  uint64_t machine_number_ = 1;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_LUA_LUA_RUNTIME_H_
