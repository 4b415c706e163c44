#include "engine/derivation/evaluation.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <variant>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "engine/derivation/derivation_graph.h"
#include "engine/error/error.h"

// In which order what is marked is computed.

namespace restate {
namespace {

// How many are computed beside one whose call was left, since they are computed
// again.
constexpr int kMostAhead = 32;

// What the sequencer's thread takes for one, about. Not measured, so that it does
// not depend on what else the processors do.
constexpr absl::Duration kTimeAnInstruction = absl::Nanoseconds(5);

// Whether it is put off already, and nothing changes if it is again: quick, as one
// definer may have very many. An aggregate notes what has changed, and a value that
// is kept may not be kept any more.
bool StaysPutOff(const Derivation& derivation, const DerivedValues& values,
                 CommitBudget* budget) {
  const Definition& definition = *derivation.definition;
  const DerivationProgress& progress = *derivation.progress;
  return progress.status == DerivationStatus::kOverBudget &&
         progress.timeouts == 0 && !definition.hosted() &&
         !std::holds_alternative<AggregateTransform>(definition.transform) &&
         !budget->HasSlice(definition.definer) &&
         !values.Find(definition.dest)->value.has_value() &&
         !budget->Begin(definition.definer);
}

}  // namespace

Evaluation::Evaluation(const Context& context)
    : context_(context),
      calls_(&context.functions->runtime(), context.limits->call, &budget_,
             context.limits->trial_instructions, context.long_calls) {}

Evaluation::~Evaluation() {
  ChargeAttempt();
  if (left()) return;
  for (const DerivationCounters::Computed& one : computed_) {
    context_.counters->Count(one);
  }
  context_.counters->put_off.AddAlone(put_off_);
  context_.counters->CountSpent(budget_.spent());
}

void Evaluation::Mark(const Path& dest) {
  marked_.emplace(context_.state->graph->PositionOf(dest), dest);
}

void Evaluation::MarkChanged(const Path& dest) {
  slice_.erase(dest.key());
  Mark(dest);
}

void Evaluation::MarkUnlessRunning(const Path& dest) {
  if (std::find(running_.begin(), running_.end(), dest) == running_.end()) {
    MarkChanged(dest);
  }
}

void Evaluation::NoteEffect(const Effect& effect) {
  MarkReaders(*context_.state, effect, 0, &touched_,
              [this](const Path& dest) { MarkChanged(dest); });
}

void Evaluation::MarkWhole(const Path& dest) {
  touched_[dest.key()].all = true;
  MarkChanged(dest);
}

void Evaluation::MarkSlice(const std::string& definer,
                           const std::vector<Path>& dests) {
  budget_.GiveSlice(definer, context_.limits->slice_instructions);
  for (const Path& dest : dests) {
    const Derivation* const derivation = context_.state->Find(dest);
    // Somebody may have removed it, or taken it over.
    if (derivation == nullptr ||
        derivation->definition->definer != definer ||
        !derivation->progress->awaiting()) {
      continue;
    }
    Mark(dest);
    slice_.insert(dest.key());
  }
}

void Evaluation::Unmark(const Path& dest) {
  touched_.erase(dest.key());
  marked_.erase({context_.state->graph->PositionOf(dest), dest});
}

absl::Status Evaluation::Clear(const Path& dest) {
  const std::shared_ptr<const Definition> definition =
      context_.state->Find(dest)->definition;
  return Write(*definition, std::nullopt);
}

absl::Status Evaluation::RebuildGraph() {
  DerivationState& state = *context_.state;
  absl::StatusOr<DerivationGraph::Built> built =
      DerivationGraph::Build(state.values, state.derivations);
  if (!built.ok()) return built.status();
  state.graph = built->graph;
  std::set<std::pair<size_t, Path>> marked;
  for (const auto& [position, path] : marked_) {
    marked.emplace(state.graph->PositionOf(path), path);
  }
  marked_ = std::move(marked);
  for (const Path& conflict : built->conflicts) MarkUnlessRunning(conflict);
  // What closed a circle may close none any more.
  for (auto it = state.derivations.begin(); !it.at_end(); ++it) {
    if (!it->value.progress->cyclic_reads.empty()) {
      MarkUnlessRunning(it->value.definition->dest);
    }
  }
  return absl::OkStatus();
}

void Evaluation::ShareBudget() {
  std::vector<std::string> definers = context_.state->graph->definers();
  if (definers.size() > 1) {
    std::vector<Path> dests;
    dests.reserve(marked_.size());
    for (const auto& [position, dest] : marked_) dests.push_back(dest);
    definers = context_.state->graph->DefinersReachedFrom(dests);
  }
  budget_.Share(context_.limits->commit_instructions, definers.size());
  std::erase_if(definers, [this](const std::string& definer) {
    return !IsInDebt(definer);
  });
  budget_.Restrict(definers, context_.limits->debt_instructions);
}

bool Evaluation::IsInDebt(const std::string& definer) const {
  if (definer == context_.writer || budget_.HasSlice(definer)) return false;
  const LongCalls* const long_calls =
      context_.long_calls == nullptr ? nullptr : context_.long_calls->get();
  // What it has begun to wait for it waits for, within the time left for that.
  if (long_calls != nullptr && long_calls->HasCallsOf(definer)) {
    return false;
  }
  return context_.allowances->LeftAfterWait(
             definer, context_.aside_since.value_or(context_.now),
             context_.now) <= absl::ZeroDuration();
}

void Evaluation::ChargeAttempt() {
  budget_.ForEachHere([this](const std::string& definer, int64_t spent) {
    if (definer == context_.writer || budget_.HasSlice(definer)) return;
    const int64_t costly = spent - context_.limits->free_instructions;
    context_.allowances->Charge(definer, kTimeAnInstruction * costly,
                                context_.now);
  });
}

absl::Status Evaluation::Run() {
  if (!marked_.empty()) ShareBudget();
  while (!marked_.empty()) {
    const Path dest = marked_.begin()->second;
    absl::Status status = RunOne(dest);
    // What is left before it is set aside is forgotten.
    if (left() && context_.aside_since.has_value()) LookAhead(dest);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

void Evaluation::LookAhead(const Path& left) {
  std::vector<Path> unknown = {left};
  for (int i = 0; i < kMostAhead && !marked_.empty(); ++i) {
    const Path dest = marked_.begin()->second;
    const std::shared_ptr<const Definition> definition =
        context_.state->Find(dest)->definition;
    if (definition->hosted() || !calls_.MayLeaveMore(definition->definer)) {
      return;
    }
    const std::vector<Path> upstream =
        context_.state->graph->AllUpstreamOf(dest);
    const bool depends =
        std::any_of(unknown.begin(), unknown.end(), [&](const Path& one) {
          return std::find(upstream.begin(), upstream.end(), one) !=
                 upstream.end();
        });
    // What one reads that is tracked is not known; an aggregate makes many calls.
    if (depends || definition->tracked() ||
        std::holds_alternative<AggregateTransform>(definition->transform)) {
      unknown.push_back(dest);
      marked_.erase(marked_.begin());
    } else if (!RunOne(dest).ok()) {
      unknown.push_back(dest);
    }
  }
}

const Path* Evaluation::FirstMarked(const std::vector<Path>& dests) const {
  absl::flat_hash_set<std::string> upstream;
  for (const Path& dest : dests) {
    for (const Path& one : context_.state->graph->AllUpstreamOf(dest)) {
      upstream.insert(one.key());
    }
  }
  for (const auto& [position, dest] : marked_) {
    if (upstream.contains(dest.key()) &&
        std::find(running_.begin(), running_.end(), dest) == running_.end()) {
      return &dest;
    }
  }
  return nullptr;
}

absl::Status Evaluation::Settle(const std::vector<Path>& dests) {
  while (const Path* first = FirstMarked(dests)) {
    const Path dest = *first;
    if (absl::Status status = RunOne(dest); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Evaluation::RunOne(const Path& dest) {
  marked_.erase({context_.state->graph->PositionOf(dest), dest});
  const DerivationState& state = *context_.state;
  if (StaysPutOff(*state.Find(dest), state.values, &budget_)) {
    ++put_off_;
    return absl::OkStatus();
  }
  const Derivation derivation = *state.Find(dest);
  DerivationProgress progress = *derivation.progress;
  running_.push_back(dest);
  absl::StatusOr<Outcome> outcome = Outcome();
  if (++runs_[dest.key()] > context_.limits->max_runs) {
    outcome->value = MakeError(
        Reason::kDerivationFailed,
        absl::StrCat("it was computed ", context_.limits->max_runs,
                     " times in one commit and still changes what it reads: "
                     "let it not read what depends on it"));
  } else {
    outcome = Compute(derivation, &progress);
  }
  absl::Status status = outcome.status();
  if (IsPutOff(status)) {
    status = FinishPutOff(derivation, status, std::move(progress));
  } else if (status.ok()) {
    status = Finish(derivation, *std::move(outcome), std::move(progress));
  }
  running_.pop_back();
  return status;
}

}  // namespace restate
