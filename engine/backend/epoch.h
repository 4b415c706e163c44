#ifndef RESTATE_ENGINE_BACKEND_EPOCH_H_
#define RESTATE_ENGINE_BACKEND_EPOCH_H_

#include <string>

namespace restate {

// A name for a new sequence of revisions: a random (version 4) UUID, as 32
// hexadecimal digits.
std::string NewEpoch();

}  // namespace restate

#endif  // RESTATE_ENGINE_BACKEND_EPOCH_H_
