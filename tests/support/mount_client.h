#ifndef RESTATE_TESTS_SUPPORT_MOUNT_CLIENT_H_
#define RESTATE_TESTS_SUPPORT_MOUNT_CLIENT_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "grpcpp/channel.h"
#include "restate/v1/admin_service.grpc.pb.h"
#include "tests/support/client.h"

namespace restate::test {

// The calls of the admin service that are about mounts. Thread-safe.
class MountClient {
 public:
  explicit MountClient(const std::shared_ptr<grpc::Channel>& channel)
      : stub_(v1::AdminService::NewStub(channel)) {}

  // `spec` is a MountSpec in JSON.
  Reply<v1::MountResponse> Mount(const std::string& spec);
  Reply<v1::UnmountResponse> Unmount(const std::string& path,
                                     bool discard_unapplied = false);
  // Everything that serves `path` or something below it.
  Reply<v1::FlushResponse> Flush(const std::string& path);
  // Abort the test binary if the call fails.
  v1::ListMountsResponse List();
  v1::GetStatusResponse Status();

  // What is mounted at `path`; an empty message if nothing is.
  v1::MountInfo At(const std::string& path);
  // Asks again and again until `holds` does; an empty message if the test's
  // deadline comes first.
  v1::MountInfo WaitFor(const std::string& path,
                        const std::function<bool(const v1::MountInfo&)>& holds);
  // "/=memory /a=rocksdb": each mount point with its kind.
  std::string Outline();

 private:
  const std::unique_ptr<v1::AdminService::Stub> stub_;
};

// For the configuration of a server: calls may mount directories of tests (see
// TempDir), and these addresses.
std::string MountsByRpc(const std::vector<std::string>& addresses = {});

}  // namespace restate::test

#endif  // RESTATE_TESTS_SUPPORT_MOUNT_CLIENT_H_
