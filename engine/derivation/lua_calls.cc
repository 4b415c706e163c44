#include "engine/derivation/lua_calls.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/error/error.h"

namespace restate {

absl::StatusOr<LuaOutcome> LuaCalls::Call(const Path& dest,
                                          LuaFunction& function,
                                          absl::Span<const Tree> arguments,
                                          const LuaReader* reader) {
  LuaBudget budget = call_;
  const bool bounded = commit_instructions_.has_value() &&
                       *commit_instructions_ - used_ < budget.instructions;
  if (bounded) {
    budget.instructions = std::max<int64_t>(*commit_instructions_ - used_, 0);
  }
  called_.insert(dest);
  LuaOutcome outcome =
      reader == nullptr
          ? runtime_->Call(function, arguments, budget)
          : runtime_->Call(function, arguments, budget, *reader);
  used_ += outcome.instructions;
  if (outcome.result.ok()) return outcome;
  const std::string reason = ErrorReason(outcome.result.status());
  const bool out_of_instructions = reason == ReasonName(Reason::kLuaBudget);
  if (out_of_instructions || reason == ReasonName(Reason::kLuaMemory)) {
    used_up_.push_back(dest);
  }
  if (bounded && out_of_instructions) {
    const std::string names =
        absl::StrJoin(called_, ", ", [](std::string* out, const Path& path) {
          out->append(path.ToText());
        });
    return MakeError(
        Reason::kDerivationBudget,
        absl::StrCat("the derivations that this commit runs take more than ",
                     *commit_instructions_, " instructions together (", names,
                     "): change less at once, or simplify them"),
        {{"derivations", names}});
  }
  return outcome;
}

}  // namespace restate
