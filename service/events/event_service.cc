#include "service/events/event_service.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "engine/error/error.h"
#include "service/adapters/request_fields.h"
#include "service/adapters/status_adapter.h"
#include "service/adapters/subscribe_adapter.h"
#include "service/adapters/subscription_adapter.h"
#include "service/events/event_source.h"
#include "service/events/message_bytes.h"
#include "service/events/session_source.h"
#include "service/streams/stream_pump.h"

namespace restate {
namespace {

using BytesPump = StreamPump<grpc::ByteBuffer>;

constexpr int kMaxAcknowledgements = 10'000;

}  // namespace

EventService::EventService(EventServiceParts parts)
    : parts_(std::move(parts)) {}

ParcelSourceOptions EventService::SourceOptions() const {
  return {.origin = {.epoch = parts_.controller->epoch(),
                     .issuer = parts_.controller->issuer()},
          .max_message_bytes = parts_.limits.max_message_bytes,
          .clock = parts_.clock};
}

grpc::ServerWriteReactor<grpc::ByteBuffer>* EventService::Subscribe(
    grpc::CallbackServerContext* context, const grpc::ByteBuffer* request) {
  const ClientId client = parts_.clients->Of(*context);
  // Before anything is done for it: refusing costs next to nothing.
  absl::StatusOr<Hold> hold =
      parts_.controller->Take(client, Holding::kStreams);
  const absl::Status has_room = hold.status();
  const std::shared_ptr<BytesPump> pump =
      BytesPump::Open({.open_streams = parts_.open_streams,
                       .worker = parts_.pumps->Next(),
                       .patient = parts_.patient,
                       .counted = CountedCall(parts_.calls, Rpc::kSubscribe),
                       .hold = has_room.ok() ? *std::move(hold) : Hold()});
  if (!has_room.ok()) {
    pump->Begin(has_room);
    return pump.get();
  }
  const absl::StatusOr<v1::SubscribeRequest> proto =
      ParseBytes<v1::SubscribeRequest>(*request);
  absl::StatusOr<SubscriptionSpec> spec =
      proto.ok() ? DecodeSubscribe(*proto, parts_.limits) : proto.status();
  if (!spec.ok()) {
    pump->Begin(spec.status());
    return pump.get();
  }
  spec->takes_bundles = true;
  parts_.subscriber->Post([this, pump, client,
                           spec = *std::move(spec)]() mutable {
    absl::StatusOr<std::unique_ptr<EventStream>> stream =
        parts_.controller->Subscribe(std::move(spec), parts_.queue_bytes,
                                     pump->Waker(), client);
    if (!stream.ok()) return pump->Begin(stream.status());
    pump->Begin(
        std::make_unique<EventSource>(*std::move(stream), SourceOptions()));
  });
  return pump.get();
}

grpc::ServerWriteReactor<grpc::ByteBuffer>* EventService::OpenSession(
    grpc::CallbackServerContext* context, const grpc::ByteBuffer* request) {
  const std::shared_ptr<BytesPump> pump = BytesPump::Open(
      {.open_streams = parts_.open_streams,
       .worker = parts_.pumps->Next(),
       .patient = parts_.patient,
       .counted = CountedCall(parts_.calls, Rpc::kOpenSession)});
  absl::StatusOr<v1::OpenSessionRequest> proto =
      ParseBytes<v1::OpenSessionRequest>(*request);
  if (!proto.ok()) {
    pump->Begin(proto.status());
    return pump.get();
  }
  parts_.subscriber->Post([this, pump, proto = *std::move(proto),
                           client = parts_.clients->Of(*context)] {
    SessionTable& sessions = parts_.controller->sessions();
    absl::StatusOr<OpenedSession> opened =
        sessions.Open(proto.session_id(), proto.resume(), pump->Waker(),
                      client);
    if (!opened.ok()) return pump->Begin(opened.status());
    pump->Begin(std::make_unique<SessionSource>(
        *std::move(opened), sessions.grace(), SourceOptions(),
        [this](const TransformCall& call) {
          return parts_.controller->hosts().Fill(call);
        }));
  });
  return pump.get();
}

grpc::ServerUnaryReactor* EventService::Blocking(
    const UnaryCall& call, std::function<absl::Status()> work) {
  // Request and response, which `work` refers to, live until the call is
  // finished.
  parts_.subscriber->Post(
      [call, work = std::move(work)] { call.Finish(work()); });
  return call.reactor();
}

grpc::ServerUnaryReactor* EventService::CloseSession(
    grpc::CallbackServerContext* context,
    const v1::CloseSessionRequest* request,
    v1::CloseSessionResponse* response) {
  const UnaryCall call(parts_.calls, Rpc::kCloseSession, context);
  return Blocking(call, [this, request] {
    return parts_.controller->sessions().Close(request->session_id());
  });
}

grpc::ServerUnaryReactor* EventService::RegisterCallback(
    grpc::CallbackServerContext* context,
    const v1::RegisterCallbackRequest* request,
    v1::RegisterCallbackResponse* response) {
  const UnaryCall call(parts_.calls, Rpc::kRegisterCallback, context);
  absl::StatusOr<std::string> callback_id =
      parts_.controller->sessions().RegisterCallback(
          request->session_id(), request->callback_id(), request->replace());
  if (callback_id.ok()) response->set_callback_id(*std::move(callback_id));
  return call.Finished(callback_id.status());
}

grpc::ServerUnaryReactor* EventService::UnregisterCallback(
    grpc::CallbackServerContext* context,
    const v1::UnregisterCallbackRequest* request,
    v1::UnregisterCallbackResponse* response) {
  const UnaryCall call(parts_.calls, Rpc::kUnregisterCallback, context);
  return Blocking(call, [this, request, response] {
    const absl::StatusOr<bool> unregistered =
        parts_.controller->sessions().UnregisterCallback(
            request->session_id(), request->callback_id(),
            request->ignore_missing());
    if (unregistered.ok()) response->set_unregistered(*unregistered);
    return unregistered.status();
  });
}

grpc::ServerUnaryReactor* EventService::SubscribeById(
    grpc::CallbackServerContext* context,
    const v1::SubscribeByIdRequest* request,
    v1::SubscribeByIdResponse* response) {
  const UnaryCall call(parts_.calls, Rpc::kSubscribeById, context);
  absl::StatusOr<SubscriptionSpec> spec =
      DecodeSubscribe(request->subscription(), parts_.limits);
  if (!spec.ok()) return call.Finished(spec.status());
  return Blocking(call, [this, request, response,
                         spec = *std::move(spec)]() mutable {
    const absl::StatusOr<SubscribedCallback> subscribed =
        parts_.controller->sessions().SubscribeById(
            request->session_id(), request->callback_id(), std::move(spec),
            request->ignore_missing());
    if (!subscribed.ok()) return subscribed.status();
    response->set_subscription_id(subscribed->subscription_id);
    response->set_revision(subscribed->revision);
    response->set_epoch(parts_.controller->epoch());
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* EventService::UnsubscribeById(
    grpc::CallbackServerContext* context,
    const v1::UnsubscribeByIdRequest* request,
    v1::UnsubscribeByIdResponse* response) {
  const UnaryCall call(parts_.calls, Rpc::kUnsubscribeById, context);
  absl::StatusOr<std::vector<PathPattern>> patterns =
      DecodePatterns(request->patterns(), parts_.limits);
  if (!patterns.ok()) return call.Finished(patterns.status());
  return Blocking(call, [this, request, response,
                         patterns = *std::move(patterns)] {
    const absl::StatusOr<int64_t> ended =
        parts_.controller->sessions().UnsubscribeById(
            request->session_id(), request->callback_id(), patterns,
            request->ignore_missing());
    if (ended.ok()) response->set_ended(*ended);
    return ended.status();
  });
}

grpc::ServerUnaryReactor* EventService::ListSubscriptions(
    grpc::CallbackServerContext* context,
    const v1::ListSubscriptionsRequest* request,
    v1::ListSubscriptionsResponse* response) {
  const UnaryCall call(parts_.calls, Rpc::kListSubscriptions, context);
  const absl::StatusOr<SubscriptionPage> page = DecodePage(*request);
  if (!page.ok()) return call.Finished(page.status());
  // One more tells whether there are more.
  std::vector<SubscriptionStatus> statuses =
      parts_.controller->ListSubscriptions(request->session_id(),
                                           page->after_id, page->size + 1);
  if (statuses.size() > page->size) {
    statuses.resize(page->size);
    response->set_next_page_token(EncodePageToken(statuses.back().id));
  }
  for (const SubscriptionStatus& status : statuses) {
    EncodeSubscription(status, response->add_subscriptions());
  }
  response->set_revision(parts_.controller->Published()->revision());
  response->set_epoch(parts_.controller->epoch());
  return call.Finished(absl::OkStatus());
}

grpc::ServerUnaryReactor* EventService::Acknowledge(
    grpc::CallbackServerContext* context, const v1::AcknowledgeRequest* request,
    v1::AcknowledgeResponse* response) {
  const UnaryCall call(parts_.calls, Rpc::kAcknowledge, context);
  if (request->acknowledgements_size() > kMaxAcknowledgements) {
    return call.Finished(MakeError(
        Reason::kInvalidRequest,
        absl::StrCat("the request has ", request->acknowledgements_size(),
                     " acknowledgements; at most ", kMaxAcknowledgements,
                     " are allowed: split it"),
        {{"limit", absl::StrCat(kMaxAcknowledgements)}}));
  }
  std::vector<Controller::Acknowledgement> answers;
  answers.reserve(static_cast<size_t>(request->acknowledgements_size()));
  for (const v1::Acknowledgement& answer : request->acknowledgements()) {
    answers.push_back({answer.ack_token(), answer.stop_bubbling()});
  }
  for (std::string& token : parts_.controller->Acknowledge(answers)) {
    response->add_expired_tokens(std::move(token));
  }
  return call.Finished(absl::OkStatus());
}

grpc::ServerUnaryReactor* EventService::Sync(
    grpc::CallbackServerContext* context, const v1::SyncRequest* request,
    v1::SyncResponse* response) {
  const UnaryCall call(parts_.calls, Rpc::kSync, context);
  absl::Status status = parts_.controller->CheckEpoch(request->epoch());
  if (status.ok()) status = CheckRevision("revision", request->revision());
  if (!status.ok()) return call.Finished(status);
  parts_.controller->sessions().Sync(
      request->session_id(), request->revision(),
      [call, response](absl::StatusOr<int64_t> sync_id) {
        if (sync_id.ok()) response->set_sync_id(*sync_id);
        call.Finish(sync_id.status());
      });
  return call.reactor();
}

}  // namespace restate
