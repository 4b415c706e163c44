#ifndef RESTATE_SERVICE_ADMIN_ADMIN_SERVICE_H_
#define RESTATE_SERVICE_ADMIN_ADMIN_SERVICE_H_

#include <grpcpp/support/server_callback.h>

#include "engine/clock/clock.h"
#include "engine/controller/controller.h"
#include "restate/v1/admin_service.grpc.pb.h"
#include "service/admin/restore_stream.h"
#include "service/clients/peer_clients.h"
#include "service/metrics/call_counters.h"
#include "service/metrics/unary_call.h"
#include "service/mounts/mount_operations.h"
#include "service/streams/open_streams.h"
#include "service/streams/work_thread.h"
#include "service/streams/work_threads.h"

namespace restate {

// What the service works with. All outlives the server's calls.
struct AdminServiceParts {
  Controller* controller = nullptr;
  const Clock* clock = nullptr;
  const PeerClients* clients = nullptr;
  OpenStreams* open_streams = nullptr;
  CallCounters* calls = nullptr;
  // What waits for the batch that is being committed is done here.
  WorkThread* worker = nullptr;
  // What reads stores in a network is read here.
  WorkThreads* patient = nullptr;
  // What waits for many of them: a restore.
  WorkThread* restorer = nullptr;
  MountOperations* mounts = nullptr;
};

// restate.v1.AdminService: what operators ask for.
class AdminService final : public v1::AdminService::CallbackService {
 public:
  explicit AdminService(AdminServiceParts parts) : parts_(parts) {}

  grpc::ServerUnaryReactor* GetStatus(grpc::CallbackServerContext* context,
                                      const v1::GetStatusRequest* request,
                                      v1::GetStatusResponse* response) override;
  grpc::ServerUnaryReactor* Compact(grpc::CallbackServerContext* context,
                                    const v1::CompactRequest* request,
                                    v1::CompactResponse* response) override;
  grpc::ServerWriteReactor<v1::BackupResponse>* Backup(
      grpc::CallbackServerContext* context,
      const v1::BackupRequest* request) override;
  grpc::ServerReadReactor<v1::RestoreRequest>* Restore(
      grpc::CallbackServerContext* context,
      v1::RestoreResponse* response) override;
  // mount_calls.cc
  grpc::ServerUnaryReactor* ListMounts(
      grpc::CallbackServerContext* context,
      const v1::ListMountsRequest* request,
      v1::ListMountsResponse* response) override;
  grpc::ServerUnaryReactor* Mount(grpc::CallbackServerContext* context,
                                  const v1::MountRequest* request,
                                  v1::MountResponse* response) override;
  grpc::ServerUnaryReactor* Unmount(grpc::CallbackServerContext* context,
                                    const v1::UnmountRequest* request,
                                    v1::UnmountResponse* response) override;
  grpc::ServerUnaryReactor* Flush(grpc::CallbackServerContext* context,
                                  const v1::FlushRequest* request,
                                  v1::FlushResponse* response) override;

 private:
  const AdminServiceParts parts_;
  RestoreState restore_;
};

}  // namespace restate

#endif  // RESTATE_SERVICE_ADMIN_ADMIN_SERVICE_H_
