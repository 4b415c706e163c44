#ifndef RESTATE_ENGINE_DERIVATION_AGGREGATE_UPDATE_H_
#define RESTATE_ENGINE_DERIVATION_AGGREGATE_UPDATE_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/derivation/aggregate_state.h"
#include "engine/derivation/aggregate_table.h"
#include "engine/derivation/change_marks.h"
#include "engine/derivation/definition.h"
#include "engine/derivation/derivation_state.h"
#include "engine/derivation/layered_read.h"
#include "engine/derivation/lua_calls.h"
#include "engine/derivation/lua_functions.h"
#include "engine/tree/tree.h"

namespace restate {

// Brings one aggregate up to the children of its source that a commit touched.
// Used for one computation; its parts must outlive it.
//
// One child that fails is enough for the aggregate to fail, and a function that
// never ends takes its whole budget for each. So after a few such children the
// others are left alone: DerivationProgress::runaways.
//
// When the definer's share of the commit is used, what has not been looked at is
// put off: DerivationProgress::unseen, and looked at by the next update. Nothing
// that has changed is forgotten.
class AggregateUpdate {
 public:
  // REQUIRES: the derivation is an aggregate, and `functions` are its.
  AggregateUpdate(const Derivation& derivation,
                  const LuaFunctions::Compiled& functions,
                  ClientReader& client, const DerivedValues& derived,
                  LuaCalls* calls, AggregateTable* table)
      : derivation_(derivation),
        definition_(*derivation.definition),
        functions_(functions),
        client_(client),
        derived_(derived),
        calls_(calls),
        table_(table) {}

  // Computes the parts of what was touched and of what was put off, or of all
  // children if the progress has no aggregate, and puts them into the progress;
  // after an error it has none. Sets `*result` to what comes of it, or to what the
  // derivation fails with. The status is IsPutOff if there is more to look at, or
  // one that the commit is given up with.
  absl::Status Run(TouchedChildren touched, DerivationProgress* progress,
                   absl::StatusOr<Tree>* result);

 private:
  // Looks at those of the runaways that were touched again, and drops those that
  // are none any more.
  absl::Status LookAgain(const TouchedChildren& touched,
                         DerivationProgress* progress,
                         absl::StatusOr<Tree>* result);
  // What it fails with as long as there are runaways.
  static absl::Status FailureOf(const DerivationProgress& progress);
  // It has no aggregate, and is computed from the beginning the next time.
  void Forget(DerivationProgress* progress);
  bool GivesUp() const;

  // OK, or what the derivation fails with in `*result`. If it gives up, not all
  // is set; if it is put off, `unseen_` is the rest.
  absl::Status SetAll(AggregateState* state, absl::StatusOr<Tree>* result);
  absl::Status SetTouched(const UnseenChildren& unseen, AggregateState* state,
                          absl::StatusOr<Tree>* result);
  // One child by its name.
  absl::Status SetNamed(const std::string& name, AggregateState* state,
                        absl::StatusOr<Tree>* result);
  // Whether each child costs a call.
  bool HasFunctions() const {
    return functions_.group_by != nullptr || functions_.each != nullptr;
  }
  absl::Status SetChild(const std::string& name, const Tree& child,
                        AggregateState* state);
  // The child of that name, as the aggregate is given it. IsPutOff if the definer
  // may not read as much.
  absl::StatusOr<Tree> ReadChild(const std::string& name);
  // What a child adds whose function failed.
  Contribution Failed(const std::string& name, const absl::Status& status);
  // What one child of the source adds.
  absl::StatusOr<std::optional<Contribution>> ContributionOf(
      const std::string& name, const Tree& child);

  const Derivation& derivation_;
  const Definition& definition_;
  const LuaFunctions::Compiled& functions_;
  ClientReader& client_;
  const DerivedValues& derived_;
  LuaCalls* const calls_;
  AggregateTable* const table_;
  // As DerivationProgress, of this computation.
  std::vector<std::pair<std::string, std::string>> runaways_;
  // Whether not even the names of what is left are known.
  bool is_unread_ = false;
  // What is left for another time.
  UnseenChildren unseen_;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_DERIVATION_AGGREGATE_UPDATE_H_
