#ifndef RESTATE_ENGINE_BACKEND_REMOTE_PAGE_CHECK_H_
#define RESTATE_ENGINE_BACKEND_REMOTE_PAGE_CHECK_H_

#include "absl/status/status.h"
#include "engine/backend/remote/remote_store.h"
#include "engine/path/path.h"

namespace restate {

// Whether `page` can be the answer to `range` of a store that is mounted at
// `mount`: keys in the range and in strict path order, leaves and {} alone,
// nothing nested too deep, no more entries than asked for, and something in it
// if there is more. DATA_LOSS / CORRUPT telling what is wrong, and where.
absl::Status CheckPage(const ScanPage& page, const ScanRange& range,
                       const Path& mount);

}  // namespace restate

#endif  // RESTATE_ENGINE_BACKEND_REMOTE_PAGE_CHECK_H_
