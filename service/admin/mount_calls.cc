// The calls of the admin service that are about mounts.
#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "engine/path/path.h"
#include "service/adapters/path_adapter.h"
#include "service/adapters/status_adapter.h"
#include "service/admin/admin_service.h"
#include "service/mounts/mount_adapter.h"

namespace restate {
namespace {

grpc::ServerUnaryReactor* Refuse(grpc::ServerUnaryReactor* reactor,
                                 const absl::Status& status) {
  reactor->Finish(ToGrpcStatus(status));
  return reactor;
}

// Answers with the revision of what was done.
template <typename Response>
MountOperations::Done Answer(Controller* controller,
                             grpc::ServerUnaryReactor* reactor,
                             Response* response) {
  return [=](absl::StatusOr<Revision> revision) {
    if (revision.ok()) {
      response->set_revision(*revision);
      response->set_epoch(controller->epoch());
    }
    reactor->Finish(ToGrpcStatus(revision.status()));
  };
}

}  // namespace

grpc::ServerUnaryReactor* AdminService::ListMounts(
    grpc::CallbackServerContext* context, const v1::ListMountsRequest* request,
    v1::ListMountsResponse* response) {
  for (v1::MountInfo& mount : parts_.mounts->List()) {
    *response->add_mounts() = std::move(mount);
  }
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

grpc::ServerUnaryReactor* AdminService::Mount(
    grpc::CallbackServerContext* context, const v1::MountRequest* request,
    v1::MountResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  absl::StatusOr<MountConfig> mount = DecodeMountSpec(request->mount());
  if (!mount.ok()) return Refuse(reactor, mount.status());
  MountOperations::Done answer =
      Answer(parts_.controller, reactor, response);
  parts_.mounts->Mount(
      *mount, [mounts = parts_.mounts, at = mount->at, response,
               answer = std::move(answer)](
                  absl::StatusOr<Revision> revision) mutable {
        if (revision.ok()) {
          // Nothing, if somebody has unmounted it already.
          std::optional<v1::MountInfo> info = mounts->Find(at);
          if (info.has_value()) *response->mutable_mount() = *std::move(info);
        }
        answer(std::move(revision));
      });
  return reactor;
}

grpc::ServerUnaryReactor* AdminService::Unmount(
    grpc::CallbackServerContext* context, const v1::UnmountRequest* request,
    v1::UnmountResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  absl::StatusOr<Path> at = DecodePath(request->path());
  if (!at.ok()) return Refuse(reactor, at.status());
  parts_.mounts->Unmount(*at, Answer(parts_.controller, reactor, response));
  return reactor;
}

grpc::ServerUnaryReactor* AdminService::Flush(
    grpc::CallbackServerContext* context, const v1::FlushRequest* request,
    v1::FlushResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  absl::StatusOr<Path> path = DecodePath(request->path());
  if (!path.ok()) return Refuse(reactor, path.status());
  parts_.mounts->Flush(*path, Answer(parts_.controller, reactor, response));
  return reactor;
}

}  // namespace restate
