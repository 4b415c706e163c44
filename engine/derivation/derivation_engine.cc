#include "engine/derivation/derivation_engine.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "engine/derivation/definition_codec.h"
#include "engine/derivation/derivation_graph.h"
#include "engine/derivation/progress_codec.h"
#include "engine/error/error.h"

namespace restate {
namespace {

// How many destinations a commit looks at that computes them again.
constexpr size_t kMostInSlice = 64;

// Where a store of values keeps that of a destination.
Path PlaceOf(uint64_t id) { return Path().Child(std::to_string(id)); }

// A derivation of which nothing is known yet.
Derivation NewDerivation(Definition definition, uint64_t version) {
  auto progress = std::make_shared<DerivationProgress>();
  progress->reads = definition.sources;
  std::sort(progress->reads.begin(), progress->reads.end());
  Derivation derivation;
  derivation.definition =
      std::make_shared<const Definition>(std::move(definition));
  derivation.version = version;
  derivation.progress = std::move(progress);
  return derivation;
}

void AddSources(const Derivation& derivation, DerivationState* state) {
  for (const Path& source : derivation.progress->reads) {
    state->sources.Add(source, derivation.definition->dest);
  }
}

// The destination around `dest`, if any.
std::optional<Path> OuterOf(const DerivedValues& values, const Path& dest) {
  return values.OwnerOf(dest.parent());
}

// Whether a client waits for the commit.
bool SomebodyWaitsFor(const CommitRequest& request) {
  return !request.derivation.has_value() ||
         !std::holds_alternative<ComputeAgain>(*request.derivation);
}

bool IsRecord(std::string_view key) {
  return key.starts_with(kDerivationRecordPrefix);
}

}  // namespace

absl::StatusOr<DerivationEngine::Loaded> DerivationEngine::Load(
    const std::map<std::string, std::string>& records, const Tree& values,
    const std::string& epoch) {
  Loaded loaded;
  DerivationState& state = loaded.state;
  const auto kept = records.find(std::string(kProgressKeptKey));
  const bool known = kept != records.end() && kept->second == epoch;
  for (const auto& [key, record] : records) {
    if (!IsRecord(key)) continue;
    absl::StatusOr<StoredDefinition> stored = DecodeDefinition(record);
    if (!stored.ok()) return stored.status();
    const Path dest = stored->definition.dest;
    state.next_number = std::max(state.next_number, stored->id + 1);
    state.values.Add(dest, stored->id);
    state.values.SetValue(dest, tree::Get(values, PlaceOf(stored->id)));
    Derivation derivation =
        NewDerivation(std::move(stored->definition), next_version_++);
    const std::shared_ptr<const Definition> definition = derivation.definition;
    DerivationProgress progress = *derivation.progress;
    progress.computed_present = true;
    if (const auto found = records.find(ForgetProgress(dest).key);
        known && found != records.end()) {
      absl::Status status = DecodeProgress(found->second, &progress);
      if (!status.ok()) return status;
    }
    // Whether a host is as far as the sources is found out with the hosts.
    if (!known || definition->hosted()) {
      loaded.unknown.push_back(dest);
    } else {
      progress.cold =
          std::holds_alternative<AggregateTransform>(definition->transform);
    }
    state.derivations =
        state.derivations.Set(dest.key(), std::move(derivation));
    KeepProgress(*definition, std::move(progress), &state);
    AddSources(*state.Find(dest), &state);
  }
  absl::StatusOr<DerivationGraph::Built> built =
      DerivationGraph::Build(state.values, state.derivations);
  if (!built.ok()) return built.status();
  state.graph = built->graph;
  return loaded;
}

std::optional<ComputeAgain> DerivationEngine::NextSlice(
    const DerivationState& state, std::string* last) {
  if (state.awaiting.empty()) return std::nullopt;
  // Behind all of the one who was last; no definer has a NUL.
  auto it = state.awaiting.LowerBound(*last + '\x01');
  if (it.at_end()) it = state.awaiting.begin();
  *last = it->key.substr(0, it->key.find('\0'));
  ComputeAgain next;
  next.slice_of = *last;
  const std::string prefix = *last + '\0';
  for (; !it.at_end() && it->key.starts_with(prefix) &&
         next.dests.size() < kMostInSlice;
       ++it) {
    next.dests.push_back(it->value);
  }
  return next;
}

absl::Status DerivationEngine::CheckSources(const Definition& definition,
                                            const LocalReader& sources) {
  if (definition.hosted()) return absl::OkStatus();
  for (const Path& source : definition.sources) {
    if (!sources.IsRemote(source)) continue;
    return MakeError(
        Reason::kRemoteSource,
        absl::StrCat("the source ", source.ToText(), " is on a remote mount, "
                     "which commits do not wait for: derive on that server, or "
                     "by a hosted transform"),
        {{"path", source.ToText()}});
  }
  return absl::OkStatus();
}

absl::Status DerivationEngine::Apply(CommitRequest* request,
                                     const ExecutionContext& context,
                                     LocalReader& sources,
                                     DerivationState* state,
                                     Execution* execution) {
  if (state->empty() && !request->derivation.has_value()) {
    return absl::OkStatus();
  }
  Evaluation::Context parts;
  parts.state = state;
  parts.writer = request->client.text();
  parts.allowances = &allowances_;
  parts.now = clock_->Monotonic();
  parts.aside_since = request->aside_since;
  parts.client = &sources;
  parts.functions = &functions_;
  parts.aggregates = &aggregates_;
  parts.limits = &limits_;
  parts.counters = &counters_;
  if (request->may_be_set_aside) parts.long_calls = &request->long_calls;
  parts.revision = context.revision;
  parts.refusable = !request->derivation.has_value() &&
                    !request->expiry.has_value() &&
                    request->origin == CommitOrigin::kClient;
  parts.limiter = &execution->limiter;
  parts.effects = &execution->effects;
  parts.next_index = &execution->next_index;
  parts.records = &request->records;
  Evaluation evaluation(parts);
  if (request->derivation.has_value()) {
    definitions_changed_ |=
        std::holds_alternative<DefineDerivation>(*request->derivation) ||
        std::holds_alternative<RemoveDerivation>(*request->derivation);
    if (const auto* define =
            std::get_if<DefineDerivation>(&*request->derivation)) {
      absl::Status local = CheckSources(define->definition, sources);
      if (!local.ok()) return local;
    }
    absl::Status status = std::visit(
        [&](const auto& change) {
          return Change(change, request, context, execution, state,
                        &evaluation);
        },
        *request->derivation);
    if (!status.ok()) return status;
  } else {
    // Derived writes are appended while they are looked at.
    const size_t operations = execution->effects.size();
    for (size_t i = 0; i < operations; ++i) {
      evaluation.NoteEffect(execution->effects[i]);
    }
  }
  absl::Status status = evaluation.Run();
  counters_.CountCommit(status);
  return status;
}

absl::Status DerivationEngine::ClearDestination(
    const DefineDerivation& change, const ExecutionContext& context,
    Execution* execution) {
  const Path& dest = change.definition.dest;
  absl::StatusOr<NodeProbe> probe = context.overlay->Probe(dest);
  if (!probe.ok()) return probe.status();
  if (!probe->exists()) return absl::OkStatus();
  if (!change.overwrite) {
    return MakeError(
        Reason::kDestNotEmpty,
        absl::StrCat("clients have written at ", dest.ToText(),
                     ", which is to be derived: delete that first, or set "
                     "`overwrite`"),
        {{"path", dest.ToText()}});
  }
  CommitRequest clearing;
  clearing.operations.push_back(DeleteOperation{.path = dest});
  absl::StatusOr<Execution> cleared = Execute(clearing, context);
  if (!cleared.ok()) return cleared.status();
  cleared->results.clear();
  *execution = *std::move(cleared);
  return absl::OkStatus();
}

absl::Status DerivationEngine::CheckRoom(const Definition& definition,
                                         bool bounded,
                                         const DerivationState& state) const {
  size_t own = 0;
  for (auto it = state.derivations.begin(); !it.at_end(); ++it) {
    if (it->value.definition->definer == definition.definer) ++own;
  }
  if (bounded && own >= limits_.max_definitions_per_definer) {
    return MakeError(
        Reason::kTooManyDerivations,
        absl::StrCat("there are ", own, " derivations of yours, and one client "
                     "may have ", limits_.max_definitions_per_definer,
                     ": remove some first"),
        {{"bound", "client"}});
  }
  if (state.derivations.size() >= limits_.max_definitions) {
    return MakeError(
        Reason::kTooManyDerivations,
        absl::StrCat("there are ", state.derivations.size(),
                     " derivations, which is all that this server takes: remove "
                     "some, or have limits.derivations raised"),
        {{"bound", "all"}});
  }
  return absl::OkStatus();
}

absl::Status DerivationEngine::Change(const DefineDerivation& change,
                                      CommitRequest* request,
                                      const ExecutionContext& context,
                                      Execution* execution,
                                      DerivationState* state,
                                      Evaluation* evaluation) {
  const Definition& definition = change.definition;
  const Path& dest = definition.dest;
  absl::Status status = CheckDefinition(definition);
  if (!status.ok()) return status;
  const uint64_t version = next_version_++;
  if (status = functions_.Get(version, definition).status(); !status.ok()) {
    return status;
  }
  const Derivation* found = state->Find(dest);
  const std::optional<Derivation> before =
      found == nullptr ? std::nullopt : std::optional<Derivation>(*found);
  const bool same = before.has_value() && *before->definition == definition;
  if (same && definition.hosted()) return absl::OkStatus();

  uint64_t id = 0;
  if (before.has_value()) {
    aggregates_.NoteUnused(*before);
    request->records.push_back(ForgetProgress(dest));
    state->awaiting = state->awaiting.Erase(AwaitingKey(*before->definition));
    id = state->values.Find(dest)->id;
    for (const Path& old : before->progress->reads) {
      state->sources.Remove(old, dest);
    }
  } else {
    status = CheckRoom(definition, request->client.bounded(), *state);
    if (!status.ok()) return status;
    if (!state->values.OwnerOf(dest).has_value()) {
      status = ClearDestination(change, context, execution);
      if (!status.ok()) return status;
    }
    id = state->next_number++;
    state->values.Add(dest, id);
  }
  Derivation derivation = NewDerivation(definition, version);
  if (same) {
    auto progress =
        std::make_shared<DerivationProgress>(*derivation.progress);
    progress->computed_present = before->progress->computed_present;
    derivation.progress = std::move(progress);
  }
  AddSources(derivation, state);
  state->derivations = state->derivations.Set(dest.key(), derivation);
  if (status = evaluation->RebuildGraph(); !status.ok()) return status;
  request->records.push_back(
      {DerivationRecordKey(dest), EncodeDefinition({id, definition})});

  for (size_t i = 0, n = execution->effects.size(); i < n; ++i) {
    evaluation->NoteEffect(execution->effects[i]);
  }
  // What another function gave is nothing to wait with.
  if (definition.hosted()) {
    status = evaluation->Clear(dest);
    if (!status.ok()) return status;
  }
  evaluation->MarkWhole(dest);
  if (const std::optional<Path> outer = OuterOf(state->values, dest);
      outer.has_value() && !before.has_value()) {
    evaluation->MarkWhole(*outer);
  }
  return absl::OkStatus();
}

absl::Status DerivationEngine::Change(const RemoveDerivation& change,
                                      CommitRequest* request,
                                      const ExecutionContext& context,
                                      Execution* execution,
                                      DerivationState* state,
                                      Evaluation* evaluation) {
  const Path& dest = change.dest;
  const Derivation* found = state->Find(dest);
  if (found == nullptr) {
    return MakeError(Reason::kDerivationNotFound,
                     absl::StrCat("nothing is derived at ", dest.ToText(),
                                  ": ListDerivations shows what is"),
                     {{"path", dest.ToText()}});
  }
  const Derivation derivation = *found;
  absl::Status status = evaluation->Clear(dest);
  if (!status.ok()) return status;
  evaluation->Unmark(dest);
  aggregates_.NoteUnused(derivation);
  for (const Path& read : derivation.progress->reads) {
    state->sources.Remove(read, dest);
  }
  state->derivations = state->derivations.Erase(dest.key());
  state->awaiting = state->awaiting.Erase(AwaitingKey(*derivation.definition));
  state->values.Remove(dest);
  if (status = evaluation->RebuildGraph(); !status.ok()) return status;
  request->records.push_back({DerivationRecordKey(dest), std::nullopt});
  request->records.push_back(ForgetProgress(dest));
  // It may have kept the one around it from holding its key.
  if (const std::optional<Path> outer = OuterOf(state->values, dest)) {
    evaluation->MarkWhole(*outer);
  }
  // What a mount shows at the path can be seen now.
  absl::StatusOr<NodeProbe> probe = context.overlay->Probe(dest);
  if (probe.ok() && probe->exists()) {
    Effect shown;
    shown.path = dest;
    shown.complete = false;
    shown.after_incomplete = true;
    shown.below_unknown = true;
    evaluation->NoteEffect(shown);
  }
  return absl::OkStatus();
}

absl::Status DerivationEngine::Change(const CompleteTransform& change,
                                      CommitRequest*, const ExecutionContext&,
                                      Execution*, DerivationState*,
                                      Evaluation* evaluation) {
  return evaluation->Complete(change);
}

absl::Status DerivationEngine::Change(const ComputeAgain& change,
                                      CommitRequest*, const ExecutionContext&,
                                      Execution* execution,
                                      DerivationState* state,
                                      Evaluation* evaluation) {
  for (size_t i = 0, n = execution->effects.size(); i < n; ++i) {
    evaluation->NoteEffect(execution->effects[i]);
  }
  if (change.slice_of.has_value()) {
    evaluation->MarkSlice(*change.slice_of, change.dests);
    return absl::OkStatus();
  }
  for (const Path& dest : change.dests) {
    if (state->Find(dest) != nullptr) evaluation->MarkWhole(dest);
  }
  return absl::OkStatus();
}

absl::Duration DerivationEngine::LongestWait(
    const CommitRequest& request) const {
  if (!SomebodyWaitsFor(request)) return absl::InfiniteDuration();
  const absl::Duration now = clock_->Monotonic();
  absl::Duration left = absl::ZeroDuration();
  for (const std::string& definer : request.long_calls->definers()) {
    if (definer == request.client.text()) return limits_.longest_wait;
    left = std::max(left, allowances_.LeftAfterWait(
                              definer, request.aside_since.value_or(now), now));
  }
  return std::min(limits_.longest_wait, request.long_calls->waited() + left);
}

void DerivationEngine::ChargeWait(const CommitRequest& request) {
  if (request.long_calls == nullptr || !request.aside_since.has_value() ||
      !SomebodyWaitsFor(request)) {
    return;
  }
  const absl::Duration now = clock_->Monotonic();
  absl::Duration longest;
  for (const std::string& definer : request.long_calls->definers()) {
    if (definer == request.client.text()) continue;
    longest = std::max(
        longest, allowances_.ChargeWait(definer, *request.aside_since, now));
  }
  counters_.waited_us.AddAlone(
      static_cast<uint64_t>(absl::ToInt64Microseconds(longest)));
}

void DerivationEngine::Published(const DerivationState& state) {
  if (std::exchange(definitions_changed_, false)) functions_.KeepOnly(state);
  aggregates_.Published(state);
}

std::vector<Write> DerivationEngine::WritesBetween(
    const DerivationState& before, const DerivationState& after,
    Revision revision) {
  std::vector<Write> writes;
  const auto add = [&](uint64_t id, const Tree& old_value,
                       const Tree& new_value) {
    if (tree::Identical(old_value, new_value)) return;
    writes.push_back(Write{PlaceOf(id), Write::Scope::kSubtree, new_value,
                           revision, old_value});
  };
  DerivedValues::Diff(
      before.values, after.values,
      [&](const std::string&, const DerivedValues::Destination* old_one,
          const DerivedValues::Destination* new_one) {
        const bool moved = old_one != nullptr && new_one != nullptr &&
                           old_one->id != new_one->id;
        if (old_one != nullptr && (new_one == nullptr || moved)) {
          add(old_one->id, old_one->value, std::nullopt);
        }
        if (new_one == nullptr) return;
        add(new_one->id,
            old_one == nullptr || moved ? Tree() : old_one->value,
            new_one->value);
      });
  return writes;
}

bool DerivationEngine::Defines(
    const std::map<std::string, std::string>& records,
    const DerivationState& state) {
  size_t found = 0;
  for (const auto& [key, record] : records) {
    if (!IsRecord(key)) continue;
    absl::StatusOr<StoredDefinition> stored = DecodeDefinition(record);
    if (!stored.ok()) return false;
    const Derivation* derivation = state.Find(stored->definition.dest);
    if (derivation == nullptr ||
        !(*derivation->definition == stored->definition)) {
      return false;
    }
    ++found;
  }
  return found == state.derivations.size();
}

}  // namespace restate
