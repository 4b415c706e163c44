#ifndef RESTATE_SERVICE_METRICS_UNARY_CALL_H_
#define RESTATE_SERVICE_METRICS_UNARY_CALL_H_

#include <grpcpp/support/server_callback.h>

#include <chrono>

#include "absl/status/status.h"
#include "service/adapters/status_adapter.h"
#include "service/metrics/call_counters.h"

namespace restate {

// A unary call that is under way, and is counted. Copies are the same call: one
// of them finishes it, once, on any thread.
class UnaryCall {
 public:
  // Begins it. `counters` outlives the call.
  UnaryCall(CallCounters* counters, Rpc rpc,
            grpc::CallbackServerContext* context)
      : reactor_(context->DefaultReactor()),
        counted_(counters, rpc),
        began_(std::chrono::steady_clock::now()) {}

  // The request and the response live until this.
  void Finish(const absl::Status& status) const {
    counted_.End(static_cast<int>(status.code()),
                 std::chrono::steady_clock::now() - began_);
    reactor_->Finish(status.ok() ? grpc::Status::OK : ToGrpcStatus(status));
  }
  // Finishes it, for a handler that returns at once.
  grpc::ServerUnaryReactor* Finished(const absl::Status& status) const {
    Finish(status);
    return reactor_;
  }

  // What a handler returns.
  grpc::ServerUnaryReactor* reactor() const { return reactor_; }

 private:
  grpc::ServerUnaryReactor* reactor_;
  CountedCall counted_;
  std::chrono::steady_clock::time_point began_;
};

}  // namespace restate

#endif  // RESTATE_SERVICE_METRICS_UNARY_CALL_H_
