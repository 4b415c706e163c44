#ifndef RESTATE_ENGINE_DERIVATION_DERIVATION_STATE_H_
#define RESTATE_ENGINE_DERIVATION_DERIVATION_STATE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_set.h"
#include "engine/backend/backend.h"
#include "engine/derivation/definition.h"
#include "engine/derivation/derived_values.h"
#include "engine/derivation/source_index.h"
#include "engine/derivation/view.h"
#include "engine/path/path.h"
#include "engine/value/persistent_map.h"

namespace restate {

class DerivationGraph;

enum class DerivationStatus {
  kOk,
  kError,
  // Hosted, and its sources have changed since its value was computed.
  kStale,
  // Not computed since its sources changed, because the definer's share of what a
  // commit may spend was used, or the call took too much of the processor's time.
  // It holds what `on_error` gives, and is computed in a commit of its own.
  kOverBudget,
};

// What an aggregate has still to look at before its result is known. Immutable.
struct UnseenChildren {
  // In byte order, from `next` on.
  std::shared_ptr<const std::vector<std::string>> names;
  size_t next = 0;
  // Others, which have changed meanwhile.
  absl::btree_set<std::string> changed;
  // As DerivationProgress::runaways, among those that were looked at.
  std::vector<std::pair<std::string, std::string>> runaways;
};

// What one derivation has come to. Immutable.
struct DerivationProgress {
  DerivationStatus status = DerivationStatus::kOk;
  // Why it is kError, or kOverBudget.
  std::string message;
  // The commit that it was last computed in.
  Revision last_revision = 0;
  // How often it was computed since the server started.
  int64_t runs = 0;
  // What it depends on: its sources, or what it read when it was last computed.
  std::vector<Path> reads;
  // Those among them that it was not given, because they depend on it.
  std::vector<Path> cyclic_reads;
  // An aggregate's: its version in the AggregateTable of the sequencer, or 0 if
  // it must be computed from the beginning.
  uint64_t aggregate = 0;
  // Whether the aggregate's source was a leaf, which hides derived children.
  bool source_was_leaf = false;
  // An aggregate's: children for which its functions used up their budget, and
  // what was said, in byte order. If there are any, the others were left alone,
  // and `aggregate` is 0: it fails for as long as one of these is as it was.
  std::vector<std::pair<std::string, std::string>> runaways;
  // An aggregate's: what it has still to look at, beside what `aggregate` is of.
  // Null: nothing.
  std::shared_ptr<const UnseenChildren> unseen;
  // An aggregate's: nothing of it is in memory since the start. What it holds is
  // right; it is computed again so that the next change costs little.
  bool cold = false;
  // How often it was tried again and took too much of the processor's time.
  int timeouts = 0;
  // Whether this definition gave what the destination holds.
  bool computed_present = false;
  // Hosted: whether a source has changed since those that the value was computed
  // from.
  bool outdated = false;
  // Hosted: the last commit that changed a source, and the one whose sources
  // the value was computed from.
  Revision wanted_revision = 0;
  Revision source_revision = 0;

  // After so many tries of one that takes too much time it waits for a change of
  // its sources.
  static constexpr int kMostTimeouts = 3;
  // Whether it is to be computed in a commit of its own.
  bool awaiting() const {
    return timeouts < kMostTimeouts &&
           (status == DerivationStatus::kOverBudget || unseen != nullptr ||
            cold);
  }
};

// One derivation.
struct Derivation {
  std::shared_ptr<const Definition> definition;
  // Another for each time it is defined, in this run of the server.
  uint64_t version = 0;
  std::shared_ptr<const DerivationProgress> progress;
};

// Everything there is to know about derivations at one revision. A value type
// with structural sharing: published with the state it belongs to, and copied to
// be able to undo a commit. Safe to read from many threads.
struct DerivationState {
  DerivedValues values;
  // By the destination's key.
  PersistentMap<Derivation> derivations;
  SourceIndex sources;
  // Those that are to be computed in commits of their own, by AwaitingKey.
  PersistentMap<Path> awaiting;
  // Of `derivations`; null if there are none.
  std::shared_ptr<const DerivationGraph> graph;
  // For the places of values; above every one that was given.
  uint64_t next_number = 1;

  bool empty() const { return derivations.empty(); }
  const Derivation* Find(const Path& dest) const {
    return derivations.Find(dest.key());
  }
};

// Sorts by definer, and those of one by destination.
inline std::string AwaitingKey(const Definition& definition) {
  return definition.definer + '\0' + definition.dest.key();
}
// Makes `progress` that of a derivation of `state`.
void KeepProgress(const Definition& definition, DerivationProgress progress,
                  DerivationState* state);

// How the derivation of `dest` sees what it reads at `source`: without any
// derived path inside it, if it contains the destination itself.
inline View ViewOf(const Path& dest, const Path& source) {
  return source.Contains(dest) ? View::kWithoutDerived : View::kAll;
}

// The destinations whose values the derivation of `dest` sees at `source`.
std::vector<Path> DestinationsSeen(const DerivedValues& values,
                                   const Path& dest, const Path& source);

}  // namespace restate

#endif  // RESTATE_ENGINE_DERIVATION_DERIVATION_STATE_H_
