#include "engine/derivation/derivation_graph.h"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <optional>
#include <queue>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "engine/error/error.h"

namespace restate {

std::vector<Path> DestinationsSeen(const DerivedValues& values,
                                   const Path& dest, const Path& source) {
  std::vector<Path> seen;
  if (std::optional<Path> owner = values.OwnerOf(source); owner.has_value()) {
    seen.push_back(*std::move(owner));
  }
  if (ViewOf(dest, source) == View::kAll) {
    values.ForEachBelow(source,
                        [&](const Path& below,
                            const DerivedValues::Destination&) {
                          seen.push_back(below);
                          return true;
                        });
  }
  return seen;
}

absl::StatusOr<DerivationGraph::Built> DerivationGraph::Build(
    const DerivedValues& values,
    const PersistentMap<Derivation>& derivations) {
  auto graph = std::make_shared<DerivationGraph>();
  Built built;
  absl::flat_hash_map<std::string, size_t> definers;
  for (auto it = derivations.begin(); !it.at_end(); ++it) {
    const Definition& definition = *it->value.definition;
    Node& node = graph->nodes_[it->key];
    if (!definition.hosted()) {
      const auto [known, is_new] =
          definers.try_emplace(definition.definer, definers.size() + 1);
      if (is_new) graph->definers_.push_back(definition.definer);
      node.definer = known->second;
    }
    for (const Path& source : definition.sources) {
      for (Path& seen : DestinationsSeen(values, definition.dest, source)) {
        node.upstream.push_back(std::move(seen));
      }
    }
  }
  if (std::vector<std::string> cyclic = graph->Order(); !cyclic.empty()) {
    return graph->CycleAmong(cyclic);
  }
  bool tracked = false;
  for (auto it = derivations.begin(); !it.at_end(); ++it) {
    if (!it->value.definition->tracked()) continue;
    const Path& dest = it->value.definition->dest;
    const DerivationProgress& progress = *it->value.progress;
    bool conflict = false;
    for (const Path& read : progress.reads) {
      if (std::find(progress.cyclic_reads.begin(),
                    progress.cyclic_reads.end(),
                    read) != progress.cyclic_reads.end()) {
        continue;
      }
      for (Path& seen : DestinationsSeen(values, dest, read)) {
        if (!graph->Chain(dest, seen).empty()) {
          conflict = true;
        } else {
          graph->nodes_[it->key].upstream.push_back(std::move(seen));
          tracked = true;
        }
      }
    }
    if (conflict) built.conflicts.push_back(dest);
  }
  if (tracked) graph->Order();
  for (auto& [key, node] : graph->nodes_) {
    std::sort(node.upstream.begin(), node.upstream.end());
    node.upstream.erase(
        std::unique(node.upstream.begin(), node.upstream.end()),
        node.upstream.end());
    for (const Path& one : node.upstream) {
      graph->nodes_.at(one.key()).downstream.push_back(&node);
    }
  }
  built.graph = std::move(graph);
  return built;
}

std::vector<std::string> DerivationGraph::Order() {
  absl::flat_hash_map<std::string, size_t> missing;
  absl::flat_hash_map<std::string, std::vector<std::string>> downstream;
  std::priority_queue<std::string, std::vector<std::string>, std::greater<>>
      ready;
  for (auto& [key, node] : nodes_) {
    missing[key] = node.upstream.size();
    if (node.upstream.empty()) ready.push(key);
    for (const Path& path : node.upstream) {
      downstream[path.key()].push_back(key);
    }
  }
  size_t position = 0;
  while (!ready.empty()) {
    const std::string key = ready.top();
    ready.pop();
    nodes_[key].position = position++;
    missing.erase(key);
    for (const std::string& next : downstream[key]) {
      if (--missing[next] == 0) ready.push(next);
    }
  }
  std::vector<std::string> left;
  for (const auto& [key, count] : missing) left.push_back(key);
  std::sort(left.begin(), left.end());
  return left;
}

absl::Status DerivationGraph::CycleAmong(
    const std::vector<std::string>& keys) const {
  // Upstream of a node that is left there is always another: the walk ends on
  // the cycle.
  const absl::flat_hash_set<std::string> left(keys.begin(), keys.end());
  std::vector<Path> walk = {Path::FromKey(keys.front())};
  while (true) {
    const std::vector<Path>& upstream = nodes_.at(walk.back().key()).upstream;
    const auto next =
        std::find_if(upstream.begin(), upstream.end(), [&](const Path& path) {
          return left.contains(path.key());
        });
    const auto begin = static_cast<std::ptrdiff_t>(
        std::find(walk.begin(), walk.end(), *next) - walk.begin());
    const bool closed = static_cast<size_t>(begin) < walk.size();
    walk.push_back(*next);
    if (!closed) continue;
    std::vector<Path> chain(walk.begin() + begin, walk.end());
    std::reverse(chain.begin(), chain.end());
    const std::string text = ChainText(chain);
    return MakeError(
        Reason::kCycle,
        absl::StrCat("the derivations depend on one another in a circle: ",
                     text, ": take one of these sources away"),
        {{"cycle", text}});
  }
}

std::vector<Path> DerivationGraph::Chain(
    const Path& upstream, const Path& dest,
    absl::FunctionRef<bool(const Path&)> counts) const {
  if (upstream == dest) return {dest};
  // Depth first from the end; `came_from` leads back to it.
  absl::flat_hash_map<std::string, Path> came_from;
  std::vector<Path> open = {dest};
  while (!open.empty()) {
    const Path at = std::move(open.back());
    open.pop_back();
    const auto node = nodes_.find(at.key());
    if (node == nodes_.end() || !counts(at)) continue;
    for (const Path& next : node->second.upstream) {
      if (!came_from.try_emplace(next.key(), at).second) continue;
      if (next != upstream) {
        open.push_back(next);
        continue;
      }
      std::vector<Path> chain = {upstream};
      while (chain.back() != dest) {
        chain.push_back(came_from.at(chain.back().key()));
      }
      return chain;
    }
  }
  return {};
}

std::vector<Path> DerivationGraph::AllUpstreamOf(const Path& dest) const {
  absl::flat_hash_set<std::string> seen = {dest.key()};
  std::vector<Path> all = {dest};
  for (size_t i = 0; i < all.size(); ++i) {
    const auto node = nodes_.find(all[i].key());
    if (node == nodes_.end()) continue;
    for (const Path& next : node->second.upstream) {
      if (seen.insert(next.key()).second) all.push_back(next);
    }
  }
  return all;
}

std::vector<std::string> DerivationGraph::DefinersReachedFrom(
    absl::Span<const Path> dests) const {
  absl::flat_hash_set<const Node*> seen;
  std::vector<const Node*> open;
  absl::flat_hash_set<size_t> definers;
  const auto reach = [&](const Node* node) {
    if (!seen.insert(node).second) return;
    if (node->definer != 0) definers.insert(node->definer);
    open.push_back(node);
  };
  for (const Path& dest : dests) {
    if (const auto found = nodes_.find(dest.key()); found != nodes_.end()) {
      reach(&found->second);
    }
  }
  while (!open.empty() && definers.size() < definers_.size()) {
    const Node* const node = open.back();
    open.pop_back();
    for (const Node* next : node->downstream) reach(next);
  }
  std::vector<std::string> reached;
  for (const size_t number : definers) reached.push_back(definers_[number - 1]);
  return reached;
}

std::string DerivationGraph::ChainText(absl::Span<const Path> chain) {
  return absl::StrJoin(chain, " -> ", [](std::string* out, const Path& path) {
    out->append(path.ToText());
  });
}

}  // namespace restate
