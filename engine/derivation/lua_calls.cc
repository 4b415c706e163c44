#include "engine/derivation/lua_calls.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace restate {
namespace {

// How long a trial takes at most, for instructions that take long: a hundred
// times what ordinary ones do.
constexpr absl::Duration kTrialTime = absl::Milliseconds(10);

// What looking for a source takes, and reading it: about as long as so many
// instructions.
constexpr int64_t kLookInstructions = 200;
constexpr size_t kBytesAnInstruction = 2;

std::string MessageOf(const absl::Status& status) {
  return std::string(status.message().data(), status.message().size());
}

absl::Status WaitIsOver() {
  return absl::CancelledError(
      "the write that changed a source has waited long enough: it is computed "
      "when there is room, and when a source changes");
}

}  // namespace

bool IsPutOff(const absl::Status& status) {
  return absl::IsCancelled(status) || IsTimeout(status);
}

bool IsTimeout(const absl::Status& status) {
  return absl::IsDeadlineExceeded(status);
}

LuaCalls::~LuaCalls() {
  if (left_) return;
  for (const LuaOutcome& outcome : made_) runtime_->Count(outcome);
}

absl::Status LuaCalls::ShareIsUsed(const std::string& definer) const {
  if (budget_->IsRestricted(definer)) {
    return absl::CancelledError(
        "what its definer derives has made others' writes wait for too long: it "
        "is computed when there is room, and when a source changes");
  }
  return absl::CancelledError(
      "what its definer may spend in one commit was used: it is computed when "
      "there is room, and when a source changes");
}

absl::Status LuaCalls::Begin(const std::string& definer) {
  return budget_->Begin(definer) ? absl::OkStatus() : ShareIsUsed(definer);
}

absl::Status LuaCalls::MayRead(const std::string& definer) const {
  if (budget_->MayRead(definer)) return absl::OkStatus();
  if (!budget_->HasSlice(definer)) return ShareIsUsed(definer);
  return absl::DeadlineExceededError(
      "what it reads takes more than a commit may spend: read less");
}

void LuaCalls::ChargeSources(const std::string& definer, size_t sources) {
  const int64_t cost = kLookInstructions * static_cast<int64_t>(sources);
  budget_->Charge(definer, cost);
  budget_->CountHere(definer, cost);
}

void LuaCalls::ChargeRead(const std::string& definer, const Tree& tree) {
  if (!tree.has_value()) return;
  const auto cost =
      static_cast<int64_t>(tree->ByteSize() / kBytesAnInstruction);
  budget_->Charge(definer, cost);
  budget_->CountHere(definer, cost);
}

size_t LuaCalls::MayReadBytes(const std::string& definer, size_t most) const {
  if (!budget_->IsRestricted(definer)) return most;
  const int64_t left =
      budget_->Allowed(definer, std::numeric_limits<int64_t>::max());
  return std::min(most, static_cast<size_t>(left) * kBytesAnInstruction);
}

absl::Status LuaCalls::TooMuchToRead(const std::string& definer) {
  budget_->Exhaust(definer);
  return ShareIsUsed(definer);
}

absl::StatusOr<LuaOutcome> LuaCalls::Call(const std::string& definer,
                                          LuaFunction& function,
                                          absl::Span<const Tree> arguments,
                                          const LuaReader* reader) {
  LuaBudget budget = call_;
  budget.instructions = budget_->Allowed(definer, call_.instructions);
  if (budget.instructions == 0) return ShareIsUsed(definer);
  absl::StatusOr<LuaOutcome> outcome =
      Make(definer, function, arguments, budget, reader);
  if (IsPutOff(outcome.status())) budget_->Exhaust(definer);
  // One that was left may use all of it.
  if (!outcome.ok()) {
    budget_->Charge(definer, budget.instructions);
    return outcome.status();
  }
  budget_->Charge(definer, outcome->instructions);
  if (outcome->out_of_time) {
    budget_->Exhaust(definer);
    return absl::DeadlineExceededError(absl::StrCat(
        MessageOf(outcome->result.status()), ", or is tried again"));
  }
  if (outcome->out_of_instructions &&
      budget.instructions < call_.instructions) {
    // It may be within its own budget.
    budget_->Exhaust(definer);
    return ShareIsUsed(definer);
  }
  return outcome;
}

absl::StatusOr<LuaOutcome> LuaCalls::Make(const std::string& definer,
                                          LuaFunction& function,
                                          absl::Span<const Tree> arguments,
                                          const LuaBudget& budget,
                                          const LuaReader* reader) {
  const bool restricted = budget_->IsRestricted(definer);
  bool may_leave = long_calls_ != nullptr && !restricted &&
                   budget.instructions > trial_instructions_;
  if (may_leave && *long_calls_ != nullptr) {
    LongCall* const known = (*long_calls_)->Find(function, arguments, budget,
                                                 reader != nullptr);
    may_leave = !(*long_calls_)->exhausted();
    const bool is_made = known != nullptr && known->outcome.has_value();
    if (!is_made && (*long_calls_)->wait_is_over() && known != nullptr) {
      return WaitIsOver();
    }
    const bool is_sure = is_made && known->reads.empty();
    if (is_sure || (known != nullptr && may_leave)) {
      return Recall(known, reader);
    }
  }
  if (!may_leave) {
    LuaBudget here = budget;
    if (restricted) here.cpu_time = std::min(here.cpu_time, kTrialTime);
    LuaOutcome outcome =
        reader == nullptr ? runtime_->Call(function, arguments, here)
                          : runtime_->Call(function, arguments, here, *reader);
    budget_->CountHere(definer, outcome.instructions);
    return outcome;
  }
  if (left_of_.contains(definer)) {
    return Note(LongCall{.parameters = function.parameters(),
                         .source = function.source(),
                         .arguments = {arguments.begin(), arguments.end()},
                         .budget = budget,
                         .tracked = reader != nullptr,
                         .definer = definer});
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
  trial.cpu_time = std::min(trial.cpu_time, kTrialTime);
  std::optional<LuaOutcome> outcome = runtime_->Try(
      function, arguments, trial, reader == nullptr ? nullptr : &noting);
  budget_->CountHere(definer, outcome.has_value() ? outcome->instructions
                                                  : trial_instructions_);
  if (outcome.has_value() && !outcome->out_of_time) {
    made_.push_back(*outcome);
    return *std::move(outcome);
  }
  return Note(LongCall{.parameters = function.parameters(),
                       .source = function.source(),
                       .arguments = {arguments.begin(), arguments.end()},
                       .budget = budget,
                       .tracked = reader != nullptr,
                       .reads = std::move(reads),
                       .definer = definer});
}

absl::Status LuaCalls::Note(LongCall call) {
  if (*long_calls_ == nullptr) *long_calls_ = std::make_shared<LongCalls>();
  if ((*long_calls_)->wait_is_over()) return WaitIsOver();
  left_of_.insert(call.definer);
  (*long_calls_)->Note(std::move(call));
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
  ++calls_left_;
  return absl::AbortedError("another thread makes a call of this commit");
}

}  // namespace restate
