#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/error/error.h"
#include "engine/tree/tree.h"

namespace restate::tree {
namespace {

// How deep lists and maps nest inside a leaf: 0 for a scalar. `enough` bounds
// the walk.
size_t Nesting(const Value& value, size_t enough) {
  size_t deepest = 0;
  if (enough == 0) return 0;
  if (value.kind() == Value::Kind::kList) {
    for (const Value& item : value.as_list()) {
      deepest = std::max(deepest, Nesting(item, enough - 1));
    }
    return deepest + 1;
  }
  if (value.is_map()) {
    for (auto it = value.as_map().begin(); !it.at_end(); ++it) {
      deepest = std::max(deepest, Nesting(it->value, enough - 1));
    }
    return deepest + 1;
  }
  return 0;
}

class Canonicalizer {
 public:
  explicit Canonicalizer(const WriteLimits& limits) : limits_(limits) {}

  absl::StatusOr<Value> Run(const Value& value, const Path& path,
                            size_t depth) {
    if (value.is_leaf() || value.as_map().empty()) {
      absl::Status status = CheckOwnValue(value, path, depth);
      if (!status.ok()) return status;
      return value;
    }
    Value::Map map = value.as_map();
    for (auto it = value.as_map().begin(); !it.at_end(); ++it) {
      if (it->key == kOwnValueKey) {
        absl::Status status = CheckNodeOwnValue(it->value, path, depth);
        if (!status.ok()) return status;
        continue;
      }
      absl::StatusOr<Path> child = CheckedChild(path, it->key, depth + 1);
      if (!child.ok()) return child.status();
      absl::StatusOr<Value> inside = Run(it->value, *child, depth + 1);
      if (!inside.ok()) return inside.status();
      // Sharing is kept where nothing had to change.
      if (it->value.is_map() && !inside->is_map()) {
        map = map.Set(it->key, *inside);
      } else if (it->value.is_map() &&
                 !it->value.as_map().SharesRootWith(inside->as_map())) {
        map = map.Set(it->key, *inside);
      }
    }
    if (map.size() == 1 && map.begin()->key == kOwnValueKey) {
      return map.begin()->value;
    }
    return Value::MakeMap(std::move(map));
  }

 private:
  absl::StatusOr<Path> CheckedChild(const Path& path, const std::string& key,
                                    size_t depth) {
    absl::Status status = ValidateSegment(key);
    if (!status.ok()) {
      return MakeError(Reason::kInvalidValue,
                       absl::StrCat("a key of the map at ", path.ToText(),
                                    " is no path segment: ", status.message()),
                       {{"path", path.ToText()}});
    }
    Path child = path.Child(key);
    if (depth > kMaxDepth) return TooDeep(path);
    if (child.key().size() > kMaxPathBytes) {
      return MakeError(
          Reason::kInvalidValue,
          absl::StrCat("a path inside the value would be over ", kMaxPathBytes,
                       " bytes, below ", path.ToText(),
                       ": use shorter keys or fewer levels"),
          {{"path", path.ToText()}});
    }
    return child;
  }

  absl::Status TooDeep(const Path& path) {
    return MakeError(
        Reason::kInvalidValue,
        absl::StrCat("path and value together nest deeper than ", kMaxDepth,
                     " levels at ", path.ToText(), ": make the value flatter"),
        {{"path", path.ToText()}});
  }

  absl::Status CheckNodeOwnValue(const Value& own, const Path& path,
                                 size_t depth) {
    if (own.is_map()) {
      return MakeError(
          Reason::kInvalidValue,
          absl::StrCat("the value under the key \"/\" at ", path.ToText(),
                       " is a map; it is the node's own value and must be a "
                       "leaf (put children beside it, not inside)"),
          {{"path", path.ToText()}});
    }
    return CheckOwnValue(own, path, depth);
  }

  absl::Status CheckOwnValue(const Value& own, const Path& path,
                             size_t depth) {
    if (++nodes_ > limits_.max_nodes) {
      return MakeError(
          Reason::kTooManyNodes,
          absl::StrCat("the value has more than ", limits_.max_nodes,
                       " nodes: write it in parts, for example one child of ",
                       path.ToText(), " at a time"),
          {{"limit", absl::StrCat(limits_.max_nodes)}});
    }
    if (own.is_map()) return absl::OkStatus();
    if (own.LeafBytes(limits_.max_leaf_bytes) > limits_.max_leaf_bytes) {
      return MakeError(
          Reason::kLeafTooLarge,
          absl::StrCat("the leaf at ", path.ToText(), " is over ",
                       limits_.max_leaf_bytes,
                       " bytes: split it into several leaves"),
          {{"path", path.ToText()},
           {"limit", absl::StrCat(limits_.max_leaf_bytes)}});
    }
    // One level more than allowed is enough to know.
    const size_t left = kMaxDepth - std::min(depth, kMaxDepth);
    if (Nesting(own, left + 1) > left) return TooDeep(path);
    return absl::OkStatus();
  }

  const WriteLimits& limits_;
  size_t nodes_ = 0;
};

}  // namespace

absl::StatusOr<Value> Canonicalize(const Value& value, const Path& path,
                                   const WriteLimits& limits) {
  return Canonicalizer(limits).Run(value, path, path.depth());
}

}  // namespace restate::tree
