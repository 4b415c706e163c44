#ifndef RESTATE_ENGINE_BACKEND_REMOTE_STORABLE_H_
#define RESTATE_ENGINE_BACKEND_REMOTE_STORABLE_H_

#include "absl/status/status.h"
#include "engine/backend/backend.h"
#include "engine/backend/remote/remote_store.h"

namespace restate {

// Whether a store of these limits can hold the write, whose path is relative to
// the store. FAILED_PRECONDITION / NOT_STORABLE naming the path and the limit.
absl::Status CheckStorable(const Write& write, const StoreLimits& limits);

}  // namespace restate

#endif  // RESTATE_ENGINE_BACKEND_REMOTE_STORABLE_H_
