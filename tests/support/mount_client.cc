#include "tests/support/mount_client.h"

#include <chrono>
#include <cstdlib>
#include <iostream>

#include "tests/support/deadline.h"
#include "tests/support/error_info.h"
#include "tests/support/json.h"

namespace restate::test {
namespace {

template <typename Request, typename Response>
Reply<Response> Call(v1::AdminService::Stub& stub,
                     grpc::Status (v1::AdminService::Stub::*method)(
                         grpc::ClientContext*, const Request&, Response*),
                     const Request& request) {
  Reply<Response> reply;
  const auto context = NewContext();
  reply.status = (stub.*method)(context.get(), request, &reply.response);
  return reply;
}

template <typename Response>
Response OrAbort(const Reply<Response>& reply) {
  if (!reply.ok()) {
    std::cerr << FailureOf(reply.status) << std::endl;
    std::abort();
  }
  return reply.response;
}

}  // namespace

Reply<v1::MountResponse> MountClient::Mount(const std::string& spec) {
  v1::MountRequest request;
  ParseJsonInto(spec, request.mutable_mount());
  return Call(*stub_, &v1::AdminService::Stub::Mount, request);
}

Reply<v1::UnmountResponse> MountClient::Unmount(const std::string& path,
                                                bool discard_unapplied) {
  v1::UnmountRequest request;
  request.set_discard_unapplied(discard_unapplied);
  request.mutable_path()->set_text(path);
  return Call(*stub_, &v1::AdminService::Stub::Unmount, request);
}

Reply<v1::FlushResponse> MountClient::Flush(const std::string& path) {
  v1::FlushRequest request;
  request.mutable_path()->set_text(path);
  return Call(*stub_, &v1::AdminService::Stub::Flush, request);
}

v1::ListMountsResponse MountClient::List() {
  return OrAbort(Call(*stub_, &v1::AdminService::Stub::ListMounts,
                      v1::ListMountsRequest()));
}

v1::GetStatusResponse MountClient::Status() {
  return OrAbort(Call(*stub_, &v1::AdminService::Stub::GetStatus,
                      v1::GetStatusRequest()));
}

v1::MountInfo MountClient::At(const std::string& path) {
  const v1::ListMountsResponse list = List();
  for (const v1::MountInfo& mount : list.mounts()) {
    if (mount.spec().path().text() == path) return mount;
  }
  return v1::MountInfo();
}

v1::MountInfo MountClient::WaitFor(
    const std::string& path,
    const std::function<bool(const v1::MountInfo&)>& holds) {
  while (std::chrono::system_clock::now() < TestDeadline()) {
    v1::MountInfo mount = At(path);
    if (holds(mount)) return mount;
  }
  return v1::MountInfo();
}

std::string MountClient::Outline() {
  std::string outline;
  const v1::ListMountsResponse list = List();
  for (const v1::MountInfo& mount : list.mounts()) {
    if (!outline.empty()) outline += ' ';
    outline += mount.spec().path().text() + "=" +
               (mount.spec().has_cache() ? "caching " : "") + mount.kind();
  }
  return outline;
}

std::string MountsByRpc(const std::vector<std::string>& addresses) {
  const char* base = std::getenv("TEST_TMPDIR");
  std::string config = "mounts_by_rpc:\n  directories: [\"" +
                       std::string(base == nullptr ? "/tmp" : base) +
                       "\"]\n  addresses: [";
  for (const std::string& address : addresses) {
    config += "\"" + address + "\", ";
  }
  return config + "]\n";
}

}  // namespace restate::test
