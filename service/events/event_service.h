#ifndef RESTATE_SERVICE_EVENTS_EVENT_SERVICE_H_
#define RESTATE_SERVICE_EVENTS_EVENT_SERVICE_H_

#include <grpcpp/support/server_callback.h>

#include <cstddef>

#include "engine/controller/controller.h"
#include "restate/v1/event_service.grpc.pb.h"
#include "service/adapters/limits.h"
#include "service/streams/open_streams.h"
#include "service/streams/work_thread.h"

namespace restate {

// What the service works with. All outlives the server's calls.
struct EventServiceParts {
  Controller* controller = nullptr;
  RequestLimits limits;
  // Bound of one subscriber's queue.
  size_t queue_bytes = size_t{8} << 20;
  OpenStreams* open_streams = nullptr;
  // Subscribing waits for the batch that is being committed; it is done here.
  WorkThread* subscriber = nullptr;
  // Runs streams that have something to send after having had nothing.
  WorkThread* pump = nullptr;
};

// restate.v1.EventService. Each call is one subscription, an EventStream, with
// a StreamPump that empties it into the call; both end together.
class EventService final : public v1::EventService::CallbackService {
 public:
  explicit EventService(EventServiceParts parts);

  grpc::ServerWriteReactor<v1::SubscribeResponse>* Subscribe(
      grpc::CallbackServerContext* context,
      const v1::SubscribeRequest* request) override;

 private:
  const EventServiceParts parts_;
};

}  // namespace restate

#endif  // RESTATE_SERVICE_EVENTS_EVENT_SERVICE_H_
