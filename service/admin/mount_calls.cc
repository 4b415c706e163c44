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

// Answers with the revision of what was done.
template <typename Response>
MountOperations::Done Answer(Controller* controller, const UnaryCall& call,
                             Response* response) {
  return [=](absl::StatusOr<Revision> revision) {
    if (revision.ok()) {
      response->set_revision(*revision);
      response->set_epoch(controller->epoch());
    }
    call.Finish(revision.status());
  };
}

}  // namespace

grpc::ServerUnaryReactor* AdminService::ListMounts(
    grpc::CallbackServerContext* context, const v1::ListMountsRequest* request,
    v1::ListMountsResponse* response) {
  const UnaryCall call(parts_.calls, Rpc::kListMounts, context);
  for (v1::MountInfo& mount : parts_.mounts->List()) {
    *response->add_mounts() = std::move(mount);
  }
  call.Finish(absl::OkStatus());
  return call.reactor();
}

grpc::ServerUnaryReactor* AdminService::Mount(
    grpc::CallbackServerContext* context, const v1::MountRequest* request,
    v1::MountResponse* response) {
  const UnaryCall call(parts_.calls, Rpc::kMount, context);
  absl::StatusOr<MountConfig> mount = DecodeMountSpec(request->mount());
  if (!mount.ok()) return call.Finished(mount.status());
  MountOperations::Done answer = Answer(parts_.controller, call, response);
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
  return call.reactor();
}

grpc::ServerUnaryReactor* AdminService::Unmount(
    grpc::CallbackServerContext* context, const v1::UnmountRequest* request,
    v1::UnmountResponse* response) {
  const UnaryCall call(parts_.calls, Rpc::kUnmount, context);
  absl::StatusOr<Path> at = DecodePath(request->path());
  if (!at.ok()) return call.Finished(at.status());
  parts_.mounts->Unmount(
      *at,
      request->discard_unapplied() ? Sequencer::Unapplied::kDiscard
                                   : Sequencer::Unapplied::kRefuse,
      [controller = parts_.controller, call, response](
          absl::StatusOr<MountOperations::Unmounted> unmounted) {
        if (unmounted.ok()) {
          response->set_revision(unmounted->revision);
          response->set_epoch(controller->epoch());
          response->set_discarded_writes(
              static_cast<int64_t>(unmounted->discarded_writes));
        }
        call.Finish(unmounted.status());
      });
  return call.reactor();
}

grpc::ServerUnaryReactor* AdminService::Flush(
    grpc::CallbackServerContext* context, const v1::FlushRequest* request,
    v1::FlushResponse* response) {
  const UnaryCall call(parts_.calls, Rpc::kFlush, context);
  absl::StatusOr<Path> path = DecodePath(request->path());
  if (!path.ok()) return call.Finished(path.status());
  parts_.mounts->Flush(*path, Answer(parts_.controller, call, response));
  return call.reactor();
}

}  // namespace restate
