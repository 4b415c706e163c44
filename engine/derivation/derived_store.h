#ifndef RESTATE_ENGINE_DERIVATION_DERIVED_STORE_H_
#define RESTATE_ENGINE_DERIVATION_DERIVED_STORE_H_

#include <string>

#include "engine/path/path.h"

namespace restate {

// Where a store keeps derived values, each below the number of its derivation:
// a mount of their own, at a place that no path of a client's can name.
inline Path DerivedStorePlace() {
  return Path::FromKey(std::string("..\0", 3));
}

}  // namespace restate

#endif  // RESTATE_ENGINE_DERIVATION_DERIVED_STORE_H_
