#include "engine/derivation/lua_calls.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/error/error.h"

namespace restate {

LuaCalls::~LuaCalls() {
  if (left_) return;
  for (const LuaOutcome& outcome : made_) runtime_->Count(outcome);
}

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
  absl::StatusOr<LuaOutcome> outcome =
      Make(function, arguments, budget, reader);
  if (!outcome.ok()) return outcome.status();
  used_ += outcome->instructions;
  if (outcome->result.ok()) return outcome;
  if (bounded && ErrorReason(outcome->result.status()) ==
                     ReasonName(Reason::kLuaBudget)) {
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

absl::StatusOr<LuaOutcome> LuaCalls::Make(LuaFunction& function,
                                          absl::Span<const Tree> arguments,
                                          const LuaBudget& budget,
                                          const LuaReader* reader) {
  bool may_leave =
      long_calls_ != nullptr && budget.instructions > trial_instructions_;
  if (may_leave && *long_calls_ != nullptr) {
    LongCall* const known = (*long_calls_)->Find(function, arguments, budget,
                                                 reader != nullptr);
    may_leave = !(*long_calls_)->exhausted();
    const bool is_sure =
        known != nullptr && known->outcome.has_value() && known->reads.empty();
    if (is_sure || (known != nullptr && may_leave)) {
      return Recall(known, reader);
    }
  }
  if (!may_leave) {
    return reader == nullptr
               ? runtime_->Call(function, arguments, budget)
               : runtime_->Call(function, arguments, budget, *reader);
  }
  std::vector<std::pair<Path, Tree>> reads;
  const auto read = [&](const Path& path) {
    absl::StatusOr<Tree> value = (*reader)(path);
    if (value.ok()) reads.emplace_back(path, *value);
    return value;
  };
  const LuaReader noting = read;
  LuaBudget trial = budget;
  trial.instructions = trial_instructions_;
  std::optional<LuaOutcome> outcome = runtime_->Try(
      function, arguments, trial, reader == nullptr ? nullptr : &noting);
  if (outcome.has_value()) {
    made_.push_back(*outcome);
    return *std::move(outcome);
  }
  if (*long_calls_ == nullptr) *long_calls_ = std::make_shared<LongCalls>();
  (*long_calls_)
      ->Note(LongCall{.parameters = function.parameters(),
                      .source = function.source(),
                      .arguments = {arguments.begin(), arguments.end()},
                      .budget = budget,
                      .tracked = reader != nullptr,
                      .reads = std::move(reads)});
  return Leave();
}

absl::StatusOr<LuaOutcome> LuaCalls::Recall(LongCall* call,
                                            const LuaReader* reader) {
  // The function would read the same, as long as it is given the same.
  for (const auto& [path, value] : call->reads) {
    absl::StatusOr<Tree> now = (*reader)(path);
    if (!now.ok()) return LuaOutcome{.result = now.status()};
    if (!tree::Identical(*now, value)) {
      (*long_calls_)->Drop(call);
      return Leave();
    }
  }
  if (call->wanted.has_value()) {
    absl::StatusOr<Tree> value = (*reader)(*call->wanted);
    if (!value.ok()) return LuaOutcome{.result = value.status()};
    call->reads.emplace_back(*call->wanted, *std::move(value));
  }
  if (!call->outcome.has_value()) {
    (*long_calls_)->NoteAgain(call);
    return Leave();
  }
  made_.push_back(*call->outcome);
  return *call->outcome;
}

absl::Status LuaCalls::Leave() {
  left_ = true;
  return absl::AbortedError("another thread makes a call of this commit");
}

}  // namespace restate
