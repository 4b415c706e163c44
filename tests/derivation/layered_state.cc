#include "tests/derivation/layered_state.h"

#include <algorithm>
#include <set>
#include <utility>

namespace restate::test {
namespace {

// Whether a leaf stands between the top of `tree` and `relative`.
bool IsHidden(const Tree& tree, const Path& relative) {
  for (size_t depth = 0; depth < relative.depth(); ++depth) {
    const Tree node = tree::Get(tree, relative.Ancestor(depth));
    if (node.has_value() && node->is_leaf()) return true;
  }
  return false;
}

constexpr size_t kEnoughValues = 3000;
constexpr size_t kEnoughLevels = 24;

size_t Levels(const Value& value) {
  size_t below = 0;
  if (value.is_map()) {
    for (auto it = value.as_map().begin(); !it.at_end(); ++it) {
      below = std::max(below, Levels(it->value));
    }
  }
  return below + 1;
}

bool IsTooLarge(const Path& dest, const Tree& value) {
  return value.has_value() &&
         (tree::CountOwnValues(value, kEnoughValues) >= kEnoughValues ||
          dest.depth() + Levels(*value) > kEnoughLevels);
}

template <typename Destinations>
std::optional<Path> Owner(const Destinations& destinations, const Path& path) {
  for (size_t depth = path.depth(); depth > 0; --depth) {
    const Path above = path.Ancestor(depth);
    if (destinations.contains(above)) return above;
  }
  return std::nullopt;
}

// The destinations that a source shows something of.
std::set<Path> Seen(const Rules& rules, const Path& dest, const Path& source) {
  std::set<Path> seen;
  if (auto owner = Owner(rules, source); owner.has_value()) {
    seen.insert(*owner);
  }
  if (source.StrictlyContains(dest)) return seen;
  for (const auto& [other, rule] : rules) {
    if (source.StrictlyContains(other)) seen.insert(other);
  }
  return seen;
}

}  // namespace

std::optional<Path> LayeredState::OwnerOf(const Path& path) const {
  return Owner(derived, path);
}

Tree LayeredState::Read(const Path& path, bool with_derived) const {
  const std::optional<Path> owner = OwnerOf(path);
  Tree tree = owner.has_value()
                  ? tree::Get(derived.at(*owner), path.RelativeTo(*owner))
                  : tree::Get(client, path);
  if (with_derived) {
    // Outer destinations come first.
    for (const auto& [dest, value] : derived) {
      if (!path.StrictlyContains(dest) || !value.has_value()) continue;
      const Path relative = dest.RelativeTo(path);
      if (!IsHidden(tree, relative)) tree = tree::Replace(tree, relative, value);
    }
  }
  if (!tree.has_value() && path.is_root()) return Value::EmptyMap();
  return tree;
}

Tree LayeredState::Source(const Path& dest, const Path& source) const {
  return Read(source, !source.StrictlyContains(dest));
}

std::map<Path, Tree> LayeredState::OwnValues() const {
  std::map<Path, Tree> own_values;
  tree::ForEachOwnValue(Read(Path(), true),
                        [&](const Path& path, const Value& own) {
                          own_values[path] = own;
                          return true;
                        });
  if (own_values.size() == 1 && own_values.contains(Path()) &&
      own_values[Path()]->is_empty_map()) {
    own_values.clear();
  }
  return own_values;
}

std::optional<std::vector<Path>> Order(const Rules& rules, bool tracked) {
  std::map<Path, std::set<Path>> missing;
  for (const auto& [dest, rule] : rules) {
    std::set<Path>& of_dest = missing[dest];
    if (!tracked && rule.runs == Rule::Runs::kTracked) continue;
    for (const Path& source : rule.sources) {
      if (dest.Contains(source)) return std::nullopt;
      of_dest.merge(Seen(rules, dest, source));
    }
  }
  std::vector<Path> order;
  while (!missing.empty()) {
    std::optional<Path> ready;
    for (const auto& [dest, upstream] : missing) {
      if (upstream.empty()) ready = dest;
    }
    if (!ready.has_value()) return std::nullopt;
    missing.erase(*ready);
    for (auto& [dest, upstream] : missing) upstream.erase(*ready);
    order.push_back(*ready);
  }
  return order;
}

namespace {

// What the rule gives, with the destinations before it in place.
Computed Compute(const Rule& rule, const LayeredState& state,
                 bool* not_called) {
  if (rule.runs == Rule::Runs::kTracked) {
    const Tree first = state.Source(rule.dest, rule.sources[0]);
    if (!first.has_value() || !first->is_map()) return {false, first};
    Value::Map map;
    if (const Tree second = state.Source(rule.dest, rule.sources[1])) {
      map = map.Set("n", *second);
    }
    return {false, Value::MakeMap(map)};
  }
  std::vector<Tree> sources;
  for (const Path& source : rule.sources) {
    sources.push_back(state.Source(rule.dest, source));
    *not_called |= !sources.back().has_value() && !rule.call_when_absent &&
                   rule.runs != Rule::Runs::kAggregate;
  }
  if (*not_called) return {};
  // Of a source that is absent it is an aggregate of nothing.
  if (rule.runs == Rule::Runs::kAggregate) {
    return Aggregate(rule, sources.front());
  }
  return Call(rule.body, sources);
}

// Whether a destination may hold this: nothing of it belongs to another.
bool MayHold(const Rules& rules, const Path& dest, const Tree& value) {
  for (const auto& [nested, rule] : rules) {
    if (dest.StrictlyContains(nested) &&
        tree::Get(value, nested.RelativeTo(dest)).has_value()) {
      return false;
    }
  }
  return true;
}

}  // namespace

Recomputed Recompute(const Tree& client, const Rules& rules,
                     const std::map<Path, Tree>& kept,
                     const std::map<Path, Tree>& given) {
  Recomputed result;
  result.state.client = client;
  if (client.has_value() && client->is_empty_map()) {
    result.state.client = std::nullopt;
  }
  for (const auto& [dest, rule] : rules) result.state.derived[dest];
  const std::vector<Path> order = *Order(rules, true);
  for (const Path& dest : order) {
    const Rule& rule = rules.at(dest);
    Tree& value = result.state.derived[dest];
    if (auto it = given.find(dest); it != given.end()) {
      value = it->second;
      continue;
    }
    bool not_called = false;
    Computed computed = Compute(rule, result.state, &not_called);
    result.not_called[dest] = not_called;
    if (IsTooLarge(dest, computed.value)) {
      result.too_large = true;
      return result;
    }
    const bool failed =
        computed.failed || !MayHold(rules, dest, computed.value);
    result.failed[dest] = failed;
    if (!failed) {
      value = std::move(computed.value);
    } else if (rule.on_error == v1::ON_ERROR_KEEP_LAST) {
      const auto last = kept.find(dest);
      if (last != kept.end() && MayHold(rules, dest, last->second)) {
        value = last->second;
      }
    }
  }
  return result;
}

Tree WithoutDerived(const Rules& rules, const Path& path, const Value& value,
                    bool merge) {
  if (!value.is_map()) return value;
  Value::Map map;
  bool lost = false;
  for (auto it = value.as_map().begin(); !it.at_end(); ++it) {
    if (it->key == kOwnValueKey) {
      map = map.Set(it->key, it->value);
      continue;
    }
    const Path child = path.Child(it->key);
    Tree kept;
    if (!rules.contains(child)) {
      kept = WithoutDerived(rules, child, it->value, merge);
    }
    if (kept.has_value()) {
      map = map.Set(it->key, *kept);
    } else {
      lost = true;
    }
  }
  if (merge && lost && map.empty()) return std::nullopt;
  // An own value that is left alone is all there is.
  const Value* own = map.Find(kOwnValueKey);
  if (!merge && own != nullptr && map.size() == 1) return *own;
  return Value::MakeMap(map);
}

}  // namespace restate::test
