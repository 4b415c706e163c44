#include "engine/derivation/long_calls.h"

#include <algorithm>
#include <memory>

namespace restate {
namespace {

bool SameArguments(absl::Span<const Tree> a, absl::Span<const Tree> b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), tree::Identical);
}

}  // namespace

void MakeLongCall(LuaRuntime& runtime, LongCall* call) {
  absl::StatusOr<std::unique_ptr<LuaFunction>> function =
      runtime.Compile(call->parameters, call->source);
  if (!function.ok()) {
    call->outcome = LuaOutcome{.result = function.status()};
    return;
  }
  const auto read = [call](const Path& path) -> absl::StatusOr<Tree> {
    for (const auto& [known, value] : call->reads) {
      if (known == path) return value;
    }
    call->wanted = path;
    return absl::AbortedError("it is read first");
  };
  LuaOutcome outcome =
      call->tracked
          ? runtime.Call(**function, call->arguments, call->budget, read)
          : runtime.Call(**function, call->arguments, call->budget);
  if (!call->wanted.has_value()) call->outcome = std::move(outcome);
}

LongCall* LongCalls::Find(const LuaFunction& function,
                          absl::Span<const Tree> arguments,
                          const LuaBudget& budget, bool tracked) {
  for (LongCall& call : calls_) {
    if (call.tracked == tracked && call.source == function.source() &&
        call.parameters == function.parameters() &&
        call.budget.instructions == budget.instructions &&
        SameArguments(call.arguments, arguments)) {
      return &call;
    }
  }
  return nullptr;
}

void LongCalls::Note(LongCall call) {
  definers_.insert(call.definer);
  calls_.push_back(std::move(call));
  given_up_ = true;
}

void LongCalls::Drop(const LongCall* call) {
  calls_.erase(std::find_if(
      calls_.begin(), calls_.end(),
      [call](const LongCall& one) { return &one == call; }));
  given_up_ = true;
}

void LongCalls::NoteAgain(LongCall* call) {
  call->wanted.reset();
  given_up_ = true;
}

bool LongCalls::HasCallsOf(const std::string& definer) const {
  return std::any_of(
      calls_.begin(), calls_.end(),
      [&definer](const LongCall& call) { return call.definer == definer; });
}

LongCall* LongCalls::next() {
  for (LongCall& call : calls_) {
    if (!call.outcome.has_value() && !call.wanted.has_value()) return &call;
  }
  return nullptr;
}

}  // namespace restate
