#include "engine/derivation/evaluation.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/derivation/derivation_graph.h"
#include "engine/derivation/progress_codec.h"
#include "engine/error/error.h"

// What becomes of what a transform gave.

namespace restate {

absl::Status Evaluation::Complete(const CompleteTransform& result) {
  const Derivation* found = context_.state->Find(result.dest);
  if (found == nullptr || found->version != result.version) {
    return MakeError(
        Reason::kDerivationNotFound,
        absl::StrCat("the derivation of ", result.dest.ToText(),
                     " that this call was for is not defined any more"),
        {{"path", result.dest.ToText()}});
  }
  const Derivation derivation = *found;
  DerivationProgress progress = *derivation.progress;
  // A newer result is there, or the sources are gone.
  const bool current =
      result.computed_from == nullptr
          ? result.source_revision >= progress.wanted_revision
          : result.computed_from == derivation.progress;
  if (current ? result.source_revision < progress.source_revision
              : result.source_revision <= progress.source_revision) {
    return absl::OkStatus();
  }
  progress.source_revision = result.source_revision;
  if (current) progress.outdated = false;
  ++progress.runs;
  Outcome outcome;
  outcome.value = result.status.ok()
                      ? absl::StatusOr<Tree>(result.value)
                      : absl::StatusOr<Tree>(result.status);
  return Finish(derivation, std::move(outcome), std::move(progress));
}

absl::Status Evaluation::Finish(const Derivation& derivation, Outcome outcome,
                                DerivationProgress progress) {
  const Definition& definition = *derivation.definition;
  const Path& dest = definition.dest;
  if (outcome.pending) {
    // A value that holds what is now derived by itself cannot stay.
    Tree present = context_.state->values.Find(dest)->value;
    absl::Status status = CheckResult(dest, &present);
    Keep(dest, std::move(progress));
    return status.ok() ? status : Write(definition, std::nullopt);
  }
  progress.last_revision = context_.revision;
  progress.timeouts = 0;
  absl::Status status = outcome.value.status();
  if (status.ok()) status = CheckResult(dest, &*outcome.value);
  computed_.push_back(DerivationCounters::OutcomeOf(definition, status));
  if (!status.ok() && definition.on_error == OnError::kFailWrite &&
      context_.refusable && !definition.hosted()) {
    const std::string message(status.message().data(),
                              status.message().size());
    return MakeError(
        Reason::kDerivationFailed,
        absl::StrCat("the derivation of ", dest.ToText(),
                     " refuses this write: ", message),
        {{"derivation", dest.ToText()}});
  }
  progress.status =
      status.ok() ? DerivationStatus::kOk : DerivationStatus::kError;
  progress.message = std::string(status.message().data(),
                                 status.message().size());
  const bool may_keep = progress.computed_present;
  progress.computed_present = status.ok() || may_keep;
  if (status.ok() && progress.outdated) {
    progress.status = DerivationStatus::kStale;
  }
  Keep(dest, std::move(progress));
  if (definition.tracked()) {
    absl::Status updated = UpdateGraph(dest);
    if (!updated.ok()) return updated;
  }
  if (status.ok()) return Write(definition, *std::move(outcome.value));
  return WriteWithoutResult(definition, may_keep);
}

absl::Status Evaluation::FinishPutOff(const Derivation& derivation,
                                      const absl::Status& why,
                                      DerivationProgress progress) {
  const Definition& definition = *derivation.definition;
  const DerivationProgress& before = *derivation.progress;
  progress.runs = before.runs;
  const bool stays = slice_.contains(definition.dest.key());
  if (stays) {
    // Its sources are as they were: so is what it holds.
    if (IsTimeout(why)) ++progress.timeouts;
  } else {
    ++put_off_;
    progress.status = DerivationStatus::kOverBudget;
    progress.message = std::string(why.message().data(), why.message().size());
    progress.timeouts = 0;
  }
  const bool may_keep = progress.computed_present;
  if (progress.status != before.status ||
      progress.message != before.message ||
      progress.timeouts != before.timeouts ||
      progress.aggregate != before.aggregate ||
      progress.unseen != before.unseen || progress.cold != before.cold ||
      progress.runaways != before.runaways) {
    Keep(definition.dest, std::move(progress));
  }
  return stays ? absl::OkStatus() : WriteWithoutResult(definition, may_keep);
}

absl::Status Evaluation::WriteWithoutResult(const Definition& definition,
                                            bool computed_present) {
  if (definition.on_error == OnError::kKeepLast && computed_present) {
    // It may stay only if it could be written now.
    Tree present = context_.state->values.Find(definition.dest)->value;
    if (CheckResult(definition.dest, &present).ok()) return absl::OkStatus();
  }
  return Write(definition, std::nullopt);
}

absl::Status Evaluation::CheckResult(const Path& dest, Tree* value) const {
  if (!value->has_value()) return absl::OkStatus();
  absl::StatusOr<Value> canonical =
      tree::Canonicalize(**value, dest, context_.limits->result);
  if (!canonical.ok()) return canonical.status();
  *value = *std::move(canonical);
  absl::Status status;
  context_.state->values.ForEachBelow(
      dest, [&](const Path& nested, const DerivedValues::Destination&) {
        if (tree::Get(*value, nested.RelativeTo(dest)).has_value()) {
          status = MakeError(
              Reason::kDerivationFailed,
              absl::StrCat("its result holds ", nested.ToText(),
                           ", which is derived by itself: leave that key out"),
              {{"path", nested.ToText()}});
        }
        return status.ok();
      });
  return status;
}

void Evaluation::Keep(const Path& dest, DerivationProgress progress) {
  const Derivation* const derivation = context_.state->Find(dest);
  const std::shared_ptr<const Definition> definition = derivation->definition;
  RecordChange change;
  if (ProgressChange(*definition, *derivation->progress, progress, &change)) {
    context_.records->push_back(std::move(change));
  }
  KeepProgress(*definition, std::move(progress), context_.state);
}

absl::Status Evaluation::UpdateGraph(const Path& dest) {
  DerivationState& state = *context_.state;
  const std::shared_ptr<const DerivationProgress> kept =
      state.Find(dest)->progress;
  const DerivationProgress& progress = *kept;
  std::vector<Path> upstream;
  for (const Path& read : progress.reads) {
    if (std::find(progress.cyclic_reads.begin(), progress.cyclic_reads.end(),
                  read) != progress.cyclic_reads.end()) {
      continue;
    }
    for (Path& seen : DestinationsSeen(state.values, dest, read)) {
      upstream.push_back(std::move(seen));
    }
  }
  std::sort(upstream.begin(), upstream.end());
  upstream.erase(std::unique(upstream.begin(), upstream.end()),
                 upstream.end());
  if (upstream == state.graph->UpstreamOf(dest)) {
    return absl::OkStatus();
  }
  return RebuildGraph();
}

absl::Status Evaluation::Write(const Definition& definition, Tree value) {
  const Path& dest = definition.dest;
  DerivedValues& values = context_.state->values;
  const Tree present = values.Find(dest)->value;
  if (tree::Identical(present, value)) return absl::OkStatus();
  // If it cannot be read, nobody is spared a change that may show.
  const size_t seen_from =
      SeenFrom(*context_.client, values, dest).value_or(0);
  values.SetValue(dest, value);
  Effect effect;
  effect.index = (*context_.next_index)++;
  effect.kind =
      value.has_value() ? Effect::Kind::kSet : Effect::Kind::kDelete;
  effect.path = dest;
  effect.before = present;
  effect.after = std::move(value);
  effect.payload = definition.payload;
  effect.derived = true;
  effect.seen_from = seen_from;
  // Before it is limited: everything is known here.
  MarkReaders(*context_.state, effect, seen_from, &touched_,
              [this](const Path& reader) { MarkChanged(reader); });
  context_.limiter->Limit(Reach::kSubtree, &effect);
  context_.effects->push_back(std::move(effect));
  return absl::OkStatus();
}

}  // namespace restate
