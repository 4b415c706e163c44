#include "tests/benchmark/etcd_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/benchmark/etcd.grpc.pb.h"

namespace restate::benchmark {
namespace {

// "127.0.0.1:PORT" with ports that were free a moment ago, all different.
absl::StatusOr<std::vector<std::string>> FreeAddresses(size_t count) {
  std::vector<int> sockets;
  std::vector<std::string> addresses;
  absl::Status status;
  while (status.ok() && addresses.size() < count) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockets.push_back(fd);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    if (fd < 0 ||
        bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
      status = absl::ErrnoToStatus(errno, "looking for a free port");
    }
    addresses.push_back(absl::StrCat("127.0.0.1:", ntohs(address.sin_port)));
  }
  for (const int fd : sockets) close(fd);
  if (!status.ok()) return status;
  return addresses;
}

absl::Status PutOnce(etcdserverpb::KV::Stub* stub, uint32_t number,
                     RequestSource* source) {
  etcdserverpb::PutRequest request;
  request.set_key(PathText(number));
  request.set_value(source->NextValue());
  grpc::ClientContext context;
  context.set_wait_for_ready(true);
  context.set_deadline(std::chrono::system_clock::now() +
                       std::chrono::seconds(30));
  etcdserverpb::PutResponse response;
  const grpc::Status status = stub->Put(&context, request, &response);
  if (status.ok()) return absl::OkStatus();
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()),
                      absl::StrCat("etcd: ", status.error_message()));
}

}  // namespace

std::string FindProgram(const std::string& name) {
  if (name.empty()) return "";
  if (name.find('/') != std::string::npos) {
    return access(name.c_str(), X_OK) == 0 ? name : "";
  }
  const char* path = std::getenv("PATH");
  const std::vector<std::string> directories =
      absl::StrSplit(path != nullptr ? path : "", ':');
  for (const std::string& directory : directories) {
    const std::string program = absl::StrCat(directory, "/", name);
    if (access(program.c_str(), X_OK) == 0) return program;
  }
  return "";
}

absl::StatusOr<std::unique_ptr<MeasuredServer>> StartEtcd(
    const std::string& program, const std::string& directory) {
  const auto addresses = FreeAddresses(2);
  if (!addresses.ok()) return addresses.status();
  const std::string client = "http://" + (*addresses)[0];
  const std::string peer = "http://" + (*addresses)[1];
  return MeasuredServer::StartAt(
      {program, "--name", "benchmark", "--data-dir", directory,
       "--listen-client-urls", client, "--advertise-client-urls", client,
       "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
       "--initial-cluster", "benchmark=" + peer, "--logger", "zap",
       "--log-outputs", "stderr", "--log-level", "error"},
      (*addresses)[0]);
}

absl::Status FillEtcd(const Channels& channels) {
  constexpr uint32_t kThreads = 32;
  std::vector<absl::Status> results(kThreads);
  std::vector<std::thread> threads;
  for (uint32_t first = 0; first < kThreads; ++first) {
    threads.emplace_back([&channels, &results, first] {
      const std::unique_ptr<etcdserverpb::KV::Stub> stub =
          etcdserverpb::KV::NewStub(channels[first % channels.size()]);
      RequestSource source(first);
      for (uint32_t i = first; i < kPaths && results[first].ok();
           i += kThreads) {
        results[first] = PutOnce(stub.get(), i, &source);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  absl::Status status;
  for (const absl::Status& result : results) status.Update(result);
  return status;
}

}  // namespace restate::benchmark
