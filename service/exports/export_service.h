#ifndef RESTATE_SERVICE_EXPORTS_EXPORT_SERVICE_H_
#define RESTATE_SERVICE_EXPORTS_EXPORT_SERVICE_H_

#include <grpcpp/support/server_callback.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/backend/remote/remote_store.h"
#include "engine/commit/commit_request.h"
#include "engine/controller/controller.h"
#include "engine/path/path.h"
#include "restate/v1/backend_service.grpc.pb.h"
#include "service/adapters/limits.h"
#include "service/metrics/call_counters.h"
#include "service/metrics/unary_call.h"
#include "service/streams/work_thread.h"

namespace restate {

// What the service works with. All outlives the server's calls.
struct ExportServiceParts {
  Controller* controller = nullptr;
  RequestLimits limits;
  // What others may mount: none at the root, none below another.
  std::vector<Path> exports;
  CallCounters* calls = nullptr;
};

// restate.v1.BackendService: another server mounts what this one exports. A
// call of Apply becomes one commit, with the version it leads to in the same
// step.
//
// Reads are answered on the thread that brought them. Calls of Apply go one by
// one through a thread of their own: each is judged by what the last one left.
class ExportService final : public v1::BackendService::CallbackService {
 public:
  explicit ExportService(ExportServiceParts parts);

  grpc::ServerUnaryReactor* GetInfo(grpc::CallbackServerContext* context,
                                    const v1::GetInfoRequest* request,
                                    v1::GetInfoResponse* response) override;
  grpc::ServerUnaryReactor* Scan(grpc::CallbackServerContext* context,
                                 const v1::ScanRequest* request,
                                 v1::ScanResponse* response) override;
  grpc::ServerUnaryReactor* Apply(grpc::CallbackServerContext* context,
                                  const v1::ApplyRequest* request,
                                  v1::ApplyResponse* response) override;

  // As WorkThread::status, of its thread.
  const absl::Status& status() const { return worker_.status(); }

 private:
  // The export that a call names. NOT_FOUND / NOT_EXPORTED; FAILED_PRECONDITION
  // / WRONG_STORE if `store_id` is set and another's.
  absl::StatusOr<Path> FindExport(const v1::Path& root,
                                  const std::string& store_id) const;
  std::string StoreId(const Path& path) const;
  absl::StatusOr<ScanPage> ReadPage(const Path& path,
                                    const ScanRange& range) const;
  // Commits, and waits until it is decided. On the worker alone.
  absl::Status CommitNow(const Path& path, const StoreBatch& batch,
                         CommitRequest commit);

  const ExportServiceParts parts_;
  // Last, so that it ends before the rest.
  WorkThread worker_;
};

}  // namespace restate

#endif  // RESTATE_SERVICE_EXPORTS_EXPORT_SERVICE_H_
