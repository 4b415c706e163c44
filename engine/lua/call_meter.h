#ifndef RESTATE_ENGINE_LUA_CALL_METER_H_
#define RESTATE_ENGINE_LUA_CALL_METER_H_

#include <cstddef>
#include <cstdint>

#include "engine/lua/lua_runtime.h"

namespace restate {

// Counts what one call uses, and says when it is over its budget. Lua's
// allocator is here too, for memory cannot be counted elsewhere.
//
// What one instruction costs depends on what it works on. So
//   - 64 bytes of a new string count as an instruction, and as many of all that
//     is allocated may be allocated as there are instructions;
//   - once a call has made a string of n times 16 KiB, which one instruction can
//     then compare or hash, each of its instructions counts 1 + n;
//   - functions written in C++ charge for the elements they touch.
// What may depend on earlier calls, such as the growth of Lua's stack, is bounded
// but not charged, so that the count is the same each time.
//
// Thread-compatible.
class CallMeter {
 public:
  // Instructions between two calls of Step.
  static constexpr int kStep = 100;

  enum class Over { kNothing, kInstructions, kNodes, kCpuTime, kMemory };

  // Lua's allocator; `meter` is a CallMeter.
  static void* Allocate(void* meter, void* block, size_t old_size,
                        size_t new_size);

  // From here on the budget holds.
  void Begin(const LuaBudget& budget);
  // From here on nothing is bounded.
  void End() { running_ = false; }

  // After kStep instructions; these return whether the call may go on.
  bool Step();
  bool Charge(int64_t instructions);
  // Comparisons of what may be strings, which cost what an instruction does.
  bool ChargeComparisons(int64_t comparisons);
  bool CountNode();
  bool CountResultBytes(size_t bytes);

  // What ended the call.
  Over over() const { return over_; }
  // Whether a string was refused for its length.
  bool refused_long_string() const { return refused_long_string_; }
  // The longest string that may be made.
  size_t max_string_bytes() const { return budget_.memory_bytes / 8; }

  const LuaBudget& budget() const { return budget_; }
  // What was charged since Begin, as LuaOutcome::instructions.
  int64_t instructions() const;

  // Bytes held now, and those that are held for good: Begin adds the budget to
  // them.
  size_t bytes_in_use() const { return in_use_; }
  size_t kept_bytes() const { return kept_; }
  void set_kept_bytes(size_t bytes) { kept_ = bytes; }

 private:
  bool MayGrow(size_t type, size_t held, size_t new_size);
  LuaBudget budget_;
  bool running_ = false;
  Over over_ = Over::kNothing;
  bool refused_long_string_ = false;

  int64_t spent_ = 0;
  // What one instruction counts.
  int64_t price_ = 1;
  int64_t nodes_ = 0;
  // Bytes allocated since Begin, whether freed again or not.
  uint64_t traffic_ = 0;
  size_t result_bytes_ = 0;
  int refusals_ = 0;

  int steps_until_clock_ = 0;
  absl::Duration cpu_deadline_ = absl::InfiniteDuration();

  size_t in_use_ = 0;
  size_t kept_ = 0;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_LUA_CALL_METER_H_
