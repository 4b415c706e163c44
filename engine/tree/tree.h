#ifndef RESTATE_ENGINE_TREE_TREE_H_
#define RESTATE_ENGINE_TREE_TREE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "engine/path/path.h"
#include "engine/value/value.h"

namespace restate {

// A subtree, or nothing: what a path reads as. The state of a node is its
// reading, so the tree needs no node type of its own:
//
//   absent               nullopt
//   a leaf               the leaf
//   {} and nothing else  the empty map
//   children             a map of them
//   own value, children  a map of them with the own value under "/"
//
// A tree is *canonical* when no map in it holds "/" alone and the value under
// "/" is a leaf. Everything here takes and gives canonical trees, shares what
// it does not change, and treats lists as leaves.
using Tree = std::optional<Value>;

// The key of a map under which a node's own value stands.
inline constexpr std::string_view kOwnValueKey = "/";

namespace tree {

// What `path` reads as inside `root`.
Tree Get(const Tree& root, const Path& path);
// The child called `name` of the node `node`, or null. Never the own value.
const Value* Child(const Value& node, std::string_view name);
// The own value of a node: the leaf itself, the empty map itself, what stands
// under "/", or nothing.
Tree OwnValue(const Tree& node);
bool HasChildren(const Tree& node);

// The tree after `path` has been made to read `subtree` and nothing else. A
// first child takes the place of {}; a parent that loses its last child is
// gone, unless it has an own value.
Tree Replace(const Tree& root, const Path& path, const Tree& subtree);
// The tree after the own value of `path` has been made `own`, a leaf, {} or
// nothing; children stay. {} where there are children is nothing.
Tree ReplaceOwn(const Tree& root, const Path& path, const Tree& own);

// Whether both are absent, or the same in kinds and bits.
bool Identical(const Tree& a, const Tree& b);

// Calls `visit` with each own value of `node`, parents first, then children in
// byte order: the leaves, and the empty maps. `path` is relative to `node`.
// Stops when `visit` returns false; returns whether it got to the end.
bool ForEachOwnValue(
    const Tree& node,
    absl::FunctionRef<bool(const Path& path, const Value& own)> visit);

// Calls `visit` with each place whose own value is not identical (kinds and
// bits) in `before` and `after`, in path order, relative paths. Null stands for
// none. Costs what differs: parts that both share are skipped.
void Diff(const Tree& before, const Tree& after,
          absl::FunctionRef<void(const Path& path, const Value* before,
                                 const Value* after)>
              visit);

// The number of own values, counted up to `enough`.
size_t CountOwnValues(const Tree& node, size_t enough = SIZE_MAX);

// `node` cut to `depth` levels: maps deeper down become {}. 0 cuts nothing.
// Sets `*truncated` if anything was cut, else leaves it.
Tree TruncateDepth(const Tree& node, size_t depth, bool* truncated);

// The most that a single write may hold.
struct WriteLimits {
  // Bytes of one leaf.
  size_t max_leaf_bytes = size_t{1} << 20;
  // Own values of one map.
  size_t max_nodes = 100'000;
};

// Checks a value that a client wants to write at `path` and makes it canonical.
//   INVALID_ARGUMENT / INVALID_VALUE: a key of a map is no segment, "/" holds a
//     map, or path and value nest too deep or are too long together.
//   RESOURCE_EXHAUSTED / LEAF_TOO_LARGE, TOO_MANY_NODES.
absl::StatusOr<Value> Canonicalize(const Value& value, const Path& path,
                                   const WriteLimits& limits);

}  // namespace tree

// Builds a canonical tree from its own values, given in path order.
class TreeBuilder {
 public:
  TreeBuilder();
  ~TreeBuilder();
  TreeBuilder(const TreeBuilder&) = delete;
  TreeBuilder& operator=(const TreeBuilder&) = delete;

  // REQUIRES: `path` is after every path added before. {} that turns out to
  // have children is dropped.
  void Add(const Path& path, Value own);
  // What was added, and an empty builder.
  Tree Finish();

 private:
  struct OpenNode;
  // Closes the deepest open node into its parent.
  void CloseLast();

  // The nodes from the root to the last one added, each with the children that
  // are complete.
  std::vector<OpenNode> open_;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_TREE_TREE_H_
