#include "engine/tree/tree.h"

#include <string>
#include <utility>

#include "absl/functional/function_ref.h"

namespace restate::tree {
namespace {

// The tree of a node `node` (null: absent) in which the child `name` is
// `child`.
Tree WithChild(const Value* node, std::string_view name, const Tree& child) {
  Value::Map map;
  if (node != nullptr) {
    map = node->is_map() ? node->as_map()
                         : Value::Map().Set(kOwnValueKey, *node);
  }
  if (child.has_value()) return Value::MakeMap(map.Set(name, *child));
  map = map.Erase(name);
  if (map.empty()) return std::nullopt;
  if (map.size() == 1 && map.begin()->key == kOwnValueKey) {
    return map.begin()->value;
  }
  return Value::MakeMap(std::move(map));
}

using Change = absl::FunctionRef<Tree(const Value* node)>;

// The tree of `node` in which the node at the end of the segments is replaced
// by what `change` makes of it.
Tree ChangeAt(const Value* node, SegmentIterator segment, Change change) {
  if (segment == SegmentIterator()) return change(node);
  const std::string_view name = *segment;
  const Value* child = node == nullptr ? nullptr : Child(*node, name);
  Tree changed = ChangeAt(child, ++segment, change);
  if (!changed.has_value() && child == nullptr) {
    return node == nullptr ? Tree() : Tree(*node);
  }
  return WithChild(node, name, changed);
}

const Value* Pointer(const Tree& tree) {
  return tree.has_value() ? &*tree : nullptr;
}

// As OwnValue, without a copy.
const Value* OwnValueOf(const Value* node) {
  if (node == nullptr || !node->is_map() || node->as_map().empty()) return node;
  return node->as_map().Find(kOwnValueKey);
}

// Puts a segment behind a key for the length of a scope.
class KeyScope {
 public:
  KeyScope(std::string* key, std::string_view segment)
      : key_(key), size_(key->size()) {
    key_->append(segment);
    key_->push_back('\0');
  }
  ~KeyScope() { key_->resize(size_); }

 private:
  std::string* const key_;
  const size_t size_;
};

using OwnValueVisitor = absl::FunctionRef<bool(const Path&, const Value&)>;

bool VisitOwnValues(const Value& node, std::string* key,
                    OwnValueVisitor visit) {
  const Value* own = OwnValueOf(&node);
  if (own != nullptr && !visit(Path::FromKey(*key), *own)) return false;
  if (!node.is_map()) return true;
  for (auto it = node.as_map().begin(); !it.at_end(); ++it) {
    if (it->key == kOwnValueKey) continue;
    KeyScope scope(key, it->key);
    if (!VisitOwnValues(it->value, key, visit)) return false;
  }
  return true;
}

using DiffVisitor =
    absl::FunctionRef<void(const Path&, const Value*, const Value*)>;

void DiffNodes(const Value* before, const Value* after, std::string* key,
               DiffVisitor visit) {
  const bool maps_before = before != nullptr && before->is_map();
  const bool maps_after = after != nullptr && after->is_map();
  if (maps_before && maps_after &&
      before->as_map().SharesRootWith(after->as_map())) {
    return;
  }
  const Value* own_before = OwnValueOf(before);
  const Value* own_after = OwnValueOf(after);
  if (own_before == nullptr ? own_after != nullptr
                            : own_after == nullptr ||
                                  !Value::Identical(*own_before, *own_after)) {
    visit(Path::FromKey(*key), own_before, own_after);
  }
  Value::Map::Diff(
      maps_before ? before->as_map() : Value::Map(),
      maps_after ? after->as_map() : Value::Map(),
      [&](const std::string& name, const Value* in_before,
          const Value* in_after) {
        if (name == kOwnValueKey) return;
        KeyScope scope(key, name);
        DiffNodes(in_before, in_after, key, visit);
      });
}

Value Truncate(const Value& node, size_t depth, bool* truncated) {
  if (!node.is_map() || node.as_map().empty()) return node;
  if (depth == 0) {
    *truncated = true;
    return Value::EmptyMap();
  }
  bool cut = false;
  Value::Map::Builder kept;
  for (auto it = node.as_map().begin(); !it.at_end(); ++it) {
    kept.Append(it->key, it->key == kOwnValueKey
                             ? it->value
                             : Truncate(it->value, depth - 1, &cut));
  }
  if (!cut) return node;
  *truncated = true;
  return Value::MakeMap(kept.Finish());
}

}  // namespace

Tree Get(const Tree& root, const Path& path) {
  const Value* node = Pointer(root);
  for (std::string_view segment : path.segments()) {
    if (node == nullptr) break;
    node = Child(*node, segment);
  }
  return node == nullptr ? Tree() : Tree(*node);
}

const Value* Child(const Value& node, std::string_view name) {
  return node.is_map() ? node.as_map().Find(name) : nullptr;
}

Tree OwnValue(const Tree& node) {
  const Value* own = OwnValueOf(Pointer(node));
  return own == nullptr ? Tree() : Tree(*own);
}

bool HasChildren(const Tree& node) {
  // A canonical map that is not empty has a child.
  return node.has_value() && node->is_map() && !node->as_map().empty();
}

Tree Replace(const Tree& root, const Path& path, const Tree& subtree) {
  return ChangeAt(Pointer(root), path.segments().begin(),
                  [&](const Value*) { return subtree; });
}

Tree ReplaceOwn(const Tree& root, const Path& path, const Tree& own) {
  return ChangeAt(
      Pointer(root), path.segments().begin(), [&](const Value* node) -> Tree {
        const bool has_children =
            node != nullptr && node->is_map() && !node->as_map().empty();
        if (!has_children) return own;
        if (own.has_value() && own->is_leaf()) {
          return Value::MakeMap(node->as_map().Set(kOwnValueKey, *own));
        }
        return Value::MakeMap(node->as_map().Erase(kOwnValueKey));
      });
}

bool Identical(const Tree& a, const Tree& b) {
  if (a.has_value() != b.has_value()) return false;
  return !a.has_value() || Value::Identical(*a, *b);
}

bool ForEachOwnValue(const Tree& node, OwnValueVisitor visit) {
  std::string key;
  return !node.has_value() || VisitOwnValues(*node, &key, visit);
}

void Diff(const Tree& before, const Tree& after, DiffVisitor visit) {
  std::string key;
  DiffNodes(Pointer(before), Pointer(after), &key, visit);
}

size_t CountOwnValues(const Tree& node, size_t enough) {
  size_t count = 0;
  ForEachOwnValue(node, [&](const Path&, const Value&) {
    return ++count < enough;
  });
  return count;
}

Tree TruncateDepth(const Tree& node, size_t depth, bool* truncated) {
  if (!node.has_value() || depth == 0) return node;
  return Truncate(*node, depth, truncated);
}

}  // namespace restate::tree
