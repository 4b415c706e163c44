#ifndef RESTATE_SERVICE_DERIVATIONS_DERIVATION_SERVICE_H_
#define RESTATE_SERVICE_DERIVATIONS_DERIVATION_SERVICE_H_

#include <grpcpp/support/server_callback.h>

#include <utility>

#include "absl/status/status.h"
#include "engine/controller/controller.h"
#include "restate/v1/derivation_service.grpc.pb.h"
#include "service/adapters/limits.h"
#include "service/clients/peer_clients.h"
#include "service/metrics/call_counters.h"
#include "service/metrics/unary_call.h"

namespace restate {

// restate.v1.DerivationService: converts, calls the engine, converts the answer.
class DerivationService final
    : public v1::DerivationService::CallbackService {
 public:
  // What is pointed to outlives the server's calls.
  DerivationService(Controller* controller, const PeerClients* clients,
                    RequestLimits limits, CallCounters* calls)
      : controller_(controller),
        clients_(clients),
        limits_(std::move(limits)),
        calls_(calls) {}

  grpc::ServerUnaryReactor* Derive(grpc::CallbackServerContext* context,
                                   const v1::DeriveRequest* request,
                                   v1::DeriveResponse* response) override;
  grpc::ServerUnaryReactor* RemoveDerivation(
      grpc::CallbackServerContext* context,
      const v1::RemoveDerivationRequest* request,
      v1::RemoveDerivationResponse* response) override;
  grpc::ServerUnaryReactor* ListDerivations(
      grpc::CallbackServerContext* context,
      const v1::ListDerivationsRequest* request,
      v1::ListDerivationsResponse* response) override;
  grpc::ServerUnaryReactor* CompleteTransform(
      grpc::CallbackServerContext* context,
      const v1::CompleteTransformRequest* request,
      v1::CompleteTransformResponse* response) override;
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
  absl::Status ListPage(const v1::ListDerivationsRequest& request,
                        v1::ListDerivationsResponse* response) const;

  Controller* const controller_;
  const PeerClients* const clients_;
  const RequestLimits limits_;
  CallCounters* const calls_;
};

}  // namespace restate

#endif  // RESTATE_SERVICE_DERIVATIONS_DERIVATION_SERVICE_H_
