#ifndef RESTATE_ENGINE_SUBSCRIPTION_PATTERN_INDEX_H_
#define RESTATE_ENGINE_SUBSCRIPTION_PATTERN_INDEX_H_

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/types/span.h"
#include "engine/path/path.h"
#include "engine/path/pattern.h"
#include "engine/tree/tree.h"

namespace restate {

class Subscription;

// Who listens where: a trie of patterns by segment. Finding the patterns that
// match a path and its ancestors costs the path's depth times the matching
// branches; patterns that do not match cost nothing.
//
// Not thread-safe: the sequencer's own.
class PatternIndex {
 public:
  // Those who listen to one pattern, in the order in which they came.
  struct Group {
    std::shared_ptr<const PathPattern> pattern;
    std::vector<Subscription*> subscriptions;
  };

  PatternIndex();
  ~PatternIndex();

  // The subscription outlives its entries.
  void Add(const PathPattern& pattern, Subscription* subscription);
  // Removes what Add added, once.
  void Remove(const PathPattern& pattern, const Subscription* subscription);
  bool empty() const;

  // Calls `visit` with those who listen at `path`, then at each ancestor up to
  // the root; at one place in byte order of their patterns. Places nobody
  // listens to are left out.
  using PlaceVisitor = absl::FunctionRef<void(
      const Path& place, absl::Span<const Group* const> groups)>;
  void ForEachAtAndAbove(const Path& path, PlaceVisitor visit) const;

  // Calls `visit` with each place strictly below `path` that somebody listens
  // to and that reads differently in the subtrees `before` and `after` of
  // `path`: deepest level first, then in byte order.
  using ChangeVisitor = absl::FunctionRef<void(
      const Path& place, const Tree& before, const Tree& after,
      absl::Span<const Group* const> groups)>;
  void ForEachChangedBelow(const Path& path, const Tree& before,
                           const Tree& after, ChangeVisitor visit) const;

  // Calls `visit` with each subscription that has a pattern which could match a
  // path strictly below `path`; several times if several could.
  void ForEachListenerBelow(
      const Path& path, absl::FunctionRef<void(Subscription*)> visit) const;

 private:
  struct Node;
  using Nodes = std::vector<const Node*>;
  struct Change;

  // The nodes that match each prefix of `path`, from the root on; shorter than
  // the path if none matches further.
  std::vector<Nodes> Descend(const Path& path) const;
  static std::vector<const Group*> GroupsAt(const Nodes& nodes);
  static void VisitAll(const Node& node,
                       absl::FunctionRef<void(Subscription*)> visit);
  static void CollectChanges(const Nodes& nodes, const Path& place,
                             const Value* before, const Value* after,
                             std::vector<Change>& changes);

  const std::unique_ptr<Node> root_;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_SUBSCRIPTION_PATTERN_INDEX_H_
