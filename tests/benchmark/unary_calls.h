#ifndef RESTATE_TESTS_BENCHMARK_UNARY_CALLS_H_
#define RESTATE_TESTS_BENCHMARK_UNARY_CALLS_H_

#include <grpcpp/grpcpp.h>

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

}  // namespace restate::benchmark

#endif  // RESTATE_TESTS_BENCHMARK_UNARY_CALLS_H_
