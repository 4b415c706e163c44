#ifndef RESTATE_SERVICE_DERIVATIONS_DERIVATION_SERVICE_H_
#define RESTATE_SERVICE_DERIVATIONS_DERIVATION_SERVICE_H_

#include <grpcpp/support/server_callback.h>

#include "engine/controller/controller.h"
#include "restate/v1/derivation_service.grpc.pb.h"

namespace restate {

// restate.v1.DerivationService: converts, calls the engine, converts the answer.
class DerivationService final
    : public v1::DerivationService::CallbackService {
 public:
  // The controller outlives the server's calls.
  explicit DerivationService(Controller* controller)
      : controller_(controller) {}

  grpc::ServerUnaryReactor* BeginRun(grpc::CallbackServerContext* context,
                                     const v1::BeginRunRequest* request,
                                     v1::BeginRunResponse* response) override;
  grpc::ServerUnaryReactor* EndRun(grpc::CallbackServerContext* context,
                                   const v1::EndRunRequest* request,
                                   v1::EndRunResponse* response) override;
  grpc::ServerUnaryReactor* StopTracker(
      grpc::CallbackServerContext* context,
      const v1::StopTrackerRequest* request,
      v1::StopTrackerResponse* response) override;

 private:
  Controller* const controller_;
};

}  // namespace restate

#endif  // RESTATE_SERVICE_DERIVATIONS_DERIVATION_SERVICE_H_
