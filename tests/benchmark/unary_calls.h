#ifndef RESTATE_TESTS_BENCHMARK_UNARY_CALLS_H_
#define RESTATE_TESTS_BENCHMARK_UNARY_CALLS_H_

#include <grpcpp/grpcpp.h>

#include <cstddef>
#include <string>
#include <utility>

#include "restate/v1/state_service.grpc.pb.h"
#include "tests/benchmark/echo.grpc.pb.h"
#include "tests/benchmark/etcd.grpc.pb.h"
#include "tests/benchmark/load.h"

namespace restate::benchmark {

// The calls that are measured, for templates of loads: the types of each, how
// to fill in a request, and how to start a call over the callback API.

struct Echo {
  using Stubs = EchoService;
  using Request = EchoRequest;
  using Response = EchoResponse;

  static void Prepare(RequestSource* source, Request* request) {
    source->FillPath(request->mutable_path());
    source->FillValue(request->mutable_value());
  }
  template <typename Done>
  static void Start(Stubs::Stub* stub, grpc::ClientContext* context,
                    const Request* request, Response* response, Done done) {
    stub->async()->Echo(context, request, response, std::move(done));
  }
};

struct DurableEcho : Echo {
  template <typename Done>
  static void Start(Stubs::Stub* stub, grpc::ClientContext* context,
                    const Request* request, Response* response, Done done) {
    stub->async()->DurableEcho(context, request, response, std::move(done));
  }
};

struct GetState {
  using Stubs = v1::StateService;
  using Request = v1::GetStateRequest;
  using Response = v1::GetStateResponse;

  static void Prepare(RequestSource* source, Request* request) {
    source->FillPath(request->mutable_path());
    request->set_encoding(v1::VALUE_ENCODING_TYPED);
  }
  template <typename Done>
  static void Start(Stubs::Stub* stub, grpc::ClientContext* context,
                    const Request* request, Response* response, Done done) {
    stub->async()->GetState(context, request, response, std::move(done));
  }
};

struct SetState {
  using Stubs = v1::StateService;
  using Request = v1::SetStateRequest;
  using Response = v1::SetStateResponse;

  static void Prepare(RequestSource* source, Request* request) {
    source->FillPath(request->mutable_path());
    source->FillValue(request->mutable_value());
  }
  template <typename Done>
  static void Start(Stubs::Stub* stub, grpc::ClientContext* context,
                    const Request* request, Response* response, Done done) {
    stub->async()->SetState(context, request, response, std::move(done));
  }
};

struct EtcdPut {
  using Stubs = etcdserverpb::KV;
  using Request = etcdserverpb::PutRequest;
  using Response = etcdserverpb::PutResponse;

  static void Prepare(RequestSource* source, Request* request) {
    request->set_key(source->NextPath());
    request->set_value(source->NextValue());
  }
  template <typename Done>
  static void Start(Stubs::Stub* stub, grpc::ClientContext* context,
                    const Request* request, Response* response, Done done) {
    stub->async()->Put(context, request, response, std::move(done));
  }
};

// Transactions: as many writes as `size` at once, each of another path.

struct Commit {
  using Stubs = v1::StateService;
  using Request = v1::CommitRequest;
  using Response = v1::CommitResponse;

  size_t size = 1;

  void Prepare(RequestSource* source, Request* request) const {
    request->clear_operations();
    for (const std::string& path : source->NextPaths(size)) {
      v1::SetOperation* set = request->add_operations()->mutable_set();
      set->mutable_path()->set_text(path);
      source->FillValue(set->mutable_value());
    }
  }
  template <typename Done>
  static void Start(Stubs::Stub* stub, grpc::ClientContext* context,
                    const Request* request, Response* response, Done done) {
    stub->async()->Commit(context, request, response, std::move(done));
  }
};

struct EtcdTxn {
  using Stubs = etcdserverpb::KV;
  using Request = etcdserverpb::TxnRequest;
  using Response = etcdserverpb::TxnResponse;

  size_t size = 1;

  void Prepare(RequestSource* source, Request* request) const {
    request->clear_success();
    for (std::string& path : source->NextPaths(size)) {
      etcdserverpb::PutRequest* put =
          request->add_success()->mutable_request_put();
      put->set_key(std::move(path));
      put->set_value(source->NextValue());
    }
  }
  template <typename Done>
  static void Start(Stubs::Stub* stub, grpc::ClientContext* context,
                    const Request* request, Response* response, Done done) {
    stub->async()->Txn(context, request, response, std::move(done));
  }
};

}  // namespace restate::benchmark

#endif  // RESTATE_TESTS_BENCHMARK_UNARY_CALLS_H_
