#include "engine/derivation/derivation_state.h"

#include <utility>

namespace restate {

void KeepProgress(const Definition& definition, DerivationProgress progress,
                  DerivationState* state) {
  Derivation derivation = *state->Find(definition.dest);
  const std::string key = AwaitingKey(definition);
  const bool listed = state->awaiting.Find(key) != nullptr;
  if (progress.awaiting() != listed) {
    state->awaiting = listed ? state->awaiting.Erase(key)
                             : state->awaiting.Set(key, definition.dest);
  }
  derivation.progress =
      std::make_shared<const DerivationProgress>(std::move(progress));
  state->derivations = state->derivations.Set(definition.dest.key(),
                                              std::move(derivation));
}

}  // namespace restate
