#ifndef RESTATE_ENGINE_BACKEND_ROCKSDB_ROOM_CHECK_H_
#define RESTATE_ENGINE_BACKEND_ROCKSDB_ROOM_CHECK_H_

#include <string>

#include "absl/status/status.h"

namespace restate {

// Whether there is enough room on the disk to open a store: what is in its logs
// is written to data files. UNAVAILABLE / MOUNT_UNAVAILABLE telling how much is
// free and how much it takes. OK where that cannot be found out.
absl::Status CheckRoom(const std::string& directory);

}  // namespace restate

#endif  // RESTATE_ENGINE_BACKEND_ROCKSDB_ROOM_CHECK_H_
