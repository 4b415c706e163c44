#include "service/derivations/derivation_service.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "engine/error/error.h"
#include "service/adapters/commit_adapter.h"
#include "service/adapters/path_adapter.h"
#include "service/adapters/request_fields.h"
#include "service/adapters/status_adapter.h"
#include "service/adapters/value_adapter.h"
#include "service/derivations/derivation_adapter.h"

namespace restate {
namespace {

constexpr size_t kDefaultPageSize = 1'000;
constexpr size_t kMaxPageSize = 10'000;
// A page stays below what gRPC clients accept by default, 4 MiB.
constexpr size_t kMaxPageBytes = size_t{3} << 20;
// What is kept of the message of a transform that failed.
constexpr size_t kMaxErrorBytes = 4'096;

// A page token is the key of the path that the last page ended with.
std::string EncodePageToken(const Path& last) {
  return absl::BytesToHexString(last.key());
}

absl::StatusOr<Path> DecodePageToken(const std::string& token) {
  std::string key;
  const bool is_hex =
      token.size() % 2 == 0 &&
      std::all_of(token.begin(), token.end(),
                  [](unsigned char c) { return absl::ascii_isxdigit(c); });
  if (is_hex) key = absl::HexStringToBytes(token);
  if (key.empty() || key.back() != '\0') {
    return MakeError(Reason::kInvalidRequest,
                     "page_token is none that ListDerivations gave");
  }
  return Path::FromKey(std::move(key));
}

absl::StatusOr<bool> DecodeWait(v1::Wait wait) {
  switch (wait) {
    case v1::WAIT_UNSPECIFIED:
    case v1::WAIT_NONE:
      return false;
    case v1::WAIT_DERIVED:
      return true;
    default:
      return UnknownEnumNumber("wait", wait);
  }
}

}  // namespace

grpc::ServerUnaryReactor* DerivationService::Derive(
    grpc::CallbackServerContext* context, const v1::DeriveRequest* request,
    v1::DeriveResponse* response) {
  const UnaryCall call(calls_, Rpc::kDerive, context);
  absl::StatusOr<Definition> definition = DecodeDefinition(*request, limits_);
  if (!definition.ok()) return call.Finished(definition.status());
  absl::StatusOr<bool> wait = DecodeWait(request->wait());
  if (!wait.ok()) return call.Finished(wait.status());
  CommitRequest commit;
  commit.client = clients_->Of(*context);
  definition->definer = commit.client.text();
  commit.derivation =
      DefineDerivation{*std::move(definition), request->overwrite()};
  commit.epoch = request->epoch();
  commit.wait_derived = *wait;
  // Nobody was promised an order of calls that are under way at once.
  commit.may_be_set_aside = true;
  commit.bytes = request->ByteSizeLong();
  controller_->Derive(
      std::move(commit), request->hosted().session_id(),
      [this, call, request, response](absl::StatusOr<CommitResult> result) {
        if (result.ok()) {
          const auto state = controller_->Published();
          // Checked when it was decoded.
          const Derivation* const derivation =
              state->derivations().Find(*DecodePath(request->dest()));
          // Somebody may have removed it already.
          if (derivation != nullptr) {
            response->set_status(EncodeStatus(derivation->progress->status));
          }
          EncodeDerived(*result, response);
          response->set_revision(result->revision);
          response->set_epoch(controller_->epoch());
        }
        call.Finish(result.status());
      });
  return call.reactor();
}

grpc::ServerUnaryReactor* DerivationService::RemoveDerivation(
    grpc::CallbackServerContext* context,
    const v1::RemoveDerivationRequest* request,
    v1::RemoveDerivationResponse* response) {
  const UnaryCall call(calls_, Rpc::kRemoveDerivation, context);
  absl::StatusOr<Path> dest = DecodePath(request->dest());
  if (!dest.ok()) return call.Finished(dest.status());
  CommitRequest commit;
  commit.derivation = restate::RemoveDerivation{*std::move(dest)};
  commit.client = clients_->Of(*context);
  commit.epoch = request->epoch();
  commit.bytes = request->ByteSizeLong();
  controller_->Commit(
      std::move(commit),
      [this, call, request, response](absl::StatusOr<CommitResult> result) {
        absl::Status status = result.status();
        const bool missing =
            ErrorReason(status) == ReasonName(Reason::kDerivationNotFound);
        if (status.ok() || (missing && request->ignore_missing())) {
          response->set_removed(status.ok());
          response->set_revision(status.ok()
                                     ? result->revision
                                     : controller_->Published()->revision());
          response->set_epoch(controller_->epoch());
          status = absl::OkStatus();
        }
        controller_->hosts().Refresh();
        call.Finish(status);
      });
  return call.reactor();
}

absl::Status DerivationService::ListPage(
    const v1::ListDerivationsRequest& request,
    v1::ListDerivationsResponse* response) const {
  absl::StatusOr<Path> top = DecodePath(request.path());
  if (!top.ok()) return top.status();
  if (request.page_size() < 0) {
    return MakeError(Reason::kInvalidRequest,
                     "page_size must not be negative");
  }
  const size_t page_size =
      request.page_size() == 0
          ? kDefaultPageSize
          : std::min(static_cast<size_t>(request.page_size()), kMaxPageSize);
  std::string from = top->key();
  if (!request.page_token().empty()) {
    absl::StatusOr<Path> last = DecodePageToken(request.page_token());
    if (!last.ok()) return last.status();
    // The first key behind it.
    from = std::max(from, last->key() + '\0');
  }
  const auto state = controller_->Published();
  const DerivationState& derivations = state->derivations();
  for (auto it = derivations.derivations.LowerBound(from);
       !it.at_end() && it->key.starts_with(top->key()); ++it) {
    const int count = response->derivations_size();
    if (count > 0 && (static_cast<size_t>(count) == page_size ||
                      response->ByteSizeLong() > kMaxPageBytes)) {
      absl::StatusOr<Path> last = DecodePath(
          response->derivations(count - 1).definition().dest());
      response->set_next_page_token(EncodePageToken(*last));
      break;
    }
    EncodeDerivation(derivations, it->value,
                     controller_->hosts().HostsOf(it->value.definition->dest),
                     response->add_derivations());
  }
  response->set_revision(state->revision());
  response->set_epoch(controller_->epoch());
  return absl::OkStatus();
}

grpc::ServerUnaryReactor* DerivationService::ListDerivations(
    grpc::CallbackServerContext* context,
    const v1::ListDerivationsRequest* request,
    v1::ListDerivationsResponse* response) {
  const UnaryCall call(calls_, Rpc::kListDerivations, context);
  return call.Finished(ListPage(*request, response));
}

grpc::ServerUnaryReactor* DerivationService::CompleteTransform(
    grpc::CallbackServerContext* context,
    const v1::CompleteTransformRequest* request,
    v1::CompleteTransformResponse* response) {
  const UnaryCall call(calls_, Rpc::kCompleteTransform, context);
  absl::StatusOr<Tree> result = Tree();
  switch (request->outcome_case()) {
    case v1::CompleteTransformRequest::kValue: {
      absl::StatusOr<Value> value = DecodeValue(request->value());
      if (value.ok()) {
        result = Tree(*std::move(value));
      } else {
        // The host's mistake: it is shown, and the next call may go well.
        result = Annotate(value.status(), "the result: ");
      }
      break;
    }
    case v1::CompleteTransformRequest::kError:
      result = MakeError(Reason::kDerivationFailed,
                         request->error().message().substr(0, kMaxErrorBytes));
      break;
    case v1::CompleteTransformRequest::OUTCOME_NOT_SET:
      break;
  }
  controller_->hosts().Complete(
      request->call_id(), std::move(result),
      [this, call, response](absl::StatusOr<Revision> revision) {
        if (revision.ok()) {
          response->set_revision(*revision);
          response->set_epoch(controller_->epoch());
        }
        call.Finish(revision.status());
      });
  return call.reactor();
}

grpc::ServerUnaryReactor* DerivationService::BeginRun(
    grpc::CallbackServerContext* context, const v1::BeginRunRequest* request,
    v1::BeginRunResponse* response) {
  const UnaryCall call(calls_, Rpc::kBeginRun, context);
  absl::StatusOr<BegunRun> begun =
      controller_->BeginRun(request->session_id(), request->tracker_id());
  if (begun.ok()) {
    response->set_run_id(std::move(begun->run_id));
    response->set_tracker_id(std::move(begun->tracker_id));
  }
  return call.Finished(begun.status());
}

grpc::ServerUnaryReactor* DerivationService::EndRun(
    grpc::CallbackServerContext* context, const v1::EndRunRequest* request,
    v1::EndRunResponse* response) {
  const UnaryCall call(calls_, Rpc::kEndRun, context);
  controller_->trackers().EndRun(
      request->run_id(),
      [this, call, response](absl::StatusOr<EndedRun> ended) {
        if (ended.ok()) {
          response->set_rerun(ended->rerun);
          response->set_revision(ended->revision);
          response->set_epoch(controller_->epoch());
        }
        call.Finish(ended.status());
      });
  return call.reactor();
}

grpc::ServerUnaryReactor* DerivationService::StopTracker(
    grpc::CallbackServerContext* context,
    const v1::StopTrackerRequest* request,
    v1::StopTrackerResponse* response) {
  const UnaryCall call(calls_, Rpc::kStopTracker, context);
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
  return call.Finished(status);
}

}  // namespace restate
