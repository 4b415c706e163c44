#ifndef RESTATE_ENGINE_DERIVATION_DERIVATION_LIMITS_H_
#define RESTATE_ENGINE_DERIVATION_DERIVATION_LIMITS_H_

#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"
#include "engine/derivation/definer_allowances.h"
#include "engine/lua/lua_runtime.h"
#include "engine/tree/tree.h"

namespace restate {

// Bounds of what derivations use.
struct DerivationLimits {
  // How many derivations there may be, and how many of one definer; of a client
  // that has no bounds of its own, only the first.
  size_t max_definitions = 100'000;
  size_t max_definitions_per_definer = 10'000;
  // Of each call of a Lua function.
  LuaBudget call;
  // Lua instructions of all derivations of one commit together, shared equally
  // among those who defined them.
  int64_t commit_instructions = 20'000'000;
  // A commit that computes again what was put off begins no call after so many.
  int64_t slice_instructions = 100'000;
  // A call that takes more than so many instructions is made by another thread,
  // if its commit may be set aside: about as long as handing it over takes.
  int64_t trial_instructions = 20'000;
  // How long a commit waits for such calls. What is not made by then is put off.
  absl::Duration longest_wait = absl::Seconds(1);
  // For how long one definer's derivations may make commits of others wait.
  DefinerAllowances::Bounds allowance;
  // Of a commit of another, those who have made others wait for too long share so
  // many instructions.
  int64_t debt_instructions = 20'000;
  // What one definer's derivations may use on the sequencer's thread of a commit
  // of another before it counts as waiting.
  int64_t free_instructions = 100'000;
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
