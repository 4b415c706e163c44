#include "engine/derivation/layered_read.h"

#include <optional>
#include <utility>

#include "engine/backend/subtree_reader.h"
#include "engine/tree/tree.h"

namespace restate {
namespace {

bool IsLeaf(const Value& node) { return !node.is_map(); }

// Whether a leaf stands on the way from the node `tree` to `relative`.
bool IsHidden(const Tree& tree, const Path& relative) {
  const Value* node = tree.has_value() ? &*tree : nullptr;
  for (std::string_view segment : relative.segments()) {
    if (node == nullptr) return false;
    if (IsLeaf(*node)) return true;
    node = tree::Child(*node, segment);
  }
  return false;
}

// Puts a derived value into `result`, cut to `depth` levels in all.
void Place(const Path& relative, const Value& value, size_t depth,
           ReadResult* result) {
  if (IsHidden(result->tree, relative)) return;
  const size_t levels = relative.depth();
  if (depth == 0) {
    result->tree = tree::Replace(result->tree, relative, value);
  } else if (levels < depth) {
    result->tree = tree::Replace(
        result->tree, relative,
        tree::TruncateDepth(value, depth - levels, &result->truncated));
  } else if (levels == depth && !tree::HasChildren(value)) {
    result->tree = tree::Replace(result->tree, relative, value);
  } else {
    result->truncated = true;
    const Path cut = relative.Ancestor(depth);
    if (levels == depth || !tree::Get(result->tree, cut).has_value()) {
      result->tree = tree::Replace(result->tree, cut, Value::EmptyMap());
    }
  }
}

// The part of the layer that `path` itself belongs to.
absl::StatusOr<ReadResult> ReadBase(ClientReader& client,
                                    const DerivedValues& derived,
                                    const Path& path,
                                    const ReadLimits& limits) {
  const std::optional<Path> owner = derived.OwnerOf(path);
  if (!owner.has_value()) return client.Read(path, limits);
  ReadResult result;
  result.tree =
      tree::Get(derived.Find(*owner)->value, path.RelativeTo(*owner));
  if (limits.depth > 0) {
    result.tree =
        tree::TruncateDepth(result.tree, limits.depth, &result.truncated);
  }
  result.over_limit = !WithinLimits(result.tree, limits);
  return result;
}

absl::StatusOr<NodeProbe> ProbeBase(ClientReader& client,
                                    const DerivedValues& derived,
                                    const Path& path) {
  const std::optional<Path> owner = derived.OwnerOf(path);
  if (!owner.has_value()) return client.Probe(path);
  const Tree node =
      tree::Get(derived.Find(*owner)->value, path.RelativeTo(*owner));
  return NodeProbe{tree::OwnValue(node), tree::HasChildren(node)};
}

}  // namespace

absl::StatusOr<ReadResult> ReadLayered(ClientReader& client,
                                       const DerivedValues& derived,
                                       const Path& path, View view,
                                       const ReadLimits& limits) {
  if (derived.empty()) return client.Read(path, limits);
  absl::StatusOr<ReadResult> result = ReadBase(client, derived, path, limits);
  if (!result.ok() || result->over_limit) return result;
  // What a mount shows at a destination is not to be seen, and makes of a leaf
  // above it no node with children.
  derived.ForEachBelow(
      path, [&](const Path& dest, const DerivedValues::Destination&) {
        const Path relative = dest.RelativeTo(path);
        if (tree::Get(result->tree, relative).has_value()) {
          result->tree =
              tree::Replace(result->tree, relative, std::nullopt);
        }
        return true;
      });
  if (view != View::kAll) return result;
  bool placed = false;
  derived.ForEachBelow(
      path, [&](const Path& dest, const DerivedValues::Destination& one) {
        if (one.value.has_value()) {
          Place(dest.RelativeTo(path), *one.value, limits.depth, &*result);
          placed = true;
        }
        return true;
      });
  if (placed) result->over_limit = !WithinLimits(result->tree, limits);
  return result;
}

absl::StatusOr<NodeProbe> ProbeLayered(ClientReader& client,
                                       const DerivedValues& derived,
                                       const Path& path, View view) {
  if (derived.empty()) return client.Probe(path);
  absl::StatusOr<NodeProbe> probe = ProbeBase(client, derived, path);
  if (!probe.ok() || probe->has_children || view != View::kAll) return probe;
  derived.ForEachBelow(
      path, [&](const Path&, const DerivedValues::Destination& one) {
        probe->has_children = one.value.has_value();
        return !probe->has_children;
      });
  return probe;
}

absl::StatusOr<size_t> SeenFrom(ClientReader& client,
                                const DerivedValues& derived,
                                const Path& dest) {
  for (size_t depth = dest.depth(); depth-- > 0;) {
    const Path ancestor = dest.Ancestor(depth);
    absl::StatusOr<NodeProbe> probe = ProbeBase(client, derived, ancestor);
    if (!probe.ok()) return probe.status();
    if (!probe->exists()) continue;
    if (probe->has_children || probe->own->is_map()) {
      // A node of the clients' is a child of the one above it: no leaf is
      // further up. One that is derived has its own layers above.
      if (!derived.OwnerOf(ancestor).has_value()) return size_t{0};
      continue;
    }
    // The leaf of a node that reads as nothing else.
    return depth + 1;
  }
  return size_t{0};
}

}  // namespace restate
