#ifndef RESTATE_ENGINE_DERIVATION_EVALUATION_H_
#define RESTATE_ENGINE_DERIVATION_EVALUATION_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "engine/backend/backend.h"
#include "engine/backend/commit_store.h"
#include "engine/commit/effect.h"
#include "engine/commit/effect_limiter.h"
#include "engine/derivation/aggregate_table.h"
#include "engine/derivation/change_marks.h"
#include "engine/derivation/commit_budget.h"
#include "engine/derivation/definer_allowances.h"
#include "engine/derivation/derivation_counters.h"
#include "engine/derivation/derivation_limits.h"
#include "engine/derivation/derivation_state.h"
#include "engine/derivation/layered_read.h"
#include "engine/derivation/long_calls.h"
#include "engine/derivation/lua_calls.h"
#include "engine/derivation/lua_functions.h"
#include "engine/lua/lua_runtime.h"
#include "engine/tree/tree.h"

namespace restate {

// Brings the derivations up to what one commit has left: each that has a source
// which changed is computed once, after those that it depends on, or put off if
// its definer has used his share. What comes of it is in the state and the effects
// that were given.
//
// After an error the state, the effects and the clients' part must be put back
// by the caller. Used for one commit.
class Evaluation {
 public:
  struct Context {
    // Changed in place.
    DerivationState* state = nullptr;
    // Whose commit it is; empty: nobody's. Others than he wait for nobody whom
    // `allowances` has in debt at `now`; what they wait for others is charged.
    std::string writer;
    DefinerAllowances* allowances = nullptr;
    absl::Duration now;
    // Since when the commit waits, set aside; nothing if it is not.
    std::optional<absl::Duration> aside_since;
    // What clients wrote, with the commit's own operations.
    ClientReader* client = nullptr;
    LuaFunctions* functions = nullptr;
    AggregateTable* aggregates = nullptr;
    const DerivationLimits* limits = nullptr;
    DerivationCounters* counters = nullptr;
    // Where the commit may wait for calls that take long to be made by another
    // thread; null if it may not.
    std::shared_ptr<LongCalls>* long_calls = nullptr;
    // The number the commit has if it changes something.
    Revision revision = 0;
    // Whether a client waits whose commit can be refused: then
    // OnError::kFailWrite counts.
    bool refusable = false;
    EffectLimiter* limiter = nullptr;
    // The effects of the operations; those of derived writes are appended.
    std::vector<Effect>* effects = nullptr;
    // The number of the next operation; counts derived writes.
    int32_t* next_index = nullptr;
    // Learns what is to be recorded of how derivations are doing.
    std::vector<RecordChange>* records = nullptr;
  };

  // The context's parts must outlive the evaluation.
  explicit Evaluation(const Context& context);
  // Counts what was computed, unless the commit is computed again: see left.
  ~Evaluation();
  Evaluation(const Evaluation&) = delete;
  Evaluation& operator=(const Evaluation&) = delete;

  // `effect` is the clients': its readers are to be computed.
  void NoteEffect(const Effect& effect);
  // `dest` is to be computed from the beginning.
  void MarkWhole(const Path& dest);
  void Unmark(const Path& dest);
  // `dests` of `definer` await being computed in a commit of their own: as many
  // are as are within a slice, and the others are left as they are.
  void MarkSlice(const std::string& definer, const std::vector<Path>& dests);
  // Removes what `dest` holds, and marks those who read it.
  absl::Status Clear(const Path& dest);
  // After definitions have changed: the graph anew, and those marked that it
  // changes something for. FAILED_PRECONDITION / CYCLE.
  absl::Status RebuildGraph();
  // A hosted transform gave a result.
  absl::Status Complete(const CompleteTransform& result);

  // Computes everything that is marked, or puts it off. FAILED_PRECONDITION /
  // DERIVATION_FAILED if the commit is refused; UNAVAILABLE, DATA_LOSS from
  // reading what clients wrote; ABORTED if a call was left to another thread.
  absl::Status Run();
  // Whether one was: then the commit is to be computed again.
  bool left() const { return calls_.left(); }

 private:
  // What computing a destination gave.
  struct Outcome {
    // Nothing for nil. Otherwise what it failed with.
    absl::StatusOr<Tree> value = Tree();
    // Hosted, and to be computed by a client: the value stays.
    bool pending = false;
  };

  void Mark(const Path& dest);
  // Because something has changed: it cannot stay as it is.
  void MarkChanged(const Path& dest);
  // Before the first call: what each definer may spend.
  void ShareBudget();
  // Whether this commit waits for nobody of the definer's.
  bool IsInDebt(const std::string& definer) const;
  // What the attempt has cost others.
  void ChargeAttempt();
  // The calls of one were left: finds what else is to be called, so that all of
  // that is left at once. What comes of it is undone with the commit.
  void LookAhead(const Path& left);
  // Computes one that is marked.
  absl::Status RunOne(const Path& dest);
  // Computes those that are marked among the ones `dest` depends on, and itself,
  // but for those that are being computed.
  absl::Status Settle(const std::vector<Path>& dests);
  // What is marked and first in order among them; null if nothing is.
  const Path* FirstMarked(const std::vector<Path>& dests) const;

  absl::StatusOr<Outcome> Compute(const Derivation& derivation,
                                  DerivationProgress* progress);
  absl::StatusOr<Outcome> ComputeLua(const Derivation& derivation);
  absl::StatusOr<Outcome> ComputeTracked(const Derivation& derivation,
                                         DerivationProgress* progress);
  absl::StatusOr<Outcome> ComputeAggregate(const Derivation& derivation,
                                           DerivationProgress* progress);
  absl::StatusOr<Outcome> ComputeHosted(const Derivation& derivation,
                                        DerivationProgress* progress);
  // The children of the aggregate's source that have changed.
  TouchedChildren TakeTouched(const Path& dest);
  // It is put off before it was begun: it is to look at them later.
  void NoteUnseen(const Derivation& derivation, DerivationProgress* progress);
  // What get(path) gives. Sets `*wait_for` if others must be computed first.
  absl::StatusOr<Tree> ReadTracked(const Derivation& derivation,
                                   const Path& path,
                                   std::vector<Path>* wait_for,
                                   std::vector<Path>* cyclic_reads);
  // A source, which the definer pays for. IsPutOff if he may not read as much.
  absl::StatusOr<Tree> Read(const Definition& definition, const Path& path);
  // The circle that reading what is at one of `seen` closes, by what is known
  // to depend on what; empty if there is none.
  std::vector<Path> CircleThrough(const std::vector<Path>& seen) const;

  // Judges what was computed, and makes it the destination's value.
  absl::Status Finish(const Derivation& derivation, Outcome outcome,
                      DerivationProgress progress);
  // It is not computed now; `why` is PutOff.
  absl::Status FinishPutOff(const Derivation& derivation,
                            const absl::Status& why,
                            DerivationProgress progress);
  // It has no result: writes what `on_error` says.
  absl::Status WriteWithoutResult(const Definition& definition,
                                  bool computed_present);
  // OK, or why the destination cannot hold the value; makes it canonical.
  absl::Status CheckResult(const Path& dest, Tree* value) const;
  // Makes `value` what `dest` holds, if it is another.
  absl::Status Write(const Definition& definition, Tree value);
  void Keep(const Path& dest, DerivationProgress progress);
  // The graph anew, if what a tracked derivation depends on is different.
  absl::Status UpdateGraph(const Path& dest);
  void MarkUnlessRunning(const Path& dest);

  const Context context_;
  CommitBudget budget_;
  // Those of a slice that nothing else has marked.
  absl::flat_hash_set<std::string> slice_;
  // By place in the order.
  std::set<std::pair<size_t, Path>> marked_;
  absl::flat_hash_map<std::string, TouchedChildren> touched_;
  // Those that are being computed, outermost first.
  std::vector<Path> running_;
  absl::flat_hash_map<std::string, int> runs_;
  absl::InlinedVector<DerivationCounters::Computed, 4> computed_;
  // How many were put off.
  uint64_t put_off_ = 0;
  LuaCalls calls_;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_DERIVATION_EVALUATION_H_
