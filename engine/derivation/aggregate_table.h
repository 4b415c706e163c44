#ifndef RESTATE_ENGINE_DERIVATION_AGGREGATE_TABLE_H_
#define RESTATE_ENGINE_DERIVATION_AGGREGATE_TABLE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "engine/derivation/aggregate_state.h"
#include "engine/derivation/definition.h"
#include "engine/derivation/derivation_state.h"

namespace restate {

// What all aggregates have been kept up to, changed in place by commits.
//
// DerivationProgress says which version of an aggregate goes with a state. When
// a commit or a batch is undone, an older version is asked for, and made of the
// present one; if it cannot be any more, the aggregate is computed from the
// beginning: then this costs time, and is never wrong.
//
// Not thread-safe: the sequencer's own.
class AggregateTable {
 public:
  // The aggregate of this version that belongs to a derivation, or null if it is
  // not known (0 never is).
  AggregateState* Find(const Derivation& derivation, uint64_t version);
  // A new one in its place.
  AggregateState* Start(const Derivation& derivation, Combine combine,
                        bool grouped);
  // Gives the version that it is now. REQUIRES: it was found or started.
  uint64_t Keep(const Derivation& derivation);

  // The derivation has no aggregate any more, unless that is undone.
  void NoteUnused(const Derivation& derivation) {
    used_.push_back(derivation.version);
  }

  // What has changed up to here is not going to be undone. Forgets what `state`
  // has no use for.
  void Published(const DerivationState& state);

 private:
  struct Entry {
    // Of the derivation.
    std::string dest_key;
    std::unique_ptr<AggregateState> now;
    // What was there when `now` was started, if that can be asked for still.
    std::unique_ptr<AggregateState> before;
  };

  // By the version of the definition.
  absl::flat_hash_map<uint64_t, Entry> entries_;
  // Those that were looked for since the last call of Published.
  std::vector<uint64_t> used_;
  uint64_t next_version_ = 1;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_DERIVATION_AGGREGATE_TABLE_H_
