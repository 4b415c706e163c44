#include "engine/derivation/change_marks.h"

#include <variant>

#include "engine/tree/tree.h"

namespace restate {
namespace {

// The names of children that differ.
void TouchDifferent(const Tree& before, const Tree& after,
                    TouchedChildren* touched) {
  const auto children = [](const Tree& node) {
    return node.has_value() && node->is_map() ? node->as_map() : Value::Map();
  };
  Value::Map::Diff(
      children(before), children(after),
      [&](const std::string& name, const Value* old_child,
          const Value* new_child) {
        if (name == kOwnValueKey) return;
        if (old_child != nullptr && new_child != nullptr &&
            Value::Identical(*old_child, *new_child)) {
          return;
        }
        touched->names.insert(name);
      });
}

class Marker {
 public:
  Marker(const DerivationState& state, const Effect& effect, size_t seen_from,
         absl::flat_hash_map<std::string, TouchedChildren>* touched,
         absl::FunctionRef<void(const Path&)> mark)
      : state_(state),
        effect_(effect),
        seen_from_(seen_from),
        whole_(effect.complete && !effect.after_incomplete &&
               !effect.below_unknown),
        touched_(touched),
        mark_(mark) {}

  void Run() {
    if (effect_.kind == Effect::Kind::kPing) return;
    if (whole_ && tree::Identical(effect_.before, effect_.after)) return;
    state_.sources.ForEachAtAndAbove(
        effect_.path, [this](const Path& source, const Path& dest) {
          if (effect_.derived && !SeesDerivedWrite(source, dest)) return;
          MarkAbove(source, dest);
        });
    state_.sources.ForEachBelow(
        effect_.path, [this](const Path& source, const Path& dest) {
          if (effect_.derived && dest == effect_.path) return;
          MarkBelow(source, dest);
        });
  }

 private:
  // `source` is the destination that was written, or above it.
  bool SeesDerivedWrite(const Path& source, const Path& dest) const {
    if (dest == effect_.path) return false;
    if (source == effect_.path) return true;
    return ViewOf(dest, source) == View::kAll && source.depth() >= seen_from_;
  }

  // The aggregate's changed children, or null if it is none.
  TouchedChildren* TouchedOf(const Path& dest) {
    const Derivation* derivation = state_.Find(dest);
    if (!std::holds_alternative<AggregateTransform>(
            derivation->definition->transform)) {
      return nullptr;
    }
    return &(*touched_)[dest.key()];
  }

  void MarkAbove(const Path& source, const Path& dest) {
    mark_(dest);
    TouchedChildren* const touched = TouchedOf(dest);
    if (touched == nullptr) return;
    if (source == effect_.path) {
      TouchAt(effect_.before, effect_.after, touched);
    } else {
      const Path inside = effect_.path.RelativeTo(source);
      touched->names.insert(std::string(*inside.segments().begin()));
    }
  }

  void MarkBelow(const Path& source, const Path& dest) {
    if (!whole_ && !effect_.below_unknown) return;
    Tree before;
    Tree after;
    if (whole_) {
      const Path inside = source.RelativeTo(effect_.path);
      before = tree::Get(effect_.before, inside);
      after = tree::Get(effect_.after, inside);
      if (tree::Identical(before, after)) return;
    }
    mark_(dest);
    TouchedChildren* const touched = TouchedOf(dest);
    if (touched != nullptr) TouchAt(before, after, touched);
  }

  // The source itself changed from `before` to `after`.
  void TouchAt(const Tree& before, const Tree& after,
               TouchedChildren* touched) {
    if (effect_.below_unknown) {
      touched->all = true;
    } else if (whole_) {
      TouchDifferent(before, after, touched);
    }
  }

  const DerivationState& state_;
  const Effect& effect_;
  const size_t seen_from_;
  // Whether both values are known.
  const bool whole_;
  absl::flat_hash_map<std::string, TouchedChildren>* const touched_;
  const absl::FunctionRef<void(const Path&)> mark_;
};

}  // namespace

void MarkReaders(const DerivationState& state, const Effect& effect,
                 size_t seen_from,
                 absl::flat_hash_map<std::string, TouchedChildren>* touched,
                 absl::FunctionRef<void(const Path& dest)> mark) {
  if (state.empty()) return;
  Marker(state, effect, seen_from, touched, mark).Run();
}

}  // namespace restate
