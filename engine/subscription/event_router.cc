#include "engine/subscription/event_router.h"

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

std::shared_ptr<Emission> NewEmission(const SequencedCommit& commit,
                                      const Effect& effect) {
  auto emission = std::make_shared<Emission>();
  emission->revision = commit.revision;
  emission->index = effect.index;
  emission->payload = effect.payload;
  emission->commit_time = commit.commit_time;
  emission->origin = commit.origin == CommitOrigin::kMount
                         ? OriginKind::kMount
                         : OriginKind::kClient;
  return emission;
}

}  // namespace

void EventRouter::Add(std::shared_ptr<Subscriber> subscriber) {
  Subscriber* raw = subscriber.get();
  for (const PathPattern& pattern : raw->spec().patterns) {
    index_.Add({raw, std::make_shared<const PathPattern>(pattern)});
  }
  subscribers_.emplace(raw, std::move(subscriber));
}

void EventRouter::Remove(const Subscriber* subscriber) {
  auto it = subscribers_.find(subscriber);
  if (it == subscribers_.end()) return;
  for (const PathPattern& pattern : subscriber->spec().patterns) {
    index_.Remove(
        {it->second.get(), std::make_shared<const PathPattern>(pattern)});
  }
  subscribers_.erase(it);
}

void EventRouter::EndAll(const absl::Status& why) {
  std::vector<std::shared_ptr<Subscriber>> ending;
  for (const auto& [raw, subscriber] : subscribers_) {
    ending.push_back(subscriber);
  }
  for (const std::shared_ptr<Subscriber>& subscriber : ending) {
    subscriber->End(why);
    subscriber->WakeIfWaiting();
    Remove(subscriber.get());
  }
}

void EventRouter::OnPublished(absl::Span<const SequencedCommit> commits) {
  if (index_.empty()) return;
  for (const SequencedCommit& commit : commits) {
    for (const Effect& effect : commit.effects) {
      if (!effect.skip_notify) RouteEffect(commit, effect);
    }
    for (Subscriber* subscriber : staged_) {
      subscriber->Flush();
      touched_.push_back(subscriber);
    }
    staged_.clear();
  }
  std::sort(touched_.begin(), touched_.end());
  touched_.erase(std::unique(touched_.begin(), touched_.end()),
                 touched_.end());
  for (Subscriber* subscriber : touched_) {
    subscriber->WakeIfWaiting();
    // One that did not keep up gets no more.
    if (subscriber->ended()) Remove(subscriber);
  }
  touched_.clear();
}

void EventRouter::RouteEffect(const SequencedCommit& commit,
                              const Effect& effect) {
  if (effect.kind != Effect::Kind::kPing && effect.complete) {
    index_.ForEachChangedBelow(
        effect.path, effect.before, effect.after,
        [&](const Path& place, const Tree& before, const Tree& after,
            absl::Span<const PatternIndex::Listener* const> listeners) {
          std::shared_ptr<Emission> emission = NewEmission(commit, effect);
          emission->kind =
              after.has_value() ? EventKind::kSet : EventKind::kDelete;
          emission->emitting_path = place;
          Carry(before, &emission->prev_value, &emission->prev_omitted);
          Carry(after, &emission->new_value, &emission->new_omitted);
          emission->bytes = emission->ByteSize();
          Deliver(emission, place, listeners);
        });
  }
  std::shared_ptr<Emission> emission;
  index_.ForEachAtAndAbove(
      effect.path,
      [&](const Path& place,
          absl::Span<const PatternIndex::Listener* const> listeners) {
        if (emission == nullptr) {
          emission = NewEmission(commit, effect);
          emission->kind = KindOf(effect.kind);
          emission->emitting_path = effect.path;
          if (effect.complete) {
            Tree before = Reading(effect.path, effect.before);
            if (!before.has_value() && effect.kind == Effect::Kind::kSet) {
              before = effect.default_value;
            }
            Carry(std::move(before), &emission->prev_value,
                  &emission->prev_omitted);
            Carry(Reading(effect.path, effect.after), &emission->new_value,
                  &emission->new_omitted);
          } else {
            // Too large to be read is too large to be told.
            emission->prev_omitted = true;
            emission->new_omitted = effect.after_incomplete;
            if (!effect.after_incomplete) {
              Carry(Reading(effect.path, effect.after), &emission->new_value,
                    &emission->new_omitted);
            }
          }
          emission->bytes = emission->ByteSize();
        }
        Deliver(emission, place, listeners);
      });
}

void EventRouter::Deliver(
    const std::shared_ptr<const Emission>& emission, const Path& place,
    absl::Span<const PatternIndex::Listener* const> listeners) {
  for (const PatternIndex::Listener* listener : listeners) {
    if (!listener->subscriber->Wants(*emission, place)) continue;
    if (listener->subscriber->Stage(
            Event{emission, place, listener->pattern})) {
      staged_.push_back(listener->subscriber);
    }
  }
}

}  // namespace restate
