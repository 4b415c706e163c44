#ifndef RESTATE_ENGINE_DERIVATION_LUA_FUNCTIONS_H_
#define RESTATE_ENGINE_DERIVATION_LUA_FUNCTIONS_H_

#include <cstdint>
#include <memory>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "engine/derivation/definition.h"
#include "engine/derivation/derivation_state.h"
#include "engine/lua/lua_runtime.h"

namespace restate {

// The compiled functions of derivations, each compiled once for as long as it
// is defined.
//
// Not thread-safe: the sequencer's own.
class LuaFunctions {
 public:
  // Those of one definition; null where it has none.
  struct Compiled {
    std::unique_ptr<LuaFunction> transform;
    std::unique_ptr<LuaFunction> each;
    std::unique_ptr<LuaFunction> group_by;
  };

  // INVALID_ARGUMENT / LUA_SYNTAX. Valid until KeepOnly.
  absl::StatusOr<const Compiled*> Get(uint64_t version,
                                      const Definition& definition);
  // Forgets what is not defined any more.
  void KeepOnly(const DerivationState& state);

  LuaRuntime& runtime() { return runtime_; }
  const LuaRuntime& runtime() const { return runtime_; }

 private:
  // Outlives the functions.
  LuaRuntime runtime_;
  // By the version of the definition.
  absl::flat_hash_map<uint64_t, std::unique_ptr<Compiled>> compiled_;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_DERIVATION_LUA_FUNCTIONS_H_
