#ifndef RESTATE_ENGINE_THREADS_SPARE_THREADS_H_
#define RESTATE_ENGINE_THREADS_SPARE_THREADS_H_

#include <cstddef>

#include "absl/status/status.h"

namespace restate {

// Whether the system gives `count` threads beside those there are: starts them
// all, and ends them again. For who is about to use libraries that end the
// process where they get none. RESOURCE_EXHAUSTED / TOO_MANY_THREADS.
absl::Status CheckSpareThreads(size_t count);

}  // namespace restate

#endif  // RESTATE_ENGINE_THREADS_SPARE_THREADS_H_
