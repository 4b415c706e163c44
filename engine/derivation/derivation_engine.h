#ifndef RESTATE_ENGINE_DERIVATION_DERIVATION_ENGINE_H_
#define RESTATE_ENGINE_DERIVATION_DERIVATION_ENGINE_H_

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/backend/backend.h"
#include "engine/clock/clock.h"
#include "engine/commit/commit_request.h"
#include "engine/commit/executor.h"
#include "engine/derivation/aggregate_table.h"
#include "engine/derivation/definer_allowances.h"
#include "engine/derivation/derivation_counters.h"
#include "engine/derivation/derivation_state.h"
#include "engine/derivation/evaluation.h"
#include "engine/derivation/local_reader.h"
#include "engine/derivation/lua_functions.h"

namespace restate {

// Keeps derived paths right: what each commit does to the definitions, and what
// follows from it for their values, in the same commit.
//
// It holds what can be found out again: compiled functions, and what aggregates
// have been kept up to. What is derived, and from what, is in the state that is
// passed to it, so that undoing a commit, or a batch, is putting an older copy
// back.
//
// Not thread-safe: the sequencer's own.
class DerivationEngine {
 public:
  // `clock` outlives it.
  DerivationEngine(const DerivationLimits& limits, const Clock* clock)
      : limits_(limits), clock_(clock), allowances_(limits.allowance) {}

  struct Loaded {
    DerivationState state;
    // Of which it is not known that they hold what they should: to be computed
    // in the next commit.
    std::vector<Path> unknown;
  };
  // What a store had kept: the records among `records`, and the values, each below
  // its number. What was recorded with them is taken, and nothing is decided
  // again, if they are of `epoch`. DATA_LOSS / CORRUPT.
  absl::StatusOr<Loaded> Load(
      const std::map<std::string, std::string>& records, const Tree& values,
      const std::string& epoch);
  // Those of `state` that are to be computed in the next commit of their own: some
  // of one definer's, behind `last` in the order of definers, which it becomes.
  static std::optional<ComputeAgain> NextSlice(const DerivationState& state,
                                               std::string* last);

  // The part of a commit that comes after its operations, of which `execution`
  // tells: changes definitions as `request` says, and computes each destination
  // whose sources changed. Effects are appended to the execution, records of
  // definitions to the request. After an error the state and the overlay must be
  // put back by the caller.
  //   INVALID_ARGUMENT / INVALID_REQUEST, INVALID_PATH, LUA_SYNTAX
  //   NOT_FOUND / DERIVATION_NOT_FOUND
  //   FAILED_PRECONDITION / CYCLE, DEST_NOT_EMPTY, NOT_STORABLE,
  //     REMOTE_SOURCE, DERIVATION_FAILED
  //   ABORTED: a call that takes long is in the request's `long_calls`, and the
  //     commit to be executed again when it is made.
  // Sources are read by `sources`: what of the clients' tree is kept here.
  absl::Status Apply(CommitRequest* request, const ExecutionContext& context,
                     LocalReader& sources, DerivationState* state,
                     Execution* execution);

  // How long the commit, which was set aside, may wait for the calls of others
  // than its client, in all: LongCalls::waited.
  absl::Duration LongestWait(const CommitRequest& request) const;
  // It waits no more: whoever it has waited for is charged.
  void ChargeWait(const CommitRequest& request);

  // The state is published: what it does not define is not needed any more, and
  // what led to it is not undone.
  void Published(const DerivationState& state);

  // What to write to the store of the values, which keeps each below its number,
  // so that it holds `after` instead of `before`.
  static std::vector<Write> WritesBetween(const DerivationState& before,
                                          const DerivationState& after,
                                          Revision revision);

  // What was computed so far; thread-safe.
  const DerivationCounters& counters() const { return counters_; }
  const LuaCounters& lua_counters() const {
    return functions_.runtime().counters();
  }

  // Whether `records` define what `state` does.
  static bool Defines(const std::map<std::string, std::string>& records,
                      const DerivationState& state);

 private:
  absl::Status Change(const DefineDerivation& change, CommitRequest* request,
                      const ExecutionContext& context, Execution* execution,
                      DerivationState* state, Evaluation* evaluation);
  absl::Status Change(const RemoveDerivation& change, CommitRequest* request,
                      const ExecutionContext& context, Execution* execution,
                      DerivationState* state, Evaluation* evaluation);
  absl::Status Change(const CompleteTransform& change, CommitRequest* request,
                      const ExecutionContext& context, Execution* execution,
                      DerivationState* state, Evaluation* evaluation);
  absl::Status Change(const ComputeAgain& change, CommitRequest* request,
                      const ExecutionContext& context, Execution* execution,
                      DerivationState* state, Evaluation* evaluation);
  // OK, or why a server transform cannot read its sources.
  static absl::Status CheckSources(const Definition& definition,
                                   const LocalReader& sources);
  // Whether there may be one more; `bounded`: its definer has bounds of his own.
  // RESOURCE_EXHAUSTED / TOO_MANY_DERIVATIONS.
  absl::Status CheckRoom(const Definition& definition, bool bounded,
                         const DerivationState& state) const;
  // Makes room at a path that is not derived yet.
  absl::Status ClearDestination(const DefineDerivation& change,
                                const ExecutionContext& context,
                                Execution* execution);

  const DerivationLimits limits_;
  const Clock* const clock_;
  DefinerAllowances allowances_;
  DerivationCounters counters_;
  LuaFunctions functions_;
  // There may be functions of definitions that are gone.
  bool definitions_changed_ = false;
  AggregateTable aggregates_;
  // Never goes back, also when a definition is refused: compiled functions are
  // found by it.
  uint64_t next_version_ = 1;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_DERIVATION_DERIVATION_ENGINE_H_
