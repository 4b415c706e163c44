#ifndef RESTATE_SERVICE_MOUNTS_MOUNT_PERMISSION_H_
#define RESTATE_SERVICE_MOUNTS_MOUNT_PERMISSION_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/backend/filesystem/directory_root.h"
#include "service/config/mount_config.h"

namespace restate {

// What may be mounted, and by whom. A mount gives whoever reads and writes the
// tree the directory with the rights of the server's user, or has the server
// connect to an address of its network: so a call may name only what the
// configuration lists. The server's own data directory is mounted by nobody.
//
// Refusals are FAILED_PRECONDITION / MOUNT_NOT_ALLOWED, name the key of the
// configuration, and are the same whether or not anything is there.
//
// Immutable.
class MountPermission {
 public:
  // `data_dir` is empty if there is none.
  MountPermission(MountsByRpc allowed, const std::string& data_dir);

  // Whether a call may mount this, by what it says. `mount` is normalized.
  absl::Status CheckByRpc(const MountConfig& mount) const;
  // RESOURCE_EXHAUSTED / TOO_MANY_MOUNTS if `mounts` by calls are all there may
  // be.
  absl::Status CheckCount(size_t mounts) const;
  // Whether the configuration may mount this.
  absl::Status CheckConfigured(const MountConfig& mount) const;

  // What opening the directory of a mount is held to; by a call, only after
  // CheckByRpc.
  DirectoryBounds BoundsOfConfigured() const;
  DirectoryBounds BoundsByRpc(const MountConfig& mount) const;

 private:
  // The directory that allows `directory`; null if there is none.
  const std::string* Allowing(const std::string& directory) const;

  MountsByRpc allowed_;
  // The server's own.
  std::vector<std::string> own_;
};

}  // namespace restate

#endif  // RESTATE_SERVICE_MOUNTS_MOUNT_PERMISSION_H_
