#include "service/derivations/derivation_service.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "engine/error/error.h"
#include "service/adapters/status_adapter.h"

namespace restate {
namespace {

grpc::ServerUnaryReactor* FinishNow(grpc::CallbackServerContext* context,
                                    const absl::Status& status) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  reactor->Finish(ToGrpcStatus(status));
  return reactor;
}

}  // namespace

grpc::ServerUnaryReactor* DerivationService::BeginRun(
    grpc::CallbackServerContext* context, const v1::BeginRunRequest* request,
    v1::BeginRunResponse* response) {
  absl::StatusOr<BegunRun> begun =
      controller_->BeginRun(request->session_id(), request->tracker_id());
  if (begun.ok()) {
    response->set_run_id(std::move(begun->run_id));
    response->set_tracker_id(std::move(begun->tracker_id));
  }
  return FinishNow(context, begun.status());
}

grpc::ServerUnaryReactor* DerivationService::EndRun(
    grpc::CallbackServerContext* context, const v1::EndRunRequest* request,
    v1::EndRunResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  controller_->trackers().EndRun(
      request->run_id(),
      [this, reactor, response](absl::StatusOr<EndedRun> ended) {
        if (ended.ok()) {
          response->set_rerun(ended->rerun);
          response->set_revision(ended->revision);
          response->set_epoch(controller_->epoch());
        }
        reactor->Finish(ToGrpcStatus(ended.status()));
      });
  return reactor;
}

grpc::ServerUnaryReactor* DerivationService::StopTracker(
    grpc::CallbackServerContext* context,
    const v1::StopTrackerRequest* request,
    v1::StopTrackerResponse* response) {
  absl::Status status = controller_->sessions().Check(request->session_id());
  if (status.ok()) {
    const bool stopped = controller_->trackers().StopTracker(
        request->session_id(), request->tracker_id());
    response->set_stopped(stopped);
    if (!stopped && !request->ignore_missing()) {
      status = MakeError(
          Reason::kTrackerNotFound,
          absl::StrCat("the session has no tracker '", request->tracker_id(),
                       "'"),
          {{"tracker_id", request->tracker_id()}});
    }
  }
  return FinishNow(context, status);
}

}  // namespace restate
