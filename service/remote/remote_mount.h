#ifndef RESTATE_SERVICE_REMOTE_REMOTE_MOUNT_H_
#define RESTATE_SERVICE_REMOTE_REMOTE_MOUNT_H_

#include <memory>

#include "absl/status/statusor.h"
#include "engine/backend/backend.h"
#include "engine/backend/remote/remote_backend.h"
#include "service/remote/grpc_remote_store.h"

namespace restate {

// What a mount of a remote store is made from.
struct RemoteMountOptions {
  // Where the store is and how long calls may take.
  GrpcRemoteStoreOptions store;
  // Where it is mounted, and who writes to it.
  RemoteBackendOptions backend;
};

// Opens a mount of a store that speaks restate.v1.BackendService. A store that
// is down now is no error: the mount is down until it comes. Blocks until the
// store has answered, for as long as RemoteBackendOptions::first_contact.
//   INVALID_ARGUMENT: the address or the writer is empty, or the deadline is
//     not positive.
absl::StatusOr<std::unique_ptr<Backend>> OpenRemoteMount(
    RemoteMountOptions options);

}  // namespace restate

#endif  // RESTATE_SERVICE_REMOTE_REMOTE_MOUNT_H_
