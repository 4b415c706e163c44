#include "service/remote/grpc_remote_store.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/error/error.h"
#include "service/adapters/path_adapter.h"
#include "service/adapters/time_adapter.h"
#include "service/remote/store_adapter.h"

namespace restate {
namespace {

// How soon a server that has come back is found; gRPC's own ideas go up to two
// minutes.
constexpr int kFirstReconnectMillis = 100;
constexpr int kLastReconnectMillis = 1'000;
// How long one attempt may take, which gRPC reads from what it calls the least
// backoff.
constexpr int kConnectMillis = 5'000;

std::shared_ptr<grpc::Channel> Connect(const GrpcRemoteStoreOptions& options) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS,
                   kFirstReconnectMillis);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kConnectMillis);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kLastReconnectMillis);
  // Not shared with other mounts of the same server.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetMaxReceiveMessageSize(
      static_cast<int>(options.max_message_bytes));
  arguments.SetMaxSendMessageSize(-1);
  return grpc::CreateCustomChannel(
      options.address, grpc::InsecureChannelCredentials(), arguments);
}

// Our names for gRPC's codes, which are Abseil's.
std::string CodeName(grpc::StatusCode code) {
  return absl::StatusCodeToString(static_cast<absl::StatusCode>(code));
}

absl::Status WrongAnswer(const absl::Status& why) {
  return MakeError(Reason::kCorrupt,
                   absl::StrCat("its answer is wrong: ", why.message()));
}

// Apply's errors that say something about the writes.
bool Refuses(grpc::StatusCode code) {
  switch (code) {
    case grpc::StatusCode::INVALID_ARGUMENT:
    case grpc::StatusCode::FAILED_PRECONDITION:
    case grpc::StatusCode::OUT_OF_RANGE:
    case grpc::StatusCode::ALREADY_EXISTS:
    case grpc::StatusCode::RESOURCE_EXHAUSTED:
      return true;
    default:
      return false;
  }
}

}  // namespace

GrpcRemoteStore::GrpcRemoteStore(GrpcRemoteStoreOptions options)
    : options_(std::move(options)),
      channel_(Connect(options_)),
      stub_(v1::BackendService::NewStub(channel_)),
      jitter_(std::random_device()()) {}

bool GrpcRemoteStore::Begin(grpc::ClientContext* context) {
  MutexLock lock(&mutex_);
  if (!closed_) calls_.insert(context);
  return !closed_;
}

void GrpcRemoteStore::End(grpc::ClientContext* context) {
  MutexLock lock(&mutex_);
  calls_.erase(context);
}

void GrpcRemoteStore::Close() {
  MutexLock lock(&mutex_);
  closed_ = true;
  for (grpc::ClientContext* context : calls_) context->TryCancel();
  closed_changed_.NotifyAll();
}

bool GrpcRemoteStore::WaitToRetry(int attempt, absl::Duration deadline) {
  MutexLock lock(&mutex_);
  // Those who lost the same server do not come back to it all at once.
  const double jitter = std::uniform_real_distribution<>(0.5, 1.5)(jitter_);
  const absl::Duration at =
      clock_.Monotonic() +
      options_.backoff * jitter * (1 << std::min(attempt, 16));
  if (at >= deadline) return false;
  while (!closed_) {
    const absl::Duration left = at - clock_.Monotonic();
    if (left <= absl::ZeroDuration()) return true;
    closed_changed_.WaitFor(&mutex_, left);
  }
  return false;
}

template <typename Request, typename Response>
grpc::Status GrpcRemoteStore::Call(Method<Request, Response> method,
                                   const Request& request, int retries,
                                   Response* response) {
  const absl::Duration deadline = clock_.Monotonic() + options_.deadline;
  grpc::Status status;
  for (int attempt = 0;; ++attempt) {
    grpc::ClientContext context;
    context.set_deadline(GrpcDeadline(deadline - clock_.Monotonic()));
    if (!Begin(&context)) {
      return grpc::Status(grpc::StatusCode::UNAVAILABLE, "it is unmounted");
    }
    response->Clear();
    status = (stub_.get()->*method)(&context, request, response);
    End(&context);
    if (status.error_code() != grpc::StatusCode::UNAVAILABLE ||
        attempt == retries || !WaitToRetry(attempt, deadline)) {
      return status;
    }
  }
}

absl::Status GrpcRemoteStore::ErrorOf(const grpc::Status& status) const {
  std::string what = absl::StrCat(CodeName(status.error_code()), ": ",
                                  status.error_message());
  switch (status.error_code()) {
    case grpc::StatusCode::DATA_LOSS:
      return MakeError(Reason::kCorrupt, what);
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      what = absl::StrCat("it did not answer within ",
                          absl::FormatDuration(options_.deadline));
      break;
    case grpc::StatusCode::UNAVAILABLE:
      what = absl::StrCat("it cannot be reached: ", status.error_message());
      break;
    case grpc::StatusCode::UNIMPLEMENTED:
      what = "it does not serve restate.v1.BackendService: is it the right "
             "address?";
      break;
    default:
      break;
  }
  return absl::UnavailableError(what);
}

absl::StatusOr<StoreInfo> GrpcRemoteStore::GetInfo() {
  v1::GetInfoRequest request;
  EncodePath(options_.root, request.mutable_root());
  v1::GetInfoResponse response;
  // Asked again and again anyway.
  const grpc::Status status =
      Call(&v1::BackendService::Stub::GetInfo, request, 0, &response);
  return InfoOf(status, response);
}

void GrpcRemoteStore::StartGetInfo(
    std::function<void(absl::StatusOr<StoreInfo>)> done) {
  struct Asked {
    grpc::ClientContext context;
    v1::GetInfoRequest request;
    v1::GetInfoResponse response;
    std::function<void(absl::StatusOr<StoreInfo>)> done;
  };
  auto asked = std::make_unique<Asked>();
  EncodePath(options_.root, asked->request.mutable_root());
  asked->context.set_deadline(GrpcDeadline(options_.deadline));
  asked->done = std::move(done);
  if (!Begin(&asked->context)) {
    asked->done(absl::UnavailableError("it is unmounted"));
    return;
  }
  // gRPC's until it is answered.
  Asked* const raw = asked.release();
  stub_->async()->GetInfo(
      &raw->context, &raw->request, &raw->response,
      [this, raw](const grpc::Status& status) {
        const std::unique_ptr<Asked> answered(raw);
        End(&answered->context);
        absl::StatusOr<StoreInfo> info = InfoOf(status, answered->response);
        answered->done(std::move(info));
      });
}

absl::StatusOr<StoreInfo> GrpcRemoteStore::InfoOf(
    const grpc::Status& status, const v1::GetInfoResponse& response) const {
  if (status.error_code() == grpc::StatusCode::UNAVAILABLE) {
    // The next question is when to try again: gRPC's own timer waits by the wall
    // clock, and stands still if that is set back.
    grpc::experimental::ChannelResetConnectionBackoff(channel_.get());
  }
  if (!status.ok()) return ErrorOf(status);
  absl::StatusOr<StoreInfo> info = DecodeInfo(response);
  if (!info.ok()) return WrongAnswer(info.status());
  return info;
}

absl::StatusOr<ScanPage> GrpcRemoteStore::Scan(const std::string& store_id,
                                               const ScanRange& range) {
  v1::ScanRequest request;
  EncodePath(options_.root, request.mutable_root());
  EncodeScan(store_id, range, &request);
  v1::ScanResponse response;
  const grpc::Status status = Call(&v1::BackendService::Stub::Scan, request,
                                   options_.retries, &response);
  if (status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED) {
    return MakeError(Reason::kReadTooLarge,
                     absl::StrCat("a page below ", range.within.ToText(),
                                  " is too large to be read: ",
                                  status.error_message()));
  }
  if (!status.ok()) return ErrorOf(status);
  absl::StatusOr<ScanPage> page = DecodePage(response);
  if (!page.ok()) return WrongAnswer(page.status());
  return page;
}

absl::Status GrpcRemoteStore::Apply(const std::string& store_id,
                                    const StoreBatch& batch) {
  v1::ApplyRequest request;
  EncodePath(options_.root, request.mutable_root());
  EncodeBatch(store_id, batch, &request);
  v1::ApplyResponse response;
  const grpc::Status status = Call(&v1::BackendService::Stub::Apply, request,
                                   options_.retries, &response);
  if (status.ok()) return absl::OkStatus();
  if (Refuses(status.error_code())) {
    return MakeError(Reason::kNotStorable,
                     absl::StrCat("it refused the writes: ",
                                  CodeName(status.error_code()), ": ",
                                  status.error_message()));
  }
  return ErrorOf(status);
}

}  // namespace restate
