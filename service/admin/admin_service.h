#ifndef RESTATE_SERVICE_ADMIN_ADMIN_SERVICE_H_
#define RESTATE_SERVICE_ADMIN_ADMIN_SERVICE_H_

#include <grpcpp/support/server_callback.h>

#include "engine/controller/controller.h"
#include "restate/v1/admin_service.grpc.pb.h"
#include "service/streams/work_thread.h"

namespace restate {

// What the service works with. All outlives the server's calls.
struct AdminServiceParts {
  Controller* controller = nullptr;
  // What waits for the batch that is being committed is done here.
  WorkThread* worker = nullptr;
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

 private:
  const AdminServiceParts parts_;
};

}  // namespace restate

#endif  // RESTATE_SERVICE_ADMIN_ADMIN_SERVICE_H_
