#include "service/admin/admin_service.h"

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "engine/error/error.h"
#include "engine/request/answered_requests.h"
#include "service/adapters/status_adapter.h"
#include "service/adapters/time_adapter.h"

namespace restate {
namespace {

void EncodeHistory(const Controller::Status& status, v1::HistoryStatus* proto) {
  proto->set_oldest_revision(status.history_oldest);
  if (status.history_oldest_time != absl::InfiniteFuture()) {
    EncodeTime(status.history_oldest_time, proto->mutable_oldest_commit_time());
  }
  proto->set_bytes(static_cast<int64_t>(status.history_bytes));
}

void EncodeRequestIds(const AnsweredRequests::Status& status,
                      v1::RequestIdsStatus* proto) {
  proto->set_count(static_cast<int64_t>(status.count));
  proto->set_bytes(static_cast<int64_t>(status.bytes));
  if (status.oldest != absl::InfinitePast()) {
    EncodeTime(status.oldest, proto->mutable_oldest_time());
  }
}

}  // namespace

grpc::ServerUnaryReactor* AdminService::GetStatus(
    grpc::CallbackServerContext* context, const v1::GetStatusRequest* request,
    v1::GetStatusResponse* response) {
  Controller& controller = *parts_.controller;
  const Controller::Status status = controller.GetStatus();
  const absl::Status health = controller.Health();
  response->set_revision(controller.Published()->revision());
  response->set_epoch(controller.epoch());
  response->set_taking_writes(health.ok());
  if (!health.ok()) response->set_problem(std::string(health.message()));
  EncodeHistory(status, response->mutable_history());
  response->set_sessions(static_cast<int64_t>(status.sessions));
  response->set_subscriptions(static_cast<int64_t>(status.subscriptions));
  response->set_unacknowledged(static_cast<int64_t>(status.unacknowledged));
  EncodeRequestIds(status.requests, response->mutable_request_ids());
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

grpc::ServerUnaryReactor* AdminService::Compact(
    grpc::CallbackServerContext* context, const v1::CompactRequest* request,
    v1::CompactResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  absl::Status status = parts_.controller->CheckEpoch(request->epoch());
  if (status.ok() && request->through_revision() <= 0) {
    status = MakeError(
        Reason::kInvalidRequest,
        absl::StrCat("through_revision is ", request->through_revision(),
                     "; it must be positive"));
  }
  if (!status.ok()) {
    reactor->Finish(ToGrpcStatus(status));
    return reactor;
  }
  parts_.worker->Post([this, reactor, request, response] {
    const absl::Status compacted =
        parts_.controller->Compact(request->through_revision());
    if (compacted.ok()) {
      EncodeHistory(parts_.controller->GetStatus(),
                    response->mutable_history());
    }
    reactor->Finish(ToGrpcStatus(compacted));
  });
  return reactor;
}

}  // namespace restate
