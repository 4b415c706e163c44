#include "engine/derivation/evaluation.h"

#include <algorithm>
#include <optional>
#include <variant>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/derivation/derivation_graph.h"
#include "engine/error/error.h"

namespace restate {
namespace {

bool HasReason(const absl::Status& status, Reason reason) {
  return ErrorReason(status) == ReasonName(reason);
}

std::vector<Path> Sorted(std::vector<Path> paths) {
  std::sort(paths.begin(), paths.end());
  paths.erase(std::unique(paths.begin(), paths.end()), paths.end());
  return paths;
}

}  // namespace

void Evaluation::Mark(const Path& dest) {
  marked_.emplace(context_.state->graph->PositionOf(dest), dest);
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

absl::StatusOr<Evaluation::Outcome> Evaluation::Compute(
    const Derivation& derivation, DerivationProgress* progress) {
  const Definition& definition = *derivation.definition;
  if (definition.tracked()) return ComputeTracked(derivation, progress);
  absl::StatusOr<bool> absent = AnySourceAbsent(definition);
  if (!absent.ok()) {
    progress->aggregate = nullptr;
    return Outcome{absent.status()};
  }
  if (*absent && !definition.call_when_absent) {
    progress->aggregate = nullptr;
    touched_.erase(definition.dest.key());
    // What a host is still computing is of sources that are gone.
    progress->wanted_revision = context_.revision;
    progress->source_revision = context_.revision - 1;
    progress->outdated = false;
    return Outcome();
  }
  if (definition.hosted()) return ComputeHosted(derivation, progress);
  ++progress->runs;
  if (std::holds_alternative<AggregateTransform>(definition.transform)) {
    return ComputeAggregate(derivation, progress);
  }
  return ComputeLua(derivation);
}

absl::StatusOr<Evaluation::Outcome> Evaluation::ComputeHosted(
    const Derivation& derivation, DerivationProgress* progress) {
  progress->wanted_revision = context_.revision;
  progress->outdated = true;
  progress->status = DerivationStatus::kStale;
  return Outcome{.pending = true};
}

absl::StatusOr<Evaluation::Outcome> Evaluation::ComputeLua(
    const Derivation& derivation) {
  const Definition& definition = *derivation.definition;
  absl::StatusOr<const LuaFunctions::Compiled*> functions =
      context_.functions->Get(derivation.version, definition);
  if (!functions.ok()) return Outcome{functions.status()};
  std::vector<Tree> arguments;
  for (const Path& source : definition.sources) {
    absl::StatusOr<Tree> argument = ReadSource(definition.dest, source);
    if (!argument.ok()) return Outcome{argument.status()};
    arguments.push_back(*std::move(argument));
  }
  absl::StatusOr<LuaOutcome> called =
      Call(derivation, *(*functions)->transform, arguments, nullptr);
  if (!called.ok()) return called.status();
  return Outcome{std::move(called->result)};
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
        Call(derivation, *(*functions)->transform, {}, &reader);
    if (!called.ok()) return called.status();
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
    return Outcome{std::move(called->result)};
  }
}

absl::StatusOr<Tree> Evaluation::ReadTracked(const Derivation& derivation,
                                             const Path& path,
                                             std::vector<Path>* wait_for,
                                             std::vector<Path>* cyclic_reads) {
  const Path& dest = derivation.definition->dest;
  const DerivationGraph& graph = *context_.state->graph;
  const std::vector<Path> seen =
      DestinationsSeen(context_.state->values, dest, path);
  if (FirstMarked(seen) != nullptr) {
    *wait_for = seen;
    return absl::AbortedError("others are computed first");
  }
  for (const Path& one : seen) {
    for (const Path& running : running_) {
      std::vector<Path> chain = graph.Chain(running, one);
      if (chain.empty()) continue;
      // On to here, and by those who wait for this back to where it began.
      for (auto it = running_.rbegin();; ++it) {
        chain.push_back(*it);
        if (*it == running) break;
      }
      cyclic_reads->push_back(path);
      const std::string text = DerivationGraph::ChainText(chain);
      return MakeError(
          Reason::kCycle,
          absl::StrCat("get(\"", path.ToText(),
                       "\") closes a circle of derivations: ", text),
          {{"cycle", text}});
    }
  }
  return ReadSource(dest, path);
}

absl::StatusOr<Evaluation::Outcome> Evaluation::ComputeAggregate(
    const Derivation& derivation, DerivationProgress* progress) {
  const Definition& definition = *derivation.definition;
  const auto& aggregate = std::get<AggregateTransform>(definition.transform);
  const Path& source = definition.sources.front();
  const View view = ViewOf(definition.dest, source);
  absl::StatusOr<const LuaFunctions::Compiled*> functions =
      context_.functions->Get(derivation.version, definition);
  if (!functions.ok()) return Outcome{functions.status()};
  TouchedChildren touched;
  if (auto it = touched_.find(definition.dest.key()); it != touched_.end()) {
    touched = std::move(it->second);
    touched_.erase(it);
  }
  // A leaf hides derived children, all at once.
  absl::StatusOr<NodeProbe> node =
      ProbeLayered(*context_.client, context_.state->values, source,
                   View::kWithoutDerived);
  if (!node.ok()) return Outcome{node.status()};
  const bool is_leaf =
      node->own.has_value() && node->own->is_leaf() && !node->has_children;
  touched.all |= progress->aggregate == nullptr ||
                 is_leaf != progress->source_was_leaf;
  progress->source_was_leaf = is_leaf;

  auto state = touched.all
                   ? std::make_shared<AggregateState>(
                         aggregate.combine, !aggregate.group_by.empty())
                   : std::make_shared<AggregateState>(*progress->aggregate);
  const auto set = [&](const std::string& name,
                       const Tree& child) -> absl::Status {
    absl::StatusOr<std::optional<Contribution>> contribution =
        ContributionOf(derivation, **functions, name, child);
    if (!contribution.ok()) return contribution.status();
    state->SetChild(name, *std::move(contribution));
    return absl::OkStatus();
  };
  // Until it is done it must be done again from the beginning.
  progress->aggregate = nullptr;
  if (touched.all) {
    absl::StatusOr<ReadResult> all = ReadLayered(
        *context_.client, context_.state->values, source, view, ReadLimits());
    if (!all.ok()) return Outcome{all.status()};
    if (all->tree.has_value() && all->tree->is_map()) {
      for (auto it = all->tree->as_map().begin(); !it.at_end(); ++it) {
        if (it->key == kOwnValueKey) continue;
        absl::Status status = set(it->key, it->value);
        if (!status.ok()) return status;
      }
    }
  } else if (!is_leaf) {
    for (const std::string& name : touched.names) {
      const Path child = source.Child(name);
      // A destination is no child in a view without derived paths.
      const std::optional<Path> owner =
          context_.state->values.OwnerOf(child);
      const bool left_out = view == View::kWithoutDerived &&
                            owner.has_value() &&
                            source.StrictlyContains(*owner);
      Tree value;
      if (!left_out) {
        absl::StatusOr<ReadResult> read = ReadLayered(
            *context_.client, context_.state->values, child, view, {});
        if (!read.ok()) return Outcome{read.status()};
        value = std::move(read->tree);
      }
      absl::Status status = set(name, value);
      if (!status.ok()) return status;
    }
  }
  AggregateState::Result result = state->result();
  progress->aggregate = std::move(state);
  if (result.error.empty()) return Outcome{std::move(result.value)};
  return Outcome{MakeError(Reason::kDerivationFailed, result.error)};
}

absl::StatusOr<std::optional<Contribution>> Evaluation::ContributionOf(
    const Derivation& derivation, const LuaFunctions::Compiled& functions,
    const std::string& name, const Tree& child) {
  if (!child.has_value()) return std::nullopt;
  const Tree arguments[] = {Value::String(name), child};
  Contribution contribution;
  const auto failed = [&](std::string_view why) {
    contribution.error = std::string(why);
    return contribution;
  };
  if (functions.group_by != nullptr) {
    absl::StatusOr<LuaOutcome> called =
        Call(derivation, *functions.group_by, arguments, nullptr);
    if (!called.ok()) return called.status();
    if (!called->result.ok()) {
      const absl::Status why = called->result.status();
      return failed({why.message().data(), why.message().size()});
    }
    const Tree& group = *called->result;
    if (!group.has_value()) return std::nullopt;
    switch (group->kind()) {
      case Value::Kind::kString:
        contribution.group = group->as_string();
        break;
      case Value::Kind::kInt:
        contribution.group = absl::StrCat(group->as_int());
        break;
      case Value::Kind::kBool:
        contribution.group = group->as_bool() ? "true" : "false";
        break;
      default:
        return failed(
            "`group_by` gives no string, integer or boolean to name a group");
    }
    if (!ValidateSegment(contribution.group).ok()) {
      return failed("`group_by` gives what cannot be a segment of a path");
    }
  }
  if (functions.each == nullptr) {
    contribution.value = *child;
    return contribution;
  }
  absl::StatusOr<LuaOutcome> called =
      Call(derivation, *functions.each, arguments, nullptr);
  if (!called.ok()) return called.status();
  if (!called->result.ok()) {
    const absl::Status why = called->result.status();
    return failed({why.message().data(), why.message().size()});
  }
  if (!(*called->result).has_value()) return std::nullopt;
  contribution.value = **std::move(called->result);
  return contribution;
}

absl::StatusOr<LuaOutcome> Evaluation::Call(const Derivation& derivation,
                                            LuaFunction& function,
                                            absl::Span<const Tree> arguments,
                                            const LuaReader* reader) {
  LuaBudget budget = context_.limits->call;
  const int64_t left = context_.limits->commit_instructions - instructions_;
  const bool bounded =
      context_.refusable && left < budget.instructions;
  if (bounded) budget.instructions = std::max<int64_t>(left, 0);
  called_.insert(derivation.definition->dest);
  LuaRuntime& runtime = context_.functions->runtime();
  LuaOutcome outcome =
      reader == nullptr
          ? runtime.Call(function, arguments, budget)
          : runtime.Call(function, arguments, budget, *reader);
  instructions_ += outcome.instructions;
  if (bounded && !outcome.result.ok() &&
      HasReason(outcome.result.status(), Reason::kLuaBudget)) {
    const std::string names =
        absl::StrJoin(called_, ", ", [](std::string* out, const Path& path) {
          out->append(path.ToText());
        });
    return MakeError(
        Reason::kDerivationBudget,
        absl::StrCat("the derivations that this commit runs take more than ",
                     context_.limits->commit_instructions,
                     " instructions together (", names,
                     "): change less at once, or simplify them"),
        {{"derivations", names}});
  }
  return outcome;
}

absl::StatusOr<Tree> Evaluation::ReadSource(const Path& dest,
                                            const Path& source) {
  ReadLimits limits;
  limits.max_bytes = context_.limits->max_source_bytes;
  absl::StatusOr<ReadResult> read =
      ReadLayered(*context_.client, context_.state->values, source,
                  ViewOf(dest, source), limits);
  if (!read.ok()) return read.status();
  if (read->over_limit) {
    return MakeError(
        Reason::kReadTooLarge,
        absl::StrCat("what ", source.ToText(), " reads as is over ",
                     limits.max_bytes,
                     " bytes: derive from a part of it, or with an aggregate; "
                     "StreamState reads it whole"),
        {{"path", source.ToText()}});
  }
  if (!read->tree.has_value() && source.is_root()) return Value::EmptyMap();
  return std::move(read->tree);
}

absl::StatusOr<bool> Evaluation::AnySourceAbsent(
    const Definition& definition) {
  for (const Path& source : definition.sources) {
    if (source.is_root()) continue;
    absl::StatusOr<NodeProbe> probe =
        ProbeLayered(*context_.client, context_.state->values, source,
                     ViewOf(definition.dest, source));
    if (!probe.ok()) return probe.status();
    if (!probe->exists()) return true;
  }
  return false;
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
  absl::Status status = outcome.value.status();
  if (status.ok()) status = CheckResult(dest, &*outcome.value);
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
  if (definition.on_error == OnError::kKeepLast && may_keep) {
    // It may stay only if it could be written now.
    Tree present = context_.state->values.Find(dest)->value;
    if (CheckResult(dest, &present).ok()) return absl::OkStatus();
  }
  return Write(definition, std::nullopt);
}

void Evaluation::Keep(const Path& dest, DerivationProgress progress) {
  Derivation derivation = *context_.state->Find(dest);
  derivation.progress =
      std::make_shared<const DerivationProgress>(std::move(progress));
  context_.state->derivations =
      context_.state->derivations.Set(dest.key(), std::move(derivation));
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
  if (Sorted(std::move(upstream)) == state.graph->UpstreamOf(dest)) {
    return absl::OkStatus();
  }
  return RebuildGraph();
}

void Evaluation::MarkUnlessRunning(const Path& dest) {
  if (std::find(running_.begin(), running_.end(), dest) == running_.end()) {
    Mark(dest);
  }
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
              [this](const Path& reader) { Mark(reader); });
  context_.limiter->Limit(Reach::kSubtree, &effect);
  context_.effects->push_back(std::move(effect));
  return absl::OkStatus();
}

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

}  // namespace restate
