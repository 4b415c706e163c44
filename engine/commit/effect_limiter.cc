#include "engine/commit/effect_limiter.h"

#include "engine/tree/tree.h"

namespace restate {
namespace {

size_t BytesOf(const Tree& tree) {
  return tree.has_value() ? tree->ByteSize(kMaxSideBytes) : 0;
}

// Whether at most kMaxChangedLeaves differ.
bool FewChanged(const Tree& before, const Tree& after) {
  constexpr size_t kEnough = kMaxChangedLeaves + 1;
  if (tree::CountOwnValues(before, kEnough) +
          tree::CountOwnValues(after, kEnough) <=
      kMaxChangedLeaves) {
    return true;
  }
  size_t changed = 0;
  tree::Diff(before, after,
             [&](const Path&, const Value* old_value, const Value* new_value) {
               // A change that no reader can tell is none.
               if (old_value == nullptr || new_value == nullptr ||
                   !(*old_value == *new_value)) {
                 ++changed;
               }
             });
  return changed <= kMaxChangedLeaves;
}

}  // namespace

void EffectLimiter::Limit(Reach reach, Effect* effect) {
  if (!effect->complete) effect->before.reset();
  if (effect->after_incomplete) effect->after.reset();
  const size_t before_bytes = BytesOf(effect->before);
  const size_t after_bytes = BytesOf(effect->after);
  const size_t both = before_bytes + after_bytes;
  const bool known = effect->complete && !effect->after_incomplete;
  const bool below =
      reach == Reach::kSubtree &&
      (!known || tree::HasChildren(effect->before) ||
       tree::HasChildren(effect->after));

  bool whole = known && before_bytes <= kMaxSideBytes &&
               after_bytes <= kMaxSideBytes &&
               kept_bytes_ + both <= kMaxCommitValueBytes;
  if (below) {
    whole = whole && FewChanged(effect->before, effect->after);
    effect->below_unknown = !whole;
  } else if (before_bytes > kMaxCarriedBytes &&
             after_bytes > kMaxCarriedBytes) {
    // Nobody but an event at the path would want them.
    whole = false;
  }
  if (whole) {
    kept_bytes_ += both;
    return;
  }
  const auto keeps = [this](size_t bytes) {
    if (bytes > kMaxCarriedBytes ||
        kept_bytes_ + bytes > kMaxCommitValueBytes) {
      return false;
    }
    kept_bytes_ += bytes;
    return true;
  };
  if (effect->complete && !keeps(before_bytes)) {
    effect->complete = false;
    effect->before.reset();
  }
  if (!effect->after_incomplete && !keeps(after_bytes)) {
    effect->after_incomplete = true;
    effect->after.reset();
  }
}

void EffectLimiter::LimitMount(Effect* effect) {
  effect->complete = false;
  effect->before.reset();
  effect->below_unknown = true;
  if (effect->after_incomplete) {
    effect->after.reset();
    return;
  }
  const size_t bytes = BytesOf(effect->after);
  const bool is_small =
      bytes <= kMaxCarriedBytes ||
      (bytes <= kMaxSideBytes &&
       tree::CountOwnValues(effect->after, kMaxChangedLeaves + 1) <=
           kMaxChangedLeaves);
  if (is_small && kept_bytes_ + bytes <= kMaxCommitValueBytes) {
    kept_bytes_ += bytes;
    return;
  }
  effect->after_incomplete = true;
  effect->after.reset();
}

}  // namespace restate
