#include "tests/property/model.h"

#include <algorithm>
#include <set>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"

namespace restate {

std::string ModelEvent::ToText() const {
  const auto text = [](const Tree& tree) {
    return tree.has_value() ? tree->DebugString() : std::string("-");
  };
  return absl::StrCat(revision, ".", index, " ", kind, " ",
                      emitting_path.ToText(), " at ", current_path.ToText(),
                      " (", pattern.ToText(), "): ", text(prev_value), " -> ",
                      text(new_value));
}

struct Model::Step {
  int64_t revision;
  int32_t* index;
  const std::vector<PathPattern>* patterns;
  std::vector<ModelEvent>* events;
  const Operation* operation;
};

Tree Model::Read(const Path& path) const {
  Tree own;
  std::set<std::string> names;
  for (const auto& [at, value] : own_values_) {
    if (at == path) own = value;
    if (path.StrictlyContains(at)) {
      names.insert(std::string(*at.RelativeTo(path).segments().begin()));
    }
  }
  if (names.empty()) {
    return own.has_value() || !path.is_root() ? own : Tree(Value::EmptyMap());
  }
  Value::Map map;
  if (own.has_value() && own->is_leaf()) map = map.Set("/", *own);
  for (const std::string& name : names) {
    map = map.Set(name, *Read(path.Child(name)));
  }
  return Value::MakeMap(map);
}

void Model::EraseSubtree(const Path& path) {
  std::erase_if(own_values_,
                [&](const auto& entry) { return path.Contains(entry.first); });
}

void Model::Insert(const Path& path, const Value& value) {
  if (value.is_leaf() || value.as_map().empty()) {
    own_values_[path] = value;
    return;
  }
  for (auto it = value.as_map().begin(); !it.at_end(); ++it) {
    if (it->key == "/") {
      own_values_[path] = it->value;
    } else {
      Insert(path.Child(it->key), it->value);
    }
  }
}

void Model::Write(const Path& path, const Tree& subtree) {
  EraseSubtree(path);
  if (subtree.has_value()) Insert(path, *subtree);
  // {} stands only where nothing else does, and not at the root.
  std::vector<Path> displaced;
  for (const auto& [at, value] : own_values_) {
    if (!value.is_empty_map()) continue;
    const bool has_more = std::any_of(
        own_values_.begin(), own_values_.end(),
        [&](const auto& other) { return at.StrictlyContains(other.first); });
    if (has_more || at.is_root()) displaced.push_back(at);
  }
  for (const Path& at : displaced) own_values_.erase(at);
}

void Model::WriteOwn(const Path& path, const Tree& own) {
  Model children = *this;
  children.own_values_.erase(path);
  std::map<Path, Value> kept;
  for (const auto& [at, value] : children.own_values_) {
    if (path.Contains(at)) kept[at] = value;
  }
  Write(path, own);
  own_values_.insert(kept.begin(), kept.end());
}

void Model::Emit(const Step& step, const std::string& kind, const Path& path,
                 const Model& before, const Tree& default_value,
                 bool skip_notify) {
  if (skip_notify) return;
  std::vector<ModelEvent> events;
  if (kind != "PING") {
    std::set<Path> below;
    for (const Model* state : {&before, static_cast<const Model*>(this)}) {
      for (const auto& [at, value] : state->own_values_) {
        for (size_t depth = path.depth() + 1; depth <= at.depth(); ++depth) {
          if (path.Contains(at)) below.insert(at.Ancestor(depth));
        }
      }
    }
    for (const Path& place : below) {
      Tree was = before.Read(place);
      Tree is = Read(place);
      if (was == is) continue;
      for (const PathPattern& pattern : *step.patterns) {
        if (!pattern.Matches(place)) continue;
        events.push_back({step.revision, *step.index,
                          is.has_value() ? "SET" : "DELETE", place, place,
                          pattern, was, is});
      }
    }
    std::stable_sort(events.begin(), events.end(),
                     [](const ModelEvent& a, const ModelEvent& b) {
                       if (a.current_path.depth() != b.current_path.depth()) {
                         return a.current_path.depth() > b.current_path.depth();
                       }
                       if (a.current_path != b.current_path) {
                         return a.current_path < b.current_path;
                       }
                       return a.pattern < b.pattern;
                     });
  }
  Tree previous = before.Read(path);
  if (!previous.has_value() && kind == "SET") previous = default_value;
  for (size_t depth = path.depth() + 1; depth-- > 0;) {
    const Path place = path.Ancestor(depth);
    std::vector<PathPattern> matching;
    for (const PathPattern& pattern : *step.patterns) {
      if (pattern.Matches(place)) matching.push_back(pattern);
    }
    std::sort(matching.begin(), matching.end());
    for (const PathPattern& pattern : matching) {
      events.push_back({step.revision, *step.index, kind, path, place, pattern,
                        previous, Read(path)});
    }
  }
  step.events->insert(step.events->end(), events.begin(), events.end());
}

bool Model::RunSet(const Step& step, const SetOperation& set,
                   Outcome* outcome) {
  const Model before = *this;
  const Tree present = Read(set.path);
  const Tree own = own_values_.contains(set.path)
                       ? Tree(own_values_.at(set.path))
                       : Tree();
  const bool always = set.equality.kind == Equality::Kind::kAlwaysWrite;
  const auto written = [&] {
    outcome->changed = true;
    Emit(step, "SET", set.path, before, set.default_value, set.skip_notify);
  };
  switch (set.mode) {
    case WriteMode::kMerge:
      return false;
    case WriteMode::kIfAbsent:
      if (present.has_value()) {
        outcome->value = present;
        return true;
      }
      [[fallthrough]];
    case WriteMode::kSet: {
      const Tree previous = present.has_value() ? present : set.default_value;
      if (!always && previous == Tree(set.value)) return true;
      Write(set.path, set.value);
      if (set.mode == WriteMode::kIfAbsent) outcome->value = set.value;
      written();
      return true;
    }
    case WriteMode::kValue: {
      const Tree previous = own.has_value() ? own : set.default_value;
      if (!always && previous == Tree(set.value)) return true;
      WriteOwn(set.path, set.value);
      written();
      return true;
    }
    case WriteMode::kAdd:
    case WriteMode::kAppend: {
      Tree previous = own;
      if (!previous.has_value()) previous = set.default_value;
      Value combined = set.value;
      if (previous.has_value()) {
        if (set.mode == WriteMode::kAdd) {
          if (!previous->is_number()) return false;
          combined =
              previous->kind() == Value::Kind::kInt
                  ? Value::Int(previous->as_int() + set.value.as_int())
                  : Value::Double(previous->as_double() +
                                  static_cast<double>(set.value.as_int()));
        } else {
          if (previous->kind() != Value::Kind::kString) return false;
          combined =
              Value::String(previous->as_string() + set.value.as_string());
        }
      }
      outcome->value = combined;
      if (!always && previous == Tree(combined)) return true;
      WriteOwn(set.path, combined);
      written();
      return true;
    }
  }
  return false;
}

bool Model::Run(const Step& step, Outcome* outcome) {
  if (const auto* ping = std::get_if<PingOperation>(step.operation)) {
    Emit(step, "PING", ping->path, *this, std::nullopt, false);
    outcome->changed = true;
    ++*step.index;
    return true;
  }
  const auto erase = [&](const Path& path, bool skip_notify) {
    const Model before = *this;
    const bool was_there = std::any_of(
        own_values_.begin(), own_values_.end(),
        [&](const auto& entry) { return path.Contains(entry.first); });
    if (!was_there) return;
    EraseSubtree(path);
    outcome->changed = true;
    Emit(step, "DELETE", path, before, std::nullopt, skip_notify);
  };
  if (const auto* op = std::get_if<DeleteOperation>(step.operation)) {
    erase(op->path, op->skip_notify);
    ++*step.index;
    return true;
  }
  const SetOperation& set = std::get<SetOperation>(*step.operation);
  if (set.mode != WriteMode::kMerge) {
    const bool ok = RunSet(step, set, outcome);
    ++*step.index;
    return ok;
  }
  // Each leaf of a merge, in path order.
  struct Leaf {
    Path path;
    Value value;
    bool own;
  };
  std::vector<Leaf> leaves;
  const auto collect = [&](const auto& self, const Path& path,
                           const Value& value) -> void {
    if (value.is_leaf() || value.as_map().empty()) {
      leaves.push_back({path, value, false});
      return;
    }
    for (auto it = value.as_map().begin(); !it.at_end(); ++it) {
      if (it->key == "/") {
        leaves.push_back({path, it->value, true});
      } else {
        self(self, path.Child(it->key), it->value);
      }
    }
  };
  collect(collect, set.path, set.value);
  std::stable_sort(leaves.begin(), leaves.end(),
                   [](const Leaf& a, const Leaf& b) { return a.path < b.path; });
  for (const Leaf& leaf : leaves) {
    Outcome one;
    SetOperation part;
    part.path = leaf.path;
    part.value = leaf.value;
    part.equality = set.equality;
    part.skip_notify = set.skip_notify;
    if (leaf.own && leaf.value.kind() == Value::Kind::kNull) {
      if (own_values_.contains(leaf.path) &&
          own_values_.at(leaf.path).is_leaf()) {
        const Model before = *this;
        own_values_.erase(leaf.path);
        one.changed = true;
        Emit(step, Read(leaf.path).has_value() ? "SET" : "DELETE", leaf.path,
             before, std::nullopt, set.skip_notify);
      }
    } else if (leaf.own) {
      part.mode = WriteMode::kValue;
      RunSet(step, part, &one);
    } else if (leaf.value.kind() == Value::Kind::kNull) {
      Outcome& result = *outcome;
      const bool earlier = result.changed;
      result.changed = false;
      erase(leaf.path, set.skip_notify);
      one.changed = result.changed;
      result.changed = earlier;
    } else {
      part.mode =
          leaf.value.is_map() ? WriteMode::kIfAbsent : WriteMode::kSet;
      RunSet(step, part, &one);
    }
    outcome->changed |= one.changed;
    ++*step.index;
  }
  return true;
}

bool Model::Apply(const std::vector<Operation>& operations, int64_t revision,
                  const std::vector<PathPattern>& patterns,
                  std::vector<Outcome>* outcomes,
                  std::vector<ModelEvent>* events) {
  const Model before = *this;
  int32_t index = 0;
  for (const Operation& operation : operations) {
    Outcome outcome;
    if (!Run(Step{revision, &index, &patterns, events, &operation},
             &outcome)) {
      *this = before;
      events->clear();
      return false;
    }
    outcomes->push_back(std::move(outcome));
  }
  return true;
}

}  // namespace restate
