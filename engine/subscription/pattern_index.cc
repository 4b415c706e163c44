#include "engine/subscription/pattern_index.h"

#include <algorithm>
#include <set>
#include <utility>

#include "engine/error/absl_view.h"

namespace restate {

struct PatternIndex::Node {
  Group group;
  absl::flat_hash_map<std::string, std::unique_ptr<Node>> children;
  std::unique_ptr<Node> wildcard;

  bool HasChildren() const { return wildcard != nullptr || !children.empty(); }

  const Node* Child(std::string_view name) const {
    auto it = children.find(AbslView(name));
    return it == children.end() ? nullptr : it->second.get();
  }
  // The child for a segment of a pattern, or null.
  Node* Existing(std::string_view segment) {
    if (segment == kWildcard) return wildcard.get();
    auto it = children.find(AbslView(segment));
    return it == children.end() ? nullptr : it->second.get();
  }
  // The owner of that child, made if need be.
  std::unique_ptr<Node>& Slot(std::string_view segment) {
    return segment == kWildcard ? wildcard
                                : children[AbslView(segment)];
  }
};

struct PatternIndex::Change {
  Path place;
  size_t depth;
  Tree before;
  Tree after;
  std::vector<const Group*> groups;
};

PatternIndex::PatternIndex() : root_(std::make_unique<Node>()) {}
PatternIndex::~PatternIndex() = default;

void PatternIndex::Add(const PathPattern& pattern,
                       Subscription* subscription) {
  Node* node = root_.get();
  for (std::string_view segment : pattern.segments()) {
    std::unique_ptr<Node>& slot = node->Slot(segment);
    if (slot == nullptr) slot = std::make_unique<Node>();
    node = slot.get();
  }
  if (node->group.pattern == nullptr) {
    node->group.pattern = std::make_shared<const PathPattern>(pattern);
  }
  node->group.subscriptions.push_back(subscription);
}

void PatternIndex::Remove(const PathPattern& pattern,
                          const Subscription* subscription) {
  std::vector<std::pair<Node*, std::string>> way;
  Node* node = root_.get();
  for (std::string_view segment : pattern.segments()) {
    way.emplace_back(node, segment);
    node = node->Existing(segment);
    if (node == nullptr) return;
  }
  std::vector<Subscription*>& present = node->group.subscriptions;
  auto it = std::find(present.begin(), present.end(), subscription);
  if (it == present.end()) return;
  present.erase(it);
  // Branches that lead nowhere go, so that the index does not remember every
  // pattern there ever was.
  while (!way.empty() && node->group.subscriptions.empty() &&
         !node->HasChildren()) {
    auto [parent, segment] = way.back();
    way.pop_back();
    if (segment == kWildcard) {
      parent->wildcard.reset();
    } else {
      parent->children.erase(segment);
    }
    node = parent;
  }
}

bool PatternIndex::empty() const {
  return root_->group.subscriptions.empty() && !root_->HasChildren();
}

std::vector<PatternIndex::Nodes> PatternIndex::Descend(
    const Path& path) const {
  std::vector<Nodes> levels;
  levels.push_back({root_.get()});
  for (std::string_view segment : path.segments()) {
    Nodes next;
    for (const Node* node : levels.back()) {
      if (const Node* child = node->Child(segment)) next.push_back(child);
      if (node->wildcard != nullptr) next.push_back(node->wildcard.get());
    }
    if (next.empty()) break;
    levels.push_back(std::move(next));
  }
  return levels;
}

std::vector<const PatternIndex::Group*> PatternIndex::GroupsAt(
    const Nodes& nodes) {
  std::vector<const Group*> groups;
  for (const Node* node : nodes) {
    if (!node->group.subscriptions.empty()) groups.push_back(&node->group);
  }
  if (groups.size() > 1) {
    std::sort(groups.begin(), groups.end(),
              [](const Group* a, const Group* b) {
                return *a->pattern < *b->pattern;
              });
  }
  return groups;
}

void PatternIndex::ForEachAtAndAbove(const Path& path,
                                     PlaceVisitor visit) const {
  if (empty()) return;
  const std::vector<Nodes> levels = Descend(path);
  for (size_t depth = levels.size(); depth-- > 0;) {
    const std::vector<const Group*> groups = GroupsAt(levels[depth]);
    if (!groups.empty()) visit(path.Ancestor(depth), groups);
  }
}

void PatternIndex::CollectChanges(const Nodes& nodes, const Path& place,
                                  const Value* before, const Value* after,
                                  std::vector<Change>& changes) {
  const auto step = [&](std::string_view name, const Value* child_before,
                        const Value* child_after) {
    if (child_before == nullptr && child_after == nullptr) return;
    if (child_before != nullptr && child_after != nullptr &&
        child_before->is_map() && child_after->is_map() &&
        child_before->as_map().SharesRootWith(child_after->as_map())) {
      return;
    }
    Nodes next;
    for (const Node* node : nodes) {
      if (const Node* child = node->Child(name)) next.push_back(child);
      if (node->wildcard != nullptr) next.push_back(node->wildcard.get());
    }
    if (next.empty()) return;
    const Path child_place = place.Child(name);
    std::vector<const Group*> groups = GroupsAt(next);
    if (!groups.empty()) {
      Tree was = child_before == nullptr ? Tree() : Tree(*child_before);
      Tree is = child_after == nullptr ? Tree() : Tree(*child_after);
      if (was != is) {
        changes.push_back(Change{child_place, child_place.depth(),
                                 std::move(was), std::move(is),
                                 std::move(groups)});
      }
    }
    CollectChanges(next, child_place, child_before, child_after, changes);
  };

  const auto children = [](const Value* value) {
    return value != nullptr && value->is_map() ? value->as_map() : Value::Map();
  };
  const Value::Map were = children(before);
  const Value::Map are = children(after);
  bool any_name = false;
  size_t names_listened_to = 0;
  for (const Node* node : nodes) {
    any_name |= node->wildcard != nullptr;
    names_listened_to += node->children.size();
  }
  // Whichever is less to go through: the names there are, or those somebody
  // listens to.
  if (any_name || names_listened_to > were.size() + are.size()) {
    Value::Map::Diff(were, are,
                     [&](const std::string& name, const Value* child_before,
                         const Value* child_after) {
                       if (name == kOwnValueKey) return;
                       step(name, child_before, child_after);
                     });
    return;
  }
  std::set<std::string_view> names;
  for (const Node* node : nodes) {
    for (const auto& [name, child] : node->children) names.insert(name);
  }
  for (std::string_view name : names) {
    step(name, before == nullptr ? nullptr : tree::Child(*before, name),
         after == nullptr ? nullptr : tree::Child(*after, name));
  }
}

void PatternIndex::ForEachChangedBelow(const Path& path, const Tree& before,
                                       const Tree& after,
                                       ChangeVisitor visit) const {
  if (empty()) return;
  const std::vector<Nodes> levels = Descend(path);
  if (levels.size() <= path.depth()) return;
  std::vector<Change> changes;
  CollectChanges(levels.back(), path, before.has_value() ? &*before : nullptr,
                 after.has_value() ? &*after : nullptr, changes);
  std::sort(changes.begin(), changes.end(),
            [](const Change& a, const Change& b) {
              return a.depth != b.depth ? a.depth > b.depth
                                        : a.place < b.place;
            });
  for (const Change& change : changes) {
    visit(change.place, change.before, change.after, change.groups);
  }
}

void PatternIndex::VisitAll(const Node& node,
                            absl::FunctionRef<void(Subscription*)> visit) {
  for (Subscription* subscription : node.group.subscriptions) {
    visit(subscription);
  }
  for (const auto& [name, child] : node.children) VisitAll(*child, visit);
  if (node.wildcard != nullptr) VisitAll(*node.wildcard, visit);
}

void PatternIndex::ForEachListenerBelow(
    const Path& path, absl::FunctionRef<void(Subscription*)> visit) const {
  const std::vector<Nodes> levels = Descend(path);
  if (levels.size() <= path.depth()) return;
  for (const Node* node : levels.back()) {
    for (const auto& [name, child] : node->children) VisitAll(*child, visit);
    if (node->wildcard != nullptr) VisitAll(*node->wildcard, visit);
  }
}

}  // namespace restate
