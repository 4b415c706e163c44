#include "service/remote/testing/store_server.h"

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>

#include <chrono>
#include <cstdlib>
#include <utility>

#include "service/adapters/status_adapter.h"
#include "service/remote/store_adapter.h"

namespace restate {

class StoreServer::Service final : public v1::BackendService::Service {
 public:
  explicit Service(StoreServer* server) : server_(server) {}

  grpc::Status GetInfo(grpc::ServerContext*, const v1::GetInfoRequest*,
                       v1::GetInfoResponse* response) override {
    absl::StatusOr<StoreInfo> info = server_->store_->GetInfo();
    if (!info.ok()) return ToGrpcStatus(info.status());
    EncodeInfo(*info, response);
    return grpc::Status::OK;
  }

  grpc::Status Scan(grpc::ServerContext*, const v1::ScanRequest* request,
                    v1::ScanResponse* response) override {
    if (server_->before_scan_) server_->before_scan_();
    absl::StatusOr<ScanRange> range = DecodeScan(*request);
    if (!range.ok()) return ToGrpcStatus(range.status());
    absl::StatusOr<ScanPage> page =
        server_->store_->Scan(request->store_id(), *range);
    if (!page.ok()) return ToGrpcStatus(page.status());
    EncodePage(*page, response);
    if (server_->falsify_) server_->falsify_(response);
    return grpc::Status::OK;
  }

  grpc::Status Apply(grpc::ServerContext*, const v1::ApplyRequest* request,
                     v1::ApplyResponse*) override {
    if (server_->before_apply_) server_->before_apply_();
    absl::StatusOr<StoreBatch> batch = DecodeBatch(*request);
    if (!batch.ok()) return ToGrpcStatus(batch.status());
    return ToGrpcStatus(server_->store_->Apply(request->store_id(), *batch));
  }

 private:
  StoreServer* const server_;
};

StoreServer::StoreServer(std::shared_ptr<MemoryStore> store)
    : store_(std::move(store)), service_(std::make_unique<Service>(this)) {
  Start();
}

StoreServer::~StoreServer() { Stop(); }

void StoreServer::Start() {
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort(address_, grpc::InsecureServerCredentials(), &port);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.RegisterService(service_.get());
  server_ = builder.BuildAndStart();
  if (server_ == nullptr || port == 0) std::abort();
  address_ = "127.0.0.1:" + std::to_string(port);
}

void StoreServer::Stop() {
  if (server_ == nullptr) return;
  server_->Shutdown(std::chrono::system_clock::now());
  server_.reset();
}

}  // namespace restate
