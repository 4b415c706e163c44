#ifndef RESTATE_ENGINE_COMMIT_EPOCH_H_
#define RESTATE_ENGINE_COMMIT_EPOCH_H_

#include <string>

namespace restate {

// A name for a new sequence of revisions: 32 random hexadecimal digits.
std::string NewEpoch();

}  // namespace restate

#endif  // RESTATE_ENGINE_COMMIT_EPOCH_H_
