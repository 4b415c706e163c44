#ifndef RESTATE_SERVICE_MOUNTS_MOUNT_LOG_H_
#define RESTATE_SERVICE_MOUNTS_MOUNT_LOG_H_

#include <map>
#include <string>

#include "restate/v1/mount.pb.h"
#include "service/mounts/mount_operations.h"

namespace restate {

// Says in the log when a mount ceases to be as it should be, and when it is
// again. Used by one thread at a time.
class MountLog {
 public:
  // `mounts` outlives the log.
  explicit MountLog(const MountOperations* mounts) : mounts_(mounts) {}

  // Looks at all mounts. Call it now and then.
  void Look();

 private:
  const MountOperations* const mounts_;
  // By mount point, of those that were not UP.
  std::map<std::string, v1::MountState> unwell_;
};

}  // namespace restate

#endif  // RESTATE_SERVICE_MOUNTS_MOUNT_LOG_H_
