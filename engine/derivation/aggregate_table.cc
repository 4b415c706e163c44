#include "engine/derivation/aggregate_table.h"

#include <utility>

namespace restate {

AggregateState* AggregateTable::Find(const Derivation& derivation,
                                     uint64_t version) {
  used_.push_back(derivation.version);
  auto it = entries_.find(derivation.version);
  if (it == entries_.end()) return nullptr;
  Entry& entry = it->second;
  if (entry.now->GoBackTo(version)) return entry.now.get();
  if (entry.before == nullptr || !entry.before->GoBackTo(version)) {
    return nullptr;
  }
  entry.now = std::move(entry.before);
  return entry.now.get();
}

AggregateState* AggregateTable::Start(const Derivation& derivation,
                                      Combine combine, bool grouped) {
  used_.push_back(derivation.version);
  Entry& entry = entries_[derivation.version];
  entry.dest_key = derivation.definition->dest.key();
  // The oldest is that which was published.
  if (entry.before == nullptr) entry.before = std::move(entry.now);
  entry.now = std::make_unique<AggregateState>(combine, grouped);
  return entry.now.get();
}

uint64_t AggregateTable::Keep(const Derivation& derivation) {
  const uint64_t version = next_version_++;
  entries_.at(derivation.version).now->KeepAs(version);
  return version;
}

void AggregateTable::Published(const DerivationState& state) {
  for (const uint64_t definition : std::exchange(used_, {})) {
    auto it = entries_.find(definition);
    if (it == entries_.end()) continue;
    Entry& entry = it->second;
    const Derivation* const derivation =
        state.derivations.Find(entry.dest_key);
    // What has been done since, and was undone, is taken back now.
    if (derivation == nullptr || derivation->version != definition ||
        Find(*derivation, derivation->progress->aggregate) == nullptr) {
      entries_.erase(it);
      continue;
    }
    entry.before = nullptr;
    entry.now->ForgetOlder();
  }
  used_.clear();
}

}  // namespace restate
