#include "engine/subscription/subscription.h"

#include <algorithm>

namespace restate {

bool Subscription::Wants(const Emission& emission,
                         const Path& current_path) const {
  if (spec_.exact && emission.emitting_path != current_path) return false;
  return spec_.kinds.empty() ||
         std::find(spec_.kinds.begin(), spec_.kinds.end(), emission.kind) !=
             spec_.kinds.end();
}

}  // namespace restate
