#ifndef RESTATE_ENGINE_DERIVATION_DERIVATION_LIMITS_H_
#define RESTATE_ENGINE_DERIVATION_DERIVATION_LIMITS_H_

#include <cstddef>
#include <cstdint>

#include "engine/lua/lua_runtime.h"
#include "engine/tree/tree.h"

namespace restate {

// Bounds of what derivations use.
struct DerivationLimits {
  // Of each call of a Lua function.
  LuaBudget call;
  // Lua instructions of all derivations of one client's commit together.
  int64_t commit_instructions = 20'000'000;
  // A call that takes more than so many instructions is made by another thread,
  // if its commit may be set aside: about as long as handing it over takes.
  int64_t trial_instructions = 20'000;
  // Of one source as an argument.
  size_t max_source_bytes = size_t{64} << 20;
  // Of what a destination holds.
  tree::WriteLimits result;
  // How often a tracked derivation is computed in one commit before it counts
  // as one that does not settle. Others are computed once.
  int max_runs = 20;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_DERIVATION_DERIVATION_LIMITS_H_
