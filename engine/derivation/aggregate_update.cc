#include "engine/derivation/aggregate_update.h"

#include <memory>
#include <string_view>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "engine/error/error.h"

namespace restate {
namespace {

// After so many children that used up their budget the others are left alone.
constexpr size_t kMaxRunaways = 8;

bool UsedUpItsBudget(const absl::Status& status) {
  const std::string reason = ErrorReason(status);
  return reason == ReasonName(Reason::kLuaBudget) ||
         reason == ReasonName(Reason::kLuaMemory);
}

std::string MessageOf(const absl::Status& status) {
  return std::string(status.message().data(), status.message().size());
}

// The name of the group that `group_by` gave. On failure sets
// `contribution->error`.
void NameGroup(const Value& group, Contribution* contribution) {
  switch (group.kind()) {
    case Value::Kind::kString:
      contribution->group = group.as_string();
      break;
    case Value::Kind::kInt:
      contribution->group = absl::StrCat(group.as_int());
      break;
    case Value::Kind::kBool:
      contribution->group = group.as_bool() ? "true" : "false";
      break;
    default:
      contribution->error =
          "`group_by` gives no string, integer or boolean to name a group";
      return;
  }
  if (!ValidateSegment(contribution->group).ok()) {
    contribution->error = "`group_by` gives what cannot be a segment of a path";
  }
}

}  // namespace

absl::Status AggregateUpdate::Run(TouchedChildren touched,
                                  DerivationProgress* progress,
                                  absl::StatusOr<Tree>* result) {
  const auto& aggregate =
      std::get<AggregateTransform>(definition_.transform);
  progress->cold = false;
  // A leaf hides derived children, all at once.
  absl::StatusOr<NodeProbe> node =
      ProbeLayered(client_, derived_, definition_.sources.front(),
                   View::kWithoutDerived);
  if (!node.ok()) {
    // What was touched is forgotten with this computation.
    Forget(progress);
    *result = node.status();
    return absl::OkStatus();
  }
  const bool is_leaf =
      node->own.has_value() && node->own->is_leaf() && !node->has_children;
  if (progress->aggregate == 0 && !progress->runaways.empty() &&
      !touched.all && is_leaf == progress->source_was_leaf) {
    absl::Status status = LookAgain(touched, progress, result);
    if (!status.ok()) {
      // Which of them are well is not known any more.
      Forget(progress);
      return status;
    }
    if (!result->ok() || !progress->runaways.empty()) {
      if (result->ok()) *result = FailureOf(*progress);
      return absl::OkStatus();
    }
  }
  progress->runaways.clear();
  AggregateState* state = table_->Find(derivation_, progress->aggregate);
  // One that is of nothing is quickly made.
  const bool is_nothing =
      !node->exists() && !derived_.HasBelow(definition_.sources.front());
  touched.all |= state == nullptr || is_leaf != progress->source_was_leaf ||
                 is_nothing;
  progress->source_was_leaf = is_leaf;
  if (touched.all) {
    state = table_->Start(derivation_, aggregate.combine,
                          !aggregate.group_by.empty());
  } else if (progress->unseen != nullptr) {
    unseen_ = *progress->unseen;
    runaways_ = std::move(unseen_.runaways);
  }
  // Until it is done it must be done again from the beginning.
  progress->aggregate = 0;
  progress->unseen = nullptr;
  *result = Tree();
  absl::Status status;
  if (touched.all) {
    status = SetAll(state, result);
  } else if (!is_leaf) {
    unseen_.changed.insert(touched.names.begin(), touched.names.end());
    status = SetTouched(std::exchange(unseen_, {}), state, result);
  }
  if (is_unread_) {
    Forget(progress);
    return status;
  }
  if (IsPutOff(status)) {
    progress->aggregate = table_->Keep(derivation_);
    unseen_.runaways = std::move(runaways_);
    progress->unseen =
        std::make_shared<const UnseenChildren>(std::move(unseen_));
    return status;
  }
  if (!status.ok() || !result->ok()) return status;
  if (GivesUp()) {
    Forget(progress);
    progress->runaways = std::move(runaways_);
    *result = FailureOf(*progress);
    return absl::OkStatus();
  }

  AggregateState::Result sum = state->result();
  progress->aggregate = table_->Keep(derivation_);
  if (sum.error.empty()) {
    *result = std::move(sum.value);
  } else {
    *result = MakeError(Reason::kDerivationFailed, sum.error);
  }
  return absl::OkStatus();
}

absl::Status AggregateUpdate::LookAgain(const TouchedChildren& touched,
                                        DerivationProgress* progress,
                                        absl::StatusOr<Tree>* result) {
  *result = Tree();
  for (auto& [name, message] : std::exchange(progress->runaways, {})) {
    if (touched.names.contains(name)) {
      absl::StatusOr<Tree> child = ReadChild(name);
      if (IsPutOff(child.status())) return child.status();
      if (!child.ok()) {
        Forget(progress);
        *result = child.status();
        return absl::OkStatus();
      }
      absl::Status status = ContributionOf(name, *child).status();
      if (!status.ok()) return status;
    } else {
      runaways_.emplace_back(std::move(name), std::move(message));
    }
  }
  progress->runaways = std::exchange(runaways_, {});
  return absl::OkStatus();
}

absl::Status AggregateUpdate::FailureOf(const DerivationProgress& progress) {
  const auto& [name, message] = progress.runaways.front();
  const size_t more = progress.runaways.size() - 1;
  return MakeError(
      Reason::kDerivationFailed,
      absl::StrCat("child ", name, ": ", message,
                   more == 0 ? std::string()
                             : absl::StrCat("; so it is with ", more, " more"),
                   "; others were not looked at"));
}

void AggregateUpdate::Forget(DerivationProgress* progress) {
  progress->aggregate = 0;
  progress->unseen = nullptr;
  progress->runaways.clear();
  table_->NoteUnused(derivation_);
}

bool AggregateUpdate::GivesUp() const {
  return runaways_.size() >= kMaxRunaways;
}

absl::Status AggregateUpdate::SetAll(AggregateState* state,
                                     absl::StatusOr<Tree>* result) {
  const Path& source = definition_.sources.front();
  ReadLimits limits;
  limits.max_bytes =
      calls_->MayReadBytes(definition_.definer, limits.max_bytes);
  absl::StatusOr<ReadResult> all = ReadLayered(
      client_, derived_, source, ViewOf(definition_.dest, source), limits);
  if (!all.ok()) {
    *result = all.status();
    return absl::OkStatus();
  }
  if (all->over_limit) {
    is_unread_ = true;
    return calls_->TooMuchToRead(definition_.definer);
  }
  if (!all->tree.has_value() || !all->tree->is_map()) return absl::OkStatus();
  const Value::Map& children = all->tree->as_map();
  state->BeginFilling(children.size());
  bool first = true;
  absl::Status status;
  for (auto it = children.begin(); !it.at_end(); ++it) {
    if (it->key == kOwnValueKey) continue;
    // What has been read is put together at once, unless that takes calls.
    if (HasFunctions() && !std::exchange(first, false)) {
      status = calls_->Begin(definition_.definer);
    }
    if (status.ok()) status = SetChild(it->key, it->value, state);
    if (IsPutOff(status)) {
      auto names = std::make_shared<std::vector<std::string>>();
      for (; !it.at_end(); ++it) {
        if (it->key != kOwnValueKey) names->push_back(it->key);
      }
      unseen_.names = std::move(names);
      break;
    }
    if (!status.ok() || GivesUp()) return status;
  }
  state->EndFilling();
  return status;
}

absl::Status AggregateUpdate::SetTouched(const UnseenChildren& unseen,
                                         AggregateState* state,
                                         absl::StatusOr<Tree>* result) {
  bool first = true;
  const auto set = [&](const std::string& name) {
    if (!std::exchange(first, false)) {
      absl::Status status = calls_->Begin(definition_.definer);
      if (!status.ok()) return status;
    }
    return SetNamed(name, state, result);
  };
  for (auto it = unseen.changed.begin(); it != unseen.changed.end(); ++it) {
    absl::Status status = set(*it);
    if (IsPutOff(status)) {
      unseen_ = unseen;
      unseen_.changed = {it, unseen.changed.end()};
      return status;
    }
    if (!status.ok() || !result->ok() || GivesUp()) return status;
  }
  if (unseen.names == nullptr) return absl::OkStatus();
  for (size_t i = unseen.next; i < unseen.names->size(); ++i) {
    absl::Status status = set((*unseen.names)[i]);
    if (IsPutOff(status)) {
      unseen_.names = unseen.names;
      unseen_.next = i;
      return status;
    }
    if (!status.ok() || !result->ok() || GivesUp()) return status;
  }
  return absl::OkStatus();
}

absl::Status AggregateUpdate::SetNamed(const std::string& name,
                                       AggregateState* state,
                                       absl::StatusOr<Tree>* result) {
  calls_->ChargeSources(definition_.definer, 1);
  absl::StatusOr<Tree> child = ReadChild(name);
  if (IsPutOff(child.status())) return child.status();
  if (!child.ok()) {
    *result = child.status();
    return absl::OkStatus();
  }
  return SetChild(name, *child, state);
}

absl::StatusOr<Tree> AggregateUpdate::ReadChild(const std::string& name) {
  const Path& source = definition_.sources.front();
  const View view = ViewOf(definition_.dest, source);
  const Path child = source.Child(name);
  // A destination is no child in a view without derived paths.
  const std::optional<Path> owner = derived_.OwnerOf(child);
  if (view == View::kWithoutDerived && owner.has_value() &&
      source.StrictlyContains(*owner)) {
    return Tree();
  }
  ReadLimits limits;
  limits.max_bytes =
      calls_->MayReadBytes(definition_.definer, limits.max_bytes);
  absl::StatusOr<ReadResult> read =
      ReadLayered(client_, derived_, child, view, limits);
  if (!read.ok()) return read.status();
  if (read->over_limit) return calls_->TooMuchToRead(definition_.definer);
  return std::move(read->tree);
}

absl::Status AggregateUpdate::SetChild(const std::string& name,
                                       const Tree& child,
                                       AggregateState* state) {
  calls_->ChargeRead(definition_.definer, child);
  absl::StatusOr<std::optional<Contribution>> contribution =
      ContributionOf(name, child);
  if (!contribution.ok()) return contribution.status();
  state->SetChild(name, *std::move(contribution));
  return absl::OkStatus();
}

Contribution AggregateUpdate::Failed(const std::string& name,
                                     const absl::Status& status) {
  Contribution contribution;
  contribution.error = MessageOf(status);
  if (UsedUpItsBudget(status)) {
    runaways_.emplace_back(name, contribution.error);
  }
  return contribution;
}

absl::StatusOr<std::optional<Contribution>> AggregateUpdate::ContributionOf(
    const std::string& name, const Tree& child) {
  if (!child.has_value()) return std::nullopt;
  Contribution contribution;
  if (functions_.group_by == nullptr && functions_.each == nullptr) {
    contribution.value = *child;
    return contribution;
  }
  const Tree arguments[] = {Value::String(name), child};
  if (functions_.group_by != nullptr) {
    absl::StatusOr<LuaOutcome> called =
        calls_->Call(definition_.definer, *functions_.group_by, arguments);
    if (!called.ok()) return called.status();
    if (!called->result.ok()) return Failed(name, called->result.status());
    if (!called->result->has_value()) return std::nullopt;
    NameGroup(**called->result, &contribution);
    if (!contribution.error.empty()) return contribution;
  }
  if (functions_.each == nullptr) {
    contribution.value = *child;
    return contribution;
  }
  absl::StatusOr<LuaOutcome> called =
      calls_->Call(definition_.definer, *functions_.each, arguments);
  if (!called.ok()) return called.status();
  if (!called->result.ok()) return Failed(name, called->result.status());
  if (!called->result->has_value()) return std::nullopt;
  contribution.value = **std::move(called->result);
  return contribution;
}

}  // namespace restate
