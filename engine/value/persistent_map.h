#ifndef RESTATE_ENGINE_VALUE_PERSISTENT_MAP_H_
#define RESTATE_ENGINE_VALUE_PERSISTENT_MAP_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/inlined_vector.h"

namespace restate {

// An immutable map from strings to V in byte order of the keys: a B+ tree whose
// nodes are shared between versions. A changed copy costs O(log n) new nodes
// and leaves the original as it was.
//
// Invariants: every leaf is at the same depth; a node has 1 to kWidth items; an
// empty map has no node. Nodes that shrink are joined with a neighbour when both
// fit into one, so a node may be less than half full, but never empty.
//
// Safe to read and copy from many threads.
template <typename V>
class PersistentMap {
 public:
  struct Entry {
    std::string key;
    V value;
  };
  class Iterator;
  class Builder;

  PersistentMap() = default;

  bool empty() const { return root_ == nullptr; }
  size_t size() const { return root_ == nullptr ? 0 : root_->size; }
  // Whether both are the very same version. Equal maps may not be.
  bool SharesRootWith(const PersistentMap& other) const {
    return root_ == other.root_;
  }

  // The value at `key`, or null.
  const V* Find(std::string_view key) const;
  // The last entry whose key is at or before `key`, or null.
  const Entry* FindLastAtOrBefore(std::string_view key) const;

  // A copy in which `key` holds `value`.
  [[nodiscard]] PersistentMap Set(std::string_view key, V value) const;
  // A copy without `key`.
  [[nodiscard]] PersistentMap Erase(std::string_view key) const;
  // A copy without the keys in [begin, end); an empty `end` is the end of all.
  // O(erased * log n).
  [[nodiscard]] PersistentMap EraseRange(std::string_view begin,
                                         std::string_view end) const;

  // In byte order. The map must outlive the iterator.
  Iterator begin() const;
  static Iterator end() { return Iterator(); }
  // At the first key at or after `key`.
  Iterator LowerBound(std::string_view key) const;

  // Calls visit(key, const V* in_a, const V* in_b) for every key, in order,
  // that is in one of the maps, except where whole nodes are shared: those
  // entries are the same and are skipped. Null stands for absent.
  template <typename Visit>
  static void Diff(const PersistentMap& a, const PersistentMap& b,
                   Visit visit);

 private:
  static constexpr size_t kWidth = 16;

  struct Node;
  using NodePtr = std::shared_ptr<const Node>;
  struct Child {
    std::string first_key;
    NodePtr node;
  };
  struct Node {
    size_t size = 0;
    // 0 for a leaf.
    int height = 0;
    // A leaf's.
    std::vector<Entry> entries;
    // An inner node's, all of height - 1.
    std::vector<Child> children;

    const std::string& first_key() const {
      return height == 0 ? entries.front().key : children.front().first_key;
    }
    size_t items() const {
      return height == 0 ? entries.size() : children.size();
    }
  };
  // One node, or two after a split.
  struct Grown {
    NodePtr left;
    NodePtr right;
  };
  class DiffSide;

  explicit PersistentMap(NodePtr root) : root_(std::move(root)) {}

  static NodePtr MakeLeaf(std::vector<Entry> entries) {
    auto node = std::make_shared<Node>();
    node->size = entries.size();
    node->entries = std::move(entries);
    return node;
  }
  static NodePtr MakeInner(std::vector<Child> children) {
    auto node = std::make_shared<Node>();
    node->height = children.front().node->height + 1;
    for (const Child& child : children) node->size += child.node->size;
    node->children = std::move(children);
    return node;
  }
  static Child ChildOf(NodePtr node) {
    std::string first = node->first_key();
    return Child{std::move(first), std::move(node)};
  }

  // The index of the child that `key` belongs into.
  static size_t ChildIndex(const Node& node, std::string_view key) {
    auto it = std::upper_bound(
        node.children.begin(), node.children.end(), key,
        [](std::string_view k, const Child& c) { return k < c.first_key; });
    return it == node.children.begin() ? 0 : it - node.children.begin() - 1;
  }
  static size_t EntryIndex(const Node& node, std::string_view key) {
    return std::lower_bound(node.entries.begin(), node.entries.end(), key,
                            [](const Entry& e, std::string_view k) {
                              return e.key < k;
                            }) -
           node.entries.begin();
  }

  static Grown SetIn(const Node& node, std::string_view key, V value);
  // Null if nothing is left. REQUIRES: `key` is in `node`.
  static NodePtr EraseIn(const Node& node, std::string_view key);
  // Joins children[i] with its right neighbour if both fit into one node.
  static void JoinIfSmall(std::vector<Child>& children, size_t i);

  NodePtr root_;
};

// Walks a map in order.
template <typename V>
class PersistentMap<V>::Iterator {
 public:
  Iterator() = default;

  const Entry& operator*() const {
    return frames_.back().node->entries[frames_.back().index];
  }
  const Entry* operator->() const { return &**this; }
  Iterator& operator++() {
    ++frames_.back().index;
    Settle();
    return *this;
  }
  bool at_end() const { return frames_.empty(); }
  bool operator==(const Iterator& other) const {
    if (frames_.empty() || other.frames_.empty()) {
      return frames_.empty() == other.frames_.empty();
    }
    return &**this == &*other;
  }

 private:
  friend class PersistentMap;
  struct Frame {
    const Node* node;
    size_t index;
  };

  // Pops finished nodes and descends to the next entry.
  void Settle() {
    while (!frames_.empty()) {
      Frame& top = frames_.back();
      if (top.index >= top.node->items()) {
        frames_.pop_back();
        if (!frames_.empty()) ++frames_.back().index;
        continue;
      }
      if (top.node->height == 0) return;
      const Node* child = top.node->children[top.index].node.get();
      frames_.push_back({child, 0});
    }
  }

  absl::InlinedVector<Frame, 8> frames_;
};

// Builds a map from entries given in strictly increasing order, in O(n).
template <typename V>
class PersistentMap<V>::Builder {
 public:
  // REQUIRES: `key` is after every key added before.
  void Append(std::string key, V value) {
    entries_.push_back(Entry{std::move(key), std::move(value)});
    if (entries_.size() == kWidth) CloseLeaf();
  }
  bool empty() const { return entries_.empty() && leaves_.empty(); }

  // What was added, and an empty builder.
  PersistentMap Finish() {
    if (!entries_.empty()) CloseLeaf();
    std::vector<Child> level = std::move(leaves_);
    leaves_.clear();
    if (level.empty()) return PersistentMap();
    while (level.size() > 1) {
      std::vector<Child> above;
      for (size_t i = 0; i < level.size(); i += kWidth) {
        size_t stop = std::min(level.size(), i + kWidth);
        above.push_back(ChildOf(MakeInner(std::vector<Child>(
            std::make_move_iterator(level.begin() + i),
            std::make_move_iterator(level.begin() + stop)))));
      }
      level = std::move(above);
    }
    return PersistentMap(std::move(level.front().node));
  }

 private:
  void CloseLeaf() {
    leaves_.push_back(ChildOf(MakeLeaf(std::move(entries_))));
    entries_.clear();
  }

  std::vector<Entry> entries_;
  std::vector<Child> leaves_;
};

template <typename V>
const V* PersistentMap<V>::Find(std::string_view key) const {
  const Node* node = root_.get();
  if (node == nullptr) return nullptr;
  while (node->height > 0) {
    node = node->children[ChildIndex(*node, key)].node.get();
  }
  size_t i = EntryIndex(*node, key);
  if (i == node->entries.size() || node->entries[i].key != key) return nullptr;
  return &node->entries[i].value;
}

template <typename V>
auto PersistentMap<V>::FindLastAtOrBefore(std::string_view key) const
    -> const Entry* {
  const Node* node = root_.get();
  if (node == nullptr || key < node->first_key()) return nullptr;
  while (node->height > 0) {
    node = node->children[ChildIndex(*node, key)].node.get();
  }
  size_t i = EntryIndex(*node, key);
  if (i < node->entries.size() && node->entries[i].key == key) {
    return &node->entries[i];
  }
  // The first key of this leaf is at or before `key`, so i is not 0.
  return &node->entries[i - 1];
}

template <typename V>
auto PersistentMap<V>::SetIn(const Node& node, std::string_view key, V value)
    -> Grown {
  if (node.height == 0) {
    size_t i = EntryIndex(node, key);
    const bool replaces = i < node.entries.size() && node.entries[i].key == key;
    std::vector<Entry> entries;
    entries.reserve(node.entries.size() + (replaces ? 0 : 1));
    entries.insert(entries.end(), node.entries.begin(),
                   node.entries.begin() + i);
    entries.push_back(Entry{std::string(key), std::move(value)});
    entries.insert(entries.end(), node.entries.begin() + i + (replaces ? 1 : 0),
                   node.entries.end());
    if (entries.size() <= kWidth) return {MakeLeaf(std::move(entries)), nullptr};
    // Keys that only ever grow would leave half-empty nodes behind a split in
    // the middle.
    size_t middle =
        i + 1 == entries.size() ? entries.size() - 1 : entries.size() / 2;
    std::vector<Entry> right(std::make_move_iterator(entries.begin() + middle),
                             std::make_move_iterator(entries.end()));
    entries.resize(middle);
    return {MakeLeaf(std::move(entries)), MakeLeaf(std::move(right))};
  }
  size_t i = ChildIndex(node, key);
  Grown grown = SetIn(*node.children[i].node, key, std::move(value));
  std::vector<Child> children;
  children.reserve(node.children.size() + 1);
  children.insert(children.end(), node.children.begin(),
                  node.children.begin() + i);
  children.push_back(ChildOf(std::move(grown.left)));
  if (grown.right != nullptr) {
    children.push_back(ChildOf(std::move(grown.right)));
  }
  children.insert(children.end(), node.children.begin() + i + 1,
                  node.children.end());
  if (children.size() <= kWidth) {
    return {MakeInner(std::move(children)), nullptr};
  }
  size_t middle = i + 2 == children.size() ? children.size() - 1
                                           : children.size() / 2;
  std::vector<Child> right(std::make_move_iterator(children.begin() + middle),
                           std::make_move_iterator(children.end()));
  children.resize(middle);
  return {MakeInner(std::move(children)), MakeInner(std::move(right))};
}

template <typename V>
PersistentMap<V> PersistentMap<V>::Set(std::string_view key, V value) const {
  if (root_ == nullptr) {
    std::vector<Entry> entries;
    entries.push_back(Entry{std::string(key), std::move(value)});
    return PersistentMap(MakeLeaf(std::move(entries)));
  }
  Grown grown = SetIn(*root_, key, std::move(value));
  if (grown.right == nullptr) return PersistentMap(std::move(grown.left));
  std::vector<Child> children;
  children.push_back(ChildOf(std::move(grown.left)));
  children.push_back(ChildOf(std::move(grown.right)));
  return PersistentMap(MakeInner(std::move(children)));
}

template <typename V>
void PersistentMap<V>::JoinIfSmall(std::vector<Child>& children, size_t i) {
  if (i + 1 >= children.size()) return;
  const Node& left = *children[i].node;
  const Node& right = *children[i + 1].node;
  if (left.items() + right.items() > kWidth) return;
  NodePtr joined;
  if (left.height == 0) {
    std::vector<Entry> entries = left.entries;
    entries.insert(entries.end(), right.entries.begin(), right.entries.end());
    joined = MakeLeaf(std::move(entries));
  } else {
    std::vector<Child> both = left.children;
    both.insert(both.end(), right.children.begin(), right.children.end());
    joined = MakeInner(std::move(both));
  }
  children[i] = ChildOf(std::move(joined));
  children.erase(children.begin() + i + 1);
}

template <typename V>
auto PersistentMap<V>::EraseIn(const Node& node, std::string_view key)
    -> NodePtr {
  if (node.height == 0) {
    if (node.entries.size() == 1) return nullptr;
    std::vector<Entry> entries;
    entries.reserve(node.entries.size() - 1);
    for (const Entry& entry : node.entries) {
      if (entry.key != key) entries.push_back(entry);
    }
    return MakeLeaf(std::move(entries));
  }
  size_t i = ChildIndex(node, key);
  NodePtr child = EraseIn(*node.children[i].node, key);
  std::vector<Child> children = node.children;
  if (child == nullptr) {
    if (children.size() == 1) return nullptr;
    children.erase(children.begin() + i);
  } else {
    children[i] = ChildOf(std::move(child));
    JoinIfSmall(children, i);
    if (i > 0) JoinIfSmall(children, i - 1);
  }
  return MakeInner(std::move(children));
}

template <typename V>
PersistentMap<V> PersistentMap<V>::Erase(std::string_view key) const {
  if (Find(key) == nullptr) return *this;
  NodePtr root = EraseIn(*root_, key);
  while (root != nullptr && root->height > 0 && root->children.size() == 1) {
    root = root->children.front().node;
  }
  return PersistentMap(std::move(root));
}

template <typename V>
PersistentMap<V> PersistentMap<V>::EraseRange(std::string_view begin,
                                              std::string_view end) const {
  PersistentMap map = *this;
  while (true) {
    Iterator it = map.LowerBound(begin);
    if (it.at_end() || (!end.empty() && it->key >= end)) return map;
    map = map.Erase(std::string(it->key));
  }
}

template <typename V>
auto PersistentMap<V>::begin() const -> Iterator {
  Iterator it;
  if (root_ != nullptr) {
    it.frames_.push_back({root_.get(), 0});
    it.Settle();
  }
  return it;
}

template <typename V>
auto PersistentMap<V>::LowerBound(std::string_view key) const -> Iterator {
  Iterator it;
  const Node* node = root_.get();
  if (node == nullptr) return it;
  while (node->height > 0) {
    size_t i = ChildIndex(*node, key);
    it.frames_.push_back({node, i});
    node = node->children[i].node.get();
  }
  it.frames_.push_back({node, EntryIndex(*node, key)});
  it.Settle();
  return it;
}

// One map's remaining nodes in a Diff, the next on top.
template <typename V>
class PersistentMap<V>::DiffSide {
 public:
  explicit DiffSide(const NodePtr& root) {
    if (root != nullptr) stack_.push_back({root.get(), 0});
  }
  bool done() const { return stack_.empty(); }
  const Node* node() const { return stack_.back().node; }
  size_t position() const { return stack_.back().position; }
  int height() const { return node()->height; }
  const Entry& entry() const { return node()->entries[position()]; }

  void Pop() { stack_.pop_back(); }
  // Puts the children of an inner node in its place.
  void Expand() {
    const Node* inner = node();
    stack_.pop_back();
    for (size_t i = inner->children.size(); i-- > 0;) {
      stack_.push_back({inner->children[i].node.get(), 0});
    }
  }
  void NextEntry() {
    if (++stack_.back().position == node()->entries.size()) Pop();
  }

 private:
  struct Item {
    const Node* node;
    size_t position;
  };
  std::vector<Item> stack_;
};

template <typename V>
template <typename Visit>
void PersistentMap<V>::Diff(const PersistentMap& a, const PersistentMap& b,
                            Visit visit) {
  DiffSide left(a.root_);
  DiffSide right(b.root_);
  while (!left.done() || !right.done()) {
    if (!left.done() && !right.done() && left.node() == right.node() &&
        left.position() == right.position()) {
      left.Pop();
      right.Pop();
      continue;
    }
    const int left_height = left.done() ? -1 : left.height();
    const int right_height = right.done() ? -1 : right.height();
    if (left_height > 0 || right_height > 0) {
      // Equal heights are taken apart together, so that shared children meet.
      const int tallest = std::max(left_height, right_height);
      if (left_height == tallest) left.Expand();
      if (right_height == tallest) right.Expand();
      continue;
    }
    if (right.done() ||
        (!left.done() && left.entry().key < right.entry().key)) {
      visit(left.entry().key, &left.entry().value,
            static_cast<const V*>(nullptr));
      left.NextEntry();
    } else if (left.done() || right.entry().key < left.entry().key) {
      visit(right.entry().key, static_cast<const V*>(nullptr),
            &right.entry().value);
      right.NextEntry();
    } else {
      visit(left.entry().key, &left.entry().value, &right.entry().value);
      left.NextEntry();
      right.NextEntry();
    }
  }
}

}  // namespace restate

#endif  // RESTATE_ENGINE_VALUE_PERSISTENT_MAP_H_
