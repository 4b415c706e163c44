#ifndef RESTATE_ENGINE_LUA_LUA_COUNTERS_H_
#define RESTATE_ENGINE_LUA_LUA_COUNTERS_H_

#include <atomic>
#include <cstddef>

#include "engine/measure/counter.h"

namespace restate {

// What a runtime has done since it was made. Only the runtime's thread counts;
// anybody may read.
struct LuaCounters {
  Counter calls;
  // Calls that ended with LUA_ERROR, LUA_BUDGET and LUA_MEMORY.
  Counter errors;
  Counter over_budget;
  Counter over_memory;
  // As LuaOutcome::instructions, of all calls.
  Counter instructions;
  // In calls.
  Counter nanoseconds;
  // What the machine holds now.
  std::atomic<size_t> memory_bytes = 0;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_LUA_LUA_COUNTERS_H_
