#ifndef RESTATE_SERVICE_MOUNTS_MOUNT_ADAPTER_H_
#define RESTATE_SERVICE_MOUNTS_MOUNT_ADAPTER_H_

#include <optional>

#include "absl/status/statusor.h"
#include "engine/mount/mounted_backend.h"
#include "restate/v1/admin_service.pb.h"
#include "restate/v1/mount.pb.h"
#include "service/config/mount_config.h"

namespace restate {

// Between mounts on the wire and the engine's.

// What is to be mounted, checked and normalized. INVALID_ARGUMENT /
// INVALID_PATH, INVALID_REQUEST.
absl::StatusOr<MountConfig> DecodeMountSpec(const v1::MountSpec& proto);

// With every default filled in.
v1::MountSpec EncodeMountSpec(const MountConfig& mount);

// How a mount is. DOWN and FAILED win over DEGRADED.
v1::MountState EncodeMountState(const MountStatus& status);

// `spec` is what it was mounted by.
void EncodeMountInfo(const MountStatus& status, const v1::MountSpec& spec,
                     v1::MountInfo* proto);

}  // namespace restate

#endif  // RESTATE_SERVICE_MOUNTS_MOUNT_ADAPTER_H_
