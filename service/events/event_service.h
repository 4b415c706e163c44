#ifndef RESTATE_SERVICE_EVENTS_EVENT_SERVICE_H_
#define RESTATE_SERVICE_EVENTS_EVENT_SERVICE_H_

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <cstddef>
#include <functional>

#include "absl/status/status.h"
#include "engine/clock/clock.h"
#include "engine/controller/controller.h"
#include "restate/v1/event_service.grpc.pb.h"
#include "service/adapters/limits.h"
#include "service/clients/peer_clients.h"
#include "service/events/parcel_source.h"
#include "service/metrics/call_counters.h"
#include "service/metrics/unary_call.h"
#include "service/streams/open_streams.h"
#include "service/streams/work_thread.h"
#include "service/streams/work_threads.h"

namespace restate {

// What the service works with. All outlives the server's calls.
struct EventServiceParts {
  Controller* controller = nullptr;
  const Clock* clock = nullptr;
  const PeerClients* clients = nullptr;
  RequestLimits limits;
  // Bound of one subscriber's queue.
  size_t queue_bytes = size_t{8} << 20;
  OpenStreams* open_streams = nullptr;
  CallCounters* calls = nullptr;
  // Subscribing and unsubscribing wait for the batch that is being committed;
  // they are done here.
  WorkThread* subscriber = nullptr;
  // Run streams that have something to send after having had nothing.
  WorkThreads* pumps = nullptr;
  // Run streams that are to read a snapshot of a store in a network.
  WorkThreads* patient = nullptr;
};

// The service's methods: typed, but for the two streams, whose messages are
// made as bytes (see BatchEncoder).
using EventServiceBase = v1::EventService::WithRawCallbackMethod_Subscribe<
    v1::EventService::WithRawCallbackMethod_OpenSession<
        v1::EventService::WithCallbackMethod_CloseSession<
            v1::EventService::WithCallbackMethod_RegisterCallback<
                v1::EventService::WithCallbackMethod_UnregisterCallback<
                    v1::EventService::WithCallbackMethod_SubscribeById<
                        v1::EventService::WithCallbackMethod_UnsubscribeById<
                            v1::EventService::
                                WithCallbackMethod_ListSubscriptions<
                                    v1::EventService::
                                        WithCallbackMethod_Acknowledge<
                                            v1::EventService::
                                                WithCallbackMethod_Sync<
                                                    v1::EventService::
                                                        Service>>>>>>>>>>;

// restate.v1.EventService: converts, calls the engine, converts the answer.
//
// A stream is an EventStream with a StreamPump that empties it into the call.
// Both end together; a session goes on without its stream.
class EventService final : public EventServiceBase {
 public:
  explicit EventService(EventServiceParts parts);

  grpc::ServerWriteReactor<grpc::ByteBuffer>* Subscribe(
      grpc::CallbackServerContext* context,
      const grpc::ByteBuffer* request) override;
  grpc::ServerWriteReactor<grpc::ByteBuffer>* OpenSession(
      grpc::CallbackServerContext* context,
      const grpc::ByteBuffer* request) override;
  grpc::ServerUnaryReactor* CloseSession(
      grpc::CallbackServerContext* context,
      const v1::CloseSessionRequest* request,
      v1::CloseSessionResponse* response) override;
  grpc::ServerUnaryReactor* RegisterCallback(
      grpc::CallbackServerContext* context,
      const v1::RegisterCallbackRequest* request,
      v1::RegisterCallbackResponse* response) override;
  grpc::ServerUnaryReactor* UnregisterCallback(
      grpc::CallbackServerContext* context,
      const v1::UnregisterCallbackRequest* request,
      v1::UnregisterCallbackResponse* response) override;
  grpc::ServerUnaryReactor* SubscribeById(
      grpc::CallbackServerContext* context,
      const v1::SubscribeByIdRequest* request,
      v1::SubscribeByIdResponse* response) override;
  grpc::ServerUnaryReactor* UnsubscribeById(
      grpc::CallbackServerContext* context,
      const v1::UnsubscribeByIdRequest* request,
      v1::UnsubscribeByIdResponse* response) override;
  grpc::ServerUnaryReactor* ListSubscriptions(
      grpc::CallbackServerContext* context,
      const v1::ListSubscriptionsRequest* request,
      v1::ListSubscriptionsResponse* response) override;
  grpc::ServerUnaryReactor* Acknowledge(
      grpc::CallbackServerContext* context,
      const v1::AcknowledgeRequest* request,
      v1::AcknowledgeResponse* response) override;
  grpc::ServerUnaryReactor* Sync(grpc::CallbackServerContext* context,
                                 const v1::SyncRequest* request,
                                 v1::SyncResponse* response) override;

 private:
  // Finishes the call with what `work`, which may wait for a batch, gives.
  grpc::ServerUnaryReactor* Blocking(const UnaryCall& call,
                                     std::function<absl::Status()> work);
  ParcelSourceOptions SourceOptions() const;

  const EventServiceParts parts_;
};

}  // namespace restate

#endif  // RESTATE_SERVICE_EVENTS_EVENT_SERVICE_H_
