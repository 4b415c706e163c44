#include "service/remote/remote_mount.h"

#include <utility>

#include "engine/error/error.h"

namespace restate {

absl::StatusOr<std::unique_ptr<Backend>> OpenRemoteMount(
    RemoteMountOptions options) {
  if (options.store.address.empty()) {
    return MakeError(Reason::kInvalidRequest,
                     "a remote mount needs the address of its store, such as "
                     "store.example.com:7500");
  }
  if (options.store.deadline <= absl::ZeroDuration()) {
    return MakeError(Reason::kInvalidRequest,
                     "the deadline of a remote mount must be positive");
  }
  if (options.backend.writer.empty()) {
    return MakeError(Reason::kInvalidRequest,
                     "a remote mount needs a name to write under");
  }
  return std::make_unique<RemoteBackend>(
      std::make_unique<GrpcRemoteStore>(std::move(options.store)),
      std::move(options.backend));
}

}  // namespace restate
