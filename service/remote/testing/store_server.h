#ifndef RESTATE_SERVICE_REMOTE_TESTING_STORE_SERVER_H_
#define RESTATE_SERVICE_REMOTE_TESTING_STORE_SERVER_H_

#include <grpcpp/server.h>

#include <functional>
#include <memory>
#include <string>

#include "engine/backend/remote/testing/memory_store.h"
#include "restate/v1/backend_service.grpc.pb.h"

namespace restate {

// Serves a store in memory by restate.v1.BackendService on a port of 127.0.0.1,
// which is kept when it is stopped and started again. Thread-compatible.
class StoreServer {
 public:
  // Called with every answer to Scan before it is sent.
  using Falsify = std::function<void(v1::ScanResponse*)>;

  // Serves. Aborts if it cannot.
  explicit StoreServer(std::shared_ptr<MemoryStore> store);
  ~StoreServer();

  // "127.0.0.1:PORT".
  const std::string& address() const { return address_; }
  // Ends at once, with whatever is under way.
  void Stop();
  void Start();

  // Set before calls are made.
  void set_falsify(Falsify falsify) { falsify_ = std::move(falsify); }
  // Called before each Apply reaches the store; may block.
  void set_before_apply(std::function<void()> hear) {
    before_apply_ = std::move(hear);
  }
  // The same of each Scan.
  void set_before_scan(std::function<void()> hear) {
    before_scan_ = std::move(hear);
  }

 private:
  class Service;

  const std::shared_ptr<MemoryStore> store_;
  Falsify falsify_;
  std::function<void()> before_apply_;
  std::function<void()> before_scan_;
  std::string address_ = "127.0.0.1:0";
  std::unique_ptr<Service> service_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace restate

#endif  // RESTATE_SERVICE_REMOTE_TESTING_STORE_SERVER_H_
