#ifndef RESTATE_SERVICE_REMOTE_GRPC_REMOTE_STORE_H_
#define RESTATE_SERVICE_REMOTE_GRPC_REMOTE_STORE_H_

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <functional>
#include <memory>
#include <random>
#include <set>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "engine/backend/remote/remote_store.h"
#include "engine/clock/clock.h"
#include "engine/path/path.h"
#include "engine/sync/mutex.h"
#include "restate/v1/backend_service.grpc.pb.h"

namespace restate {

struct GrpcRemoteStoreOptions {
  // HOST:PORT, or whatever gRPC resolves.
  std::string address;
  // Which store of that server; the root where there is one alone.
  Path root;
  // How long a call may take, retries included.
  absl::Duration deadline = absl::Seconds(5);
  // A call that found nobody is made again so often, after about so long, and
  // twice as long each time.
  int retries = 3;
  absl::Duration backoff = absl::Milliseconds(50);
  // The largest answer that is taken.
  size_t max_message_bytes = size_t{64} << 20;
};

// A store reached by restate.v1.BackendService, over a connection of its own.
//
// What the far side answers becomes one of three things:
//   FAILED_PRECONDITION / NOT_STORABLE: it refused the writes of Apply, by
//     INVALID_ARGUMENT, FAILED_PRECONDITION, OUT_OF_RANGE, ALREADY_EXISTS or
//     RESOURCE_EXHAUSTED.
//   DATA_LOSS / CORRUPT: it said so, or its answer cannot be read.
//   UNAVAILABLE: anything else; a person may mend it while we try again.
// All calls may be repeated, and are, where nobody answered.
class GrpcRemoteStore : public RemoteStore {
 public:
  explicit GrpcRemoteStore(GrpcRemoteStoreOptions options);

  const std::string& address() const override { return options_.address; }
  absl::StatusOr<StoreInfo> GetInfo() override;
  void StartGetInfo(
      std::function<void(absl::StatusOr<StoreInfo>)> done) override;
  absl::StatusOr<ScanPage> Scan(const std::string& store_id,
                                const ScanRange& range) override;
  absl::Status Apply(const std::string& store_id,
                     const StoreBatch& batch) override;
  void Close() override;

 private:
  template <typename Request, typename Response>
  using Method = grpc::Status (v1::BackendService::Stub::*)(
      grpc::ClientContext*, const Request&, Response*);

  // Calls until it is answered, the deadline is over, or Close.
  template <typename Request, typename Response>
  grpc::Status Call(Method<Request, Response> method, const Request& request,
                    int retries, Response* response);
  // Whether calls may be made. While one is, Close cancels it.
  bool Begin(grpc::ClientContext* context);
  void End(grpc::ClientContext* context);
  // Waits before a call is made again. False if it is not to be made.
  bool WaitToRetry(int attempt, absl::Duration deadline);
  absl::StatusOr<StoreInfo> InfoOf(const grpc::Status& status,
                                   const v1::GetInfoResponse& response) const;
  // What was said, other than OK, as the class comment has it.
  absl::Status ErrorOf(const grpc::Status& status) const;

  const GrpcRemoteStoreOptions options_;
  const SystemClock clock_;
  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<v1::BackendService::Stub> stub_;

  Mutex mutex_;
  CondVar closed_changed_;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  std::set<grpc::ClientContext*> calls_ ABSL_GUARDED_BY(mutex_);
  std::minstd_rand jitter_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace restate

#endif  // RESTATE_SERVICE_REMOTE_GRPC_REMOTE_STORE_H_
