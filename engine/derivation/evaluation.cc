#include "engine/derivation/evaluation.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "engine/derivation/derivation_graph.h"
#include "engine/error/error.h"

// In which order what is marked is computed.

namespace restate {

Evaluation::Evaluation(const Context& context)
    : context_(context),
      calls_(&context.functions->runtime(), context.limits->call,
             context.refusable
                 ? std::optional<int64_t>(context.limits->commit_instructions)
                 : std::nullopt,
             context.limits->trial_instructions, context.long_calls) {}

Evaluation::~Evaluation() {
  if (left()) return;
  for (const DerivationCounters::Computed& one : computed_) {
    context_.counters->Count(one);
  }
}

void Evaluation::Mark(const Path& dest) {
  marked_.emplace(context_.state->graph->PositionOf(dest), dest);
}

void Evaluation::MarkUnlessRunning(const Path& dest) {
  if (std::find(running_.begin(), running_.end(), dest) == running_.end()) {
    Mark(dest);
  }
}

void Evaluation::NoteEffect(const Effect& effect) {
  MarkReaders(*context_.state, effect, 0, &touched_,
              [this](const Path& dest) { Mark(dest); });
}

void Evaluation::MarkWhole(const Path& dest) {
  touched_[dest.key()].all = true;
  Mark(dest);
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

absl::Status Evaluation::Run() {
  while (!marked_.empty()) {
    const Path dest = marked_.begin()->second;
    if (absl::Status status = RunOne(dest); !status.ok()) return status;
  }
  return absl::OkStatus();
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
  const Derivation derivation = *context_.state->Find(dest);
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
  absl::Status status =
      outcome.ok()
          ? Finish(derivation, *std::move(outcome), std::move(progress))
          : outcome.status();
  running_.pop_back();
  return status;
}

}  // namespace restate
