#ifndef RESTATE_SERVICE_ADMIN_RESTORED_MOUNTS_H_
#define RESTATE_SERVICE_ADMIN_RESTORED_MOUNTS_H_

#include <map>
#include <string>

#include "absl/status/status.h"
#include "service/mounts/mount_operations.h"

namespace restate {

// Mounts what the records of a backup say was mounted by calls, outermost
// first, so that the values that follow get to their places. One that is there
// already, from a restore that did not end or from the configuration, stays.
// Blocks until it is done; not for the sequencer's thread or that of mounts.
//   DATA_LOSS / CORRUPT: a record is unreadable.
//   FAILED_PRECONDITION / MOUNT_NOT_ALLOWED: calls may not mount one of them
//     here; nothing has been mounted.
//   Errors of MountOperations::Mount, naming the mount.
absl::Status RestoreMounts(MountOperations* mounts,
                           const std::map<std::string, std::string>& records);

}  // namespace restate

#endif  // RESTATE_SERVICE_ADMIN_RESTORED_MOUNTS_H_
