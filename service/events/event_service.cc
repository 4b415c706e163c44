#include "service/events/event_service.h"

#include <memory>
#include <utility>

#include "service/adapters/event_adapter.h"
#include "service/events/event_source.h"
#include "service/streams/stream_pump.h"

namespace restate {

EventService::EventService(EventServiceParts parts)
    : parts_(std::move(parts)) {}

grpc::ServerWriteReactor<v1::SubscribeResponse>* EventService::Subscribe(
    grpc::CallbackServerContext* context, const v1::SubscribeRequest* request) {
  using Pump = StreamPump<v1::SubscribeResponse>;
  const std::shared_ptr<Pump> pump = Pump::Open(
      {.open_streams = parts_.open_streams, .worker = parts_.pump});
  absl::StatusOr<SubscriptionSpec> spec =
      DecodeSubscribe(*request, parts_.limits);
  if (!spec.ok()) {
    pump->Begin(spec.status());
    return pump.get();
  }
  spec->max_queue_bytes = parts_.queue_bytes;
  parts_.subscriber->Post([this, pump, view = ViewOf(*request),
                           spec = *std::move(spec)]() mutable {
    absl::StatusOr<std::unique_ptr<EventStream>> stream =
        parts_.controller->Subscribe(std::move(spec), pump->Waker());
    if (!stream.ok()) return pump->Begin(stream.status());
    pump->Begin(std::make_unique<EventSource>(
        *std::move(stream), parts_.controller->epoch(), view,
        parts_.limits.max_message_bytes));
  });
  return pump.get();
}

}  // namespace restate
