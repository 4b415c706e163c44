#include "engine/subscription/commit_routing.h"

#include <algorithm>
#include <utility>

namespace restate {
namespace {

EventKind KindOf(Effect::Kind kind) {
  switch (kind) {
    case Effect::Kind::kSet:
      return EventKind::kSet;
    case Effect::Kind::kDelete:
      return EventKind::kDelete;
    case Effect::Kind::kPing:
      return EventKind::kPing;
  }
  return EventKind::kSet;
}

// Puts `value` into `*slot`, or flags it as left out.
void Carry(Tree value, Tree* slot, bool* omitted) {
  if (value.has_value() &&
      value->ByteSize(kMaxEventValueBytes) > kMaxEventValueBytes) {
    *omitted = true;
  } else {
    *slot = std::move(value);
  }
}

// What a path reads as: the root always reads something.
Tree Reading(const Path& path, const Tree& node) {
  if (!node.has_value() && path.is_root()) return Value::EmptyMap();
  return node;
}

OriginKind OriginOf(CommitOrigin origin) {
  switch (origin) {
    case CommitOrigin::kClient:
      return OriginKind::kClient;
    case CommitOrigin::kMount:
      return OriginKind::kMount;
    case CommitOrigin::kExpired:
      return OriginKind::kExpired;
    case CommitOrigin::kFile:
      return OriginKind::kFile;
    case CommitOrigin::kDerivation:
      return OriginKind::kDerivation;
  }
  return OriginKind::kClient;
}

std::shared_ptr<Emission> NewEmission(const SequencedCommit& commit,
                                      const Effect& effect) {
  auto emission = std::make_shared<Emission>();
  emission->revision = commit.revision;
  emission->index = effect.index;
  emission->payload = effect.payload;
  emission->commit_time = commit.commit_time;
  emission->origin = OriginOf(commit.origin);
  if (effect.derived) {
    emission->origin = OriginKind::kDerivation;
    emission->derivation = effect.path;
  }
  return emission;
}

// What the emitting path's own listeners, and those above, are told.
std::shared_ptr<const Emission> EmissionAt(const SequencedCommit& commit,
                                           const Effect& effect) {
  std::shared_ptr<Emission> emission = NewEmission(commit, effect);
  emission->kind = KindOf(effect.kind);
  emission->emitting_path = effect.path;
  if (effect.complete) {
    Tree before = Reading(effect.path, effect.before);
    if (!before.has_value() && effect.kind == Effect::Kind::kSet) {
      before = effect.default_value;
    }
    Carry(std::move(before), &emission->prev_value, &emission->prev_omitted);
  } else {
    // Too large to be read is too large to be told.
    emission->prev_omitted = true;
  }
  if (effect.after_incomplete) {
    emission->new_omitted = true;
  } else {
    Carry(Reading(effect.path, effect.after), &emission->new_value,
          &emission->new_omitted);
  }
  emission->bytes = emission->ByteSize();
  return emission;
}

void DeliverAt(const std::shared_ptr<const Emission>& emission,
               const Path& place,
               absl::Span<const PatternIndex::Group* const> groups,
               bool downward, DeliverySink* sink) {
  for (const PatternIndex::Group* group : groups) {
    const bool wanted =
        std::any_of(group->subscriptions.begin(), group->subscriptions.end(),
                    [&](const Subscription* subscription) {
                      return subscription->Wants(*emission, place);
                    });
    if (!wanted) continue;
    auto delivery = std::make_shared<Delivery>();
    delivery->emission = emission;
    delivery->current_path = place;
    delivery->pattern = group->pattern;
    sink->Deliver(delivery, *group, downward);
  }
}

void RouteEffect(const SequencedCommit& commit, const Effect& effect,
                 const PatternIndex& index, DeliverySink* sink) {
  sink->BeginOperation(commit, effect);
  if (effect.below_unknown) {
    std::shared_ptr<const SubtreeReset> reset;
    index.ForEachListenerBelow(effect.path, [&](Subscription* subscription) {
      if (reset == nullptr) reset = ResetOf(commit, effect);
      sink->Reset(subscription, reset);
    });
  } else if (effect.kind != Effect::Kind::kPing && effect.complete &&
             !effect.after_incomplete) {
    // If a side was left out and yet all is known, nothing below has changed.
    index.ForEachChangedBelow(
        effect.path, effect.before, effect.after,
        [&](const Path& place, const Tree& before, const Tree& after,
            absl::Span<const PatternIndex::Group* const> groups) {
          std::shared_ptr<Emission> emission = NewEmission(commit, effect);
          emission->kind =
              after.has_value() ? EventKind::kSet : EventKind::kDelete;
          emission->emitting_path = place;
          Carry(before, &emission->prev_value, &emission->prev_omitted);
          Carry(after, &emission->new_value, &emission->new_omitted);
          emission->bytes = emission->ByteSize();
          DeliverAt(emission, place, groups, true, sink);
        });
  }
  std::shared_ptr<const Emission> emission;
  index.ForEachAtAndAbove(
      effect.path, [&](const Path& place,
                       absl::Span<const PatternIndex::Group* const> groups) {
        if (emission == nullptr) emission = EmissionAt(commit, effect);
        DeliverAt(emission, place, groups, false, sink);
      });
  sink->EndOperation();
}

}  // namespace

void RouteCommit(const SequencedCommit& commit, const PatternIndex& index,
                 DeliverySink* sink) {
  for (const Effect& effect : commit.effects) {
    if (!effect.skip_notify) RouteEffect(commit, effect, index, sink);
  }
}

}  // namespace restate
