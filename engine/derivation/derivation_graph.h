#ifndef RESTATE_ENGINE_DERIVATION_DERIVATION_GRAPH_H_
#define RESTATE_ENGINE_DERIVATION_DERIVATION_GRAPH_H_

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "engine/derivation/derivation_state.h"
#include "engine/path/path.h"

namespace restate {

// Which destinations are computed from which others, and an order in which each
// comes after those that it depends on.
//
// Invariant: there is no cycle. What a tracked derivation read and could not be
// given, because of a cycle, is no dependency here.
//
// Immutable.
class DerivationGraph {
 public:
  // What Build came to.
  struct Built {
    std::shared_ptr<const DerivationGraph> graph;
    // Tracked derivations that can no longer have what they read when they were
    // last computed, because it depends on them now: to be computed again.
    std::vector<Path> conflicts;
  };
  // FAILED_PRECONDITION / CYCLE naming the chain, if sources make one.
  static absl::StatusOr<Built> Build(
      const DerivedValues& values,
      const PersistentMap<Derivation>& derivations);

  // Where `dest` comes in the order. REQUIRES: it is a destination.
  size_t PositionOf(const Path& dest) const {
    return nodes_.at(dest.key()).position;
  }
  // What `dest` is computed from, in path order.
  const std::vector<Path>& UpstreamOf(const Path& dest) const {
    return nodes_.at(dest.key()).upstream;
  }

  // The way from `upstream` to `dest` if the latter depends on it, both ends
  // included; `dest` alone if they are the same. Else empty.
  std::vector<Path> Chain(const Path& upstream, const Path& dest) const {
    return Chain(upstream, dest, [](const Path&) { return true; });
  }
  // The same by way of nothing but destinations that `counts` holds for, the
  // last included.
  std::vector<Path> Chain(const Path& upstream, const Path& dest,
                          absl::FunctionRef<bool(const Path&)> counts) const;
  // The destinations that `dest` depends on, near or far, and itself.
  std::vector<Path> AllUpstreamOf(const Path& dest) const;

  // All definers, but for those of hosted ones alone.
  const std::vector<std::string>& definers() const { return definers_; }
  // Which of them have derivations among `dests` and those that depend on them,
  // near or far; of hosted ones there is nothing to pay for. `dests` that are no
  // destinations are passed over.
  std::vector<std::string> DefinersReachedFrom(
      absl::Span<const Path> dests) const;

  // "/a -> /b -> /a".
  static std::string ChainText(absl::Span<const Path> chain);

 private:
  struct Node {
    std::vector<Path> upstream;
    std::vector<const Node*> downstream;
    size_t position = 0;
    // A number for whoever defined it; 0 if it is hosted.
    size_t definer = 0;
  };

  // Numbers the nodes; gives the keys of those that cannot be, because they are
  // on a cycle or behind one.
  std::vector<std::string> Order();
  absl::Status CycleAmong(const std::vector<std::string>& keys) const;

  // Pointers into it stay once it is built.
  absl::flat_hash_map<std::string, Node> nodes_;
  // By their numbers, from 1.
  std::vector<std::string> definers_;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_DERIVATION_DERIVATION_GRAPH_H_
