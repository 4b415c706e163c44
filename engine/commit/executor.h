#ifndef RESTATE_ENGINE_COMMIT_EXECUTOR_H_
#define RESTATE_ENGINE_COMMIT_EXECUTOR_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/commit/commit_request.h"
#include "engine/commit/effect.h"
#include "engine/commit/effect_limiter.h"
#include "engine/commit/last_changes.h"
#include "engine/commit/lua_equalities.h"
#include "engine/commit/overlay.h"
#include "engine/derivation/derived_values.h"

namespace restate {

// What a commit came to.
struct Execution {
  std::vector<OperationResult> results;
  // Empty if nothing changed and nobody was pinged.
  std::vector<Effect> effects;
  // What the effects of the commit keep; for those that are still to come.
  EffectLimiter limiter;
  // The number of the operation after the last.
  int32_t next_index = 0;
};

// What the execution of a commit looks at.
struct ExecutionContext {
  // The state the operations are applied to, in place.
  Overlay* overlay;
  // Laid over it: what is derived before the commit.
  const DerivedValues* derived;
  const LastChanges* last_changes;
  // Whether the mount of a path can hold a write: OK or FAILED_PRECONDITION /
  // NOT_STORABLE.
  absl::FunctionRef<absl::Status(const Write&)> can_store;
  // The number the commit has if it changes something.
  Revision revision;
  // The bound of the leaf that an APPEND makes.
  size_t max_leaf_bytes;
  // Required if an operation has an equality in Lua.
  LuaEqualities* equalities = nullptr;
};

// Of an expiry it leaves the last operations out, without results, once those
// before have deleted much.
//
// Judges the preconditions and applies the operations, each against what its
// predecessors left. Derived paths are read only, and what is derived strictly
// below a path is no part of what an operation sees or writes. After an error the overlay must be put back by the caller.
// Errors name the precondition or, in commits of several, the operation.
//   ABORTED / PRECONDITION_FAILED, HISTORY_TOO_OLD
//   FAILED_PRECONDITION / KIND_MISMATCH, NOT_STORABLE, DERIVED_PATH
//   OUT_OF_RANGE / INTEGER_OVERFLOW, REVISION_IN_FUTURE
//   RESOURCE_EXHAUSTED / LEAF_TOO_LARGE: what APPEND made
absl::StatusOr<Execution> Execute(const CommitRequest& request,
                                  const ExecutionContext& context);

// Marks in `last_changes` what the effects changed. Commits of more than 10,000
// changed leaves mark the subtrees they wrote.
void RecordChanges(const std::vector<Effect>& effects, Revision revision,
                   LastChanges* last_changes);

}  // namespace restate

#endif  // RESTATE_ENGINE_COMMIT_EXECUTOR_H_
