#include "engine/derivation/evaluation.h"

#include <algorithm>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/derivation/aggregate_update.h"
#include "engine/derivation/derivation_graph.h"
#include "engine/derivation/source_values.h"
#include "engine/error/error.h"

// What each kind of transform gives.

namespace restate {
namespace {

std::vector<Path> Sorted(std::vector<Path> paths) {
  std::sort(paths.begin(), paths.end());
  paths.erase(std::unique(paths.begin(), paths.end()), paths.end());
  return paths;
}

}  // namespace

absl::StatusOr<Evaluation::Outcome> Evaluation::Compute(
    const Derivation& derivation, DerivationProgress* progress) {
  const Definition& definition = *derivation.definition;
  const bool is_aggregate =
      std::holds_alternative<AggregateTransform>(definition.transform);
  if (!definition.hosted()) {
    if (absl::Status status = calls_.Begin(definition.definer); !status.ok()) {
      if (is_aggregate) NoteUnseen(derivation, progress);
      return status;
    }
    calls_.ChargeSources(definition.definer, definition.sources.size());
  }
  if (definition.tracked()) return ComputeTracked(derivation, progress);
  if (is_aggregate) {
    // Of a source that is absent it is an aggregate of nothing.
    ++progress->runs;
    return ComputeAggregate(derivation, progress);
  }
  absl::StatusOr<bool> absent = AnySourceAbsent(
      *context_.client, context_.state->values, definition);
  if (!absent.ok()) return Outcome{absent.status()};
  if (*absent && !definition.call_when_absent) {
    // What a host is still computing is of sources that are gone.
    progress->wanted_revision = context_.revision;
    progress->source_revision = context_.revision - 1;
    progress->outdated = false;
    return Outcome();
  }
  if (definition.hosted()) return ComputeHosted(derivation, progress);
  ++progress->runs;
  return ComputeLua(derivation);
}

TouchedChildren Evaluation::TakeTouched(const Path& dest) {
  const auto found = touched_.find(dest.key());
  if (found == touched_.end()) return {};
  TouchedChildren touched = std::move(found->second);
  touched_.erase(found);
  return touched;
}

void Evaluation::NoteUnseen(const Derivation& derivation,
                            DerivationProgress* progress) {
  const TouchedChildren touched = TakeTouched(derivation.definition->dest);
  if (!touched.all && touched.names.empty()) return;
  if (touched.all || progress->aggregate == 0) {
    // It is computed from the beginning.
    if (progress->aggregate != 0) context_.aggregates->NoteUnused(derivation);
    progress->aggregate = 0;
    progress->unseen = nullptr;
    progress->runaways.clear();
    return;
  }
  auto unseen = progress->unseen == nullptr
                    ? std::make_shared<UnseenChildren>()
                    : std::make_shared<UnseenChildren>(*progress->unseen);
  unseen->changed.insert(touched.names.begin(), touched.names.end());
  progress->unseen = std::move(unseen);
}

absl::StatusOr<Evaluation::Outcome> Evaluation::ComputeHosted(
    const Derivation& derivation, DerivationProgress* progress) {
  progress->wanted_revision = context_.revision;
  progress->outdated = true;
  progress->status = DerivationStatus::kStale;
  return Outcome{.pending = true};
}

absl::StatusOr<Evaluation::Outcome> Evaluation::ComputeAggregate(
    const Derivation& derivation, DerivationProgress* progress) {
  const Definition& definition = *derivation.definition;
  absl::StatusOr<const LuaFunctions::Compiled*> functions =
      context_.functions->Get(derivation.version, definition);
  if (!functions.ok()) return Outcome{functions.status()};
  TouchedChildren touched = TakeTouched(definition.dest);
  Outcome outcome;
  AggregateUpdate update(derivation, **functions, *context_.client,
                         context_.state->values, &calls_,
                         context_.aggregates);
  absl::Status status =
      update.Run(std::move(touched), progress, &outcome.value);
  if (!status.ok()) return status;
  return outcome;
}

absl::StatusOr<Evaluation::Outcome> Evaluation::ComputeLua(
    const Derivation& derivation) {
  const Definition& definition = *derivation.definition;
  absl::StatusOr<const LuaFunctions::Compiled*> functions =
      context_.functions->Get(derivation.version, definition);
  if (!functions.ok()) return Outcome{functions.status()};
  std::vector<Tree> arguments;
  for (const Path& source : definition.sources) {
    absl::StatusOr<Tree> argument = Read(definition, source);
    if (IsPutOff(argument.status())) return argument.status();
    if (!argument.ok()) return Outcome{argument.status()};
    arguments.push_back(*std::move(argument));
  }
  absl::StatusOr<LuaOutcome> called =
      calls_.Call(definition.definer, *(*functions)->transform, arguments);
  if (!called.ok()) return called.status();
  Outcome outcome;
  outcome.value = std::move(called->result);
  return outcome;
}

absl::StatusOr<Evaluation::Outcome> Evaluation::ComputeTracked(
    const Derivation& derivation, DerivationProgress* progress) {
  const Definition& definition = *derivation.definition;
  ++progress->runs;
  absl::StatusOr<const LuaFunctions::Compiled*> functions =
      context_.functions->Get(derivation.version, definition);
  if (!functions.ok()) return Outcome{functions.status()};
  while (true) {
    std::vector<Path> wait_for;
    std::vector<Path> reads;
    std::vector<Path> cyclic_reads;
    const auto read = [&](const Path& path) {
      reads.push_back(path);
      return ReadTracked(derivation, path, &wait_for, &cyclic_reads);
    };
    const LuaReader reader = read;
    absl::StatusOr<LuaOutcome> called =
        calls_.Call(definition.definer, *(*functions)->transform, {}, &reader);
    if (!called.ok()) return called.status();
    if (IsPutOff(called->result.status())) return called->result.status();
    if (!wait_for.empty()) {
      // A pure function: it is called again when they are ready.
      absl::Status status = Settle(wait_for);
      if (!status.ok()) return status;
      continue;
    }
    // What it waited for may have marked it; this call has seen it.
    marked_.erase({context_.state->graph->PositionOf(definition.dest),
                   definition.dest});
    for (const Path& old : progress->reads) {
      context_.state->sources.Remove(old, definition.dest);
    }
    progress->reads = Sorted(std::move(reads));
    progress->cyclic_reads = Sorted(std::move(cyclic_reads));
    for (const Path& now : progress->reads) {
      context_.state->sources.Add(now, definition.dest);
    }
    Outcome outcome;
    outcome.value = std::move(called->result);
    return outcome;
  }
}

absl::StatusOr<Tree> Evaluation::ReadTracked(const Derivation& derivation,
                                             const Path& path,
                                             std::vector<Path>* wait_for,
                                             std::vector<Path>* cyclic_reads) {
  const Path& dest = derivation.definition->dest;
  const std::vector<Path> seen =
      DestinationsSeen(context_.state->values, dest, path);
  // Before anything is waited for: what surely depends on this one would be
  // computed from its old value, and once more behind it.
  if (const std::vector<Path> circle = CircleThrough(seen); !circle.empty()) {
    cyclic_reads->push_back(path);
    const std::string text = DerivationGraph::ChainText(circle);
    return MakeError(
        Reason::kCycle,
        absl::StrCat("get(\"", path.ToText(),
                     "\") closes a circle of derivations: ", text),
        {{"cycle", text}});
  }
  if (FirstMarked(seen) != nullptr) {
    *wait_for = seen;
    return absl::AbortedError("others are computed first");
  }
  const std::string& definer = derivation.definition->definer;
  if (absl::Status status = calls_.MayRead(definer); !status.ok()) {
    return status;
  }
  calls_.ChargeSources(definer, 1);
  return Read(*derivation.definition, path);
}

absl::StatusOr<Tree> Evaluation::Read(const Definition& definition,
                                      const Path& path) {
  const size_t most = context_.limits->max_source_bytes;
  const size_t allowed = calls_.MayReadBytes(definition.definer, most);
  absl::StatusOr<Tree> value =
      ReadSource(*context_.client, context_.state->values, definition.dest,
                 path, allowed);
  if (value.ok()) {
    calls_.ChargeRead(definition.definer, *value);
  } else if (allowed < most && ErrorReason(value.status()) ==
                                   ReasonName(Reason::kReadTooLarge)) {
    return calls_.TooMuchToRead(definition.definer);
  }
  return value;
}

std::vector<Path> Evaluation::CircleThrough(
    const std::vector<Path>& seen) const {
  const DerivationGraph& graph = *context_.state->graph;
  // What a tracked one that is still to be computed reads is not known yet. One
  // that is only going to be marked is taken as it is: should it read something
  // else then, who is told of the circle is computed again.
  const auto known = [&](const Path& one) {
    return !context_.state->Find(one)->definition->tracked() ||
           !marked_.contains({graph.PositionOf(one), one});
  };
  for (const Path& one : seen) {
    for (const Path& running : running_) {
      std::vector<Path> chain = graph.Chain(running, one, known);
      if (chain.empty()) continue;
      // On to here, and by those who wait for this back to where it began.
      for (auto it = running_.rbegin();; ++it) {
        chain.push_back(*it);
        if (*it == running) break;
      }
      return chain;
    }
  }
  return {};
}

}  // namespace restate
