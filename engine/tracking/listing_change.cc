#include "engine/tracking/listing_change.h"

#include "engine/tree/tree.h"

namespace restate {
namespace {

// Whether a listing shows two nodes of the same name alike.
bool ListedAlike(const Tree& a, const Tree& b) {
  return a.has_value() == b.has_value() &&
         tree::OwnValue(a).has_value() == tree::OwnValue(b).has_value() &&
         tree::HasChildren(a) == tree::HasChildren(b);
}

// Whether the listings of two nodes' children are the same.
bool ChildrenListedAlike(const Tree& a, const Tree& b) {
  const Value::Map none;
  bool alike = true;
  Value::Map::Diff(
      a.has_value() && a->is_map() ? a->as_map() : none,
      b.has_value() && b->is_map() ? b->as_map() : none,
      [&](const std::string& name, const Value* in_a, const Value* in_b) {
        if (name == kOwnValueKey) return;
        alike &= in_a != nullptr && in_b != nullptr &&
                 ListedAlike(Tree(*in_a), Tree(*in_b));
      });
  return alike;
}

}  // namespace

bool MayChangeListing(const Path& path, const Effect& effect) {
  if (!effect.complete || effect.after_incomplete || effect.below_unknown) {
    return true;
  }
  if (effect.path.Contains(path)) {
    const Path inside = path.RelativeTo(effect.path);
    return !ChildrenListedAlike(tree::Get(effect.before, inside),
                                tree::Get(effect.after, inside));
  }
  if (effect.path.depth() == path.depth() + 1) {
    return !ListedAlike(effect.before, effect.after);
  }
  // What is there before and after keeps everything above it in its place.
  return effect.before.has_value() != effect.after.has_value();
}

}  // namespace restate
