// The echo service that restated is measured against: the same gRPC, the same
// API (callbacks), messages of the same shape, and no work.

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <csignal>
#include <cstdint>
#include <iostream>
#include <memory>
#include <string>

#include "tests/benchmark/echo.grpc.pb.h"

namespace restate::benchmark {
namespace {

class EchoServiceImpl final : public EchoService::CallbackService {
 public:
  grpc::ServerUnaryReactor* Echo(grpc::CallbackServerContext* context,
                                 const EchoRequest* request,
                                 EchoResponse* response) override {
    *response->mutable_value() = request->value();
    response->set_exists(true);
    response->set_revision(++revision_);
    response->set_epoch(epoch_);
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }

 private:
  std::atomic<int64_t> revision_{0};
  const std::string epoch_ = std::string(32, 'e');
};

int Main() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  EchoServiceImpl service;
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                           &port);
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) return 1;
  std::cout << "listening grpc=127.0.0.1:" << port << std::endl;

  int signal = 0;
  sigwait(&signals, &signal);
  server->Shutdown();
  return 0;
}

}  // namespace
}  // namespace restate::benchmark

int main() { return restate::benchmark::Main(); }
