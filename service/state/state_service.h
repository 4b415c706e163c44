#ifndef RESTATE_SERVICE_STATE_STATE_SERVICE_H_
#define RESTATE_SERVICE_STATE_STATE_SERVICE_H_

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <cstddef>
#include <memory>
#include <string>

#include "engine/clock/clock.h"
#include "engine/controller/controller.h"
#include "restate/v1/state_service.grpc.pb.h"
#include "service/adapters/limits.h"
#include "service/clients/peer_clients.h"
#include "service/metrics/call_counters.h"
#include "service/metrics/unary_call.h"
#include "service/state/pinned_states.h"
#include "service/state/write_stream.h"
#include "service/streams/open_streams.h"
#include "service/streams/work_thread.h"
#include "service/streams/work_threads.h"

namespace restate {

// What the services work with. All outlives the server's calls.
struct StateServiceParts {
  Controller* controller = nullptr;
  const Clock* clock = nullptr;
  const PeerClients* clients = nullptr;
  RequestLimits limits;
  OpenStreams* open_streams = nullptr;
  CallCounters* calls = nullptr;
  // Reads that waited for a revision are done here: the sequencer's thread,
  // which ends the wait, must not read.
  WorkThread* worker = nullptr;
  // What touches mounts that take long to read is read here.
  WorkThreads* patient = nullptr;
  // What is large is converted here (kMaxInlineBytes).
  WorkThreads* large = nullptr;
};

// The service's methods: typed, but for those that write, which read and write
// bytes (see WriteCall, WriteStream).
using StateServiceBase = v1::StateService::WithCallbackMethod_GetState<
    v1::StateService::WithCallbackMethod_BatchGetState<
        v1::StateService::WithRawCallbackMethod_SetState<
            v1::StateService::WithRawCallbackMethod_DeleteState<
                v1::StateService::WithRawCallbackMethod_Ping<
                    v1::StateService::WithRawCallbackMethod_Commit<
                        v1::StateService::WithRawCallbackMethod_Write<
                            v1::StateService::WithCallbackMethod_ListChildren<
                                v1::StateService::
                                    WithCallbackMethod_StreamState<
                                        v1::StateService::Service>>>>>>>>>;

// restate.v1.StateService: converts, calls the engine, converts the answer.
//
// Reads are answered on the thread that brought them, writes on the sequencer's
// thread when they are decided; there is no other hop, but for what is large.
class StateService final : public StateServiceBase {
 public:
  explicit StateService(StateServiceParts parts);

  grpc::ServerUnaryReactor* GetState(grpc::CallbackServerContext* context,
                                     const v1::GetStateRequest* request,
                                     v1::GetStateResponse* response) override;
  grpc::ServerUnaryReactor* BatchGetState(
      grpc::CallbackServerContext* context,
      const v1::BatchGetStateRequest* request,
      v1::BatchGetStateResponse* response) override;
  grpc::ServerUnaryReactor* SetState(grpc::CallbackServerContext* context,
      const grpc::ByteBuffer* request, grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* DeleteState(grpc::CallbackServerContext* context,
      const grpc::ByteBuffer* request, grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* Ping(grpc::CallbackServerContext* context,
      const grpc::ByteBuffer* request, grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* Commit(grpc::CallbackServerContext* context,
      const grpc::ByteBuffer* request, grpc::ByteBuffer* response) override;
  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* Write(
      grpc::CallbackServerContext* context) override;
  grpc::ServerUnaryReactor* ListChildren(
      grpc::CallbackServerContext* context,
      const v1::ListChildrenRequest* request,
      v1::ListChildrenResponse* response) override;
  grpc::ServerWriteReactor<v1::StreamStateResponse>* StreamState(
      grpc::CallbackServerContext* context,
      const v1::StreamStateRequest* request) override;

  // What page tokens hold on to.
  PinnedStates* pinned_states() { return &pinned_states_; }

 private:
  using State = std::shared_ptr<const PublishedState>;

  // Calls `use` with the state at or after `min_revision`, or why there is
  // none; here if it is published. RESOURCE_EXHAUSTED / TOO_MANY_WAITS.
  template <typename Use>
  void AtRevision(const grpc::CallbackServerContext& context,
                  const std::string& epoch, Revision min_revision, Use use);
  // Finishes the call with what `read`, given how many bytes it may read, returns:
  // here; or, if one of the paths is slow to read, or there is much, on a thread of
  // its own kind.
  template <typename PathProtos, typename Response, typename Read>
  void FinishRead(const UnaryCall& call, const PathProtos& paths,
                  Response* response, Read read);
  // Decodes a write, queues it, and finishes the call with what `encode` makes
  // of the result.
  template <typename Request, typename Response, typename Encode>
  grpc::ServerUnaryReactor* RunCommit(Rpc rpc,
                                      grpc::CallbackServerContext* context,
                                      const grpc::ByteBuffer* request,
                                      grpc::ByteBuffer* answer, Encode encode);

  absl::Status ReadOne(const PublishedState& state,
                       const v1::GetStateRequest& request, size_t max_bytes,
                       v1::GetStateResponse* response) const;
  absl::Status ReadMany(const PublishedState& state,
                        const v1::BatchGetStateRequest& request,
                        size_t max_bytes,
                        v1::BatchGetStateResponse* response) const;
  absl::Status ListPage(const ClientId& client, const Path& path, State state,
                        const v1::ListChildrenRequest& request,
                        v1::ListChildrenResponse* response);

  const StateServiceParts parts_;
  const WriteStreamParts write_parts_;
  PinnedStates pinned_states_;
};

}  // namespace restate

#endif  // RESTATE_SERVICE_STATE_STATE_SERVICE_H_
