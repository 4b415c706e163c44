#include "tests/support/client.h"

#include <cstdlib>
#include <iostream>

#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/support/channel_arguments.h"
#include "tests/support/deadline.h"
#include "tests/support/error_info.h"
#include "tests/support/json.h"

namespace restate::test {
namespace {

template <typename Response>
const Response& OrAbort(const Reply<Response>& reply, const std::string& what) {
  if (!reply.ok()) {
    std::cerr << what << " failed: " << FailureOf(reply.status) << std::endl;
    std::abort();
  }
  return reply.response;
}

v1::GetStateRequest Read(const std::string& path, v1::ValueEncoding encoding) {
  v1::GetStateRequest request;
  request.mutable_path()->set_text(path);
  request.set_encoding(encoding);
  return request;
}

}  // namespace

std::shared_ptr<grpc::Channel> Connect(const std::string& address) {
  grpc::ChannelArguments args;
  args.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  args.SetMaxReceiveMessageSize(-1);
  args.SetMaxSendMessageSize(-1);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(),
                                   args);
}

std::unique_ptr<grpc::ClientContext> NewContext() {
  auto context = std::make_unique<grpc::ClientContext>();
  context->set_deadline(TestDeadline());
  return context;
}

Client::Client(const std::string& address)
    : channel_(Connect(address)),
      state_(v1::StateService::NewStub(channel_)),
      events_(v1::EventService::NewStub(channel_)) {}

template <typename Request, typename Response>
Reply<Response> Client::Call(
    grpc::Status (v1::StateService::Stub::*method)(grpc::ClientContext*,
                                                   const Request&, Response*),
    const Request& request) {
  Reply<Response> reply;
  const auto context = NewContext();
  reply.status =
      (state_.get()->*method)(context.get(), request, &reply.response);
  return reply;
}

Reply<v1::GetStateResponse> Client::GetState(
    const v1::GetStateRequest& request) {
  return Call(&v1::StateService::Stub::GetState, request);
}

Reply<v1::BatchGetStateResponse> Client::BatchGetState(
    const v1::BatchGetStateRequest& request) {
  return Call(&v1::StateService::Stub::BatchGetState, request);
}

Reply<v1::SetStateResponse> Client::SetState(
    const v1::SetStateRequest& request) {
  return Call(&v1::StateService::Stub::SetState, request);
}

Reply<v1::DeleteStateResponse> Client::DeleteState(
    const v1::DeleteStateRequest& request) {
  return Call(&v1::StateService::Stub::DeleteState, request);
}

Reply<v1::PingResponse> Client::Ping(const v1::PingRequest& request) {
  return Call(&v1::StateService::Stub::Ping, request);
}

Reply<v1::CommitResponse> Client::Commit(const v1::CommitRequest& request) {
  return Call(&v1::StateService::Stub::Commit, request);
}

Reply<v1::ListChildrenResponse> Client::ListChildren(
    const v1::ListChildrenRequest& request) {
  return Call(&v1::StateService::Stub::ListChildren, request);
}

Reply<v1::StreamStateResponse> Client::StreamState(
    const v1::StreamStateRequest& request) {
  Reply<v1::StreamStateResponse> reply;
  const auto context = NewContext();
  const auto stream = state_->StreamState(context.get(), request);
  v1::StreamStateResponse part;
  while (stream->Read(&part)) reply.response.MergeFrom(part);
  reply.status = stream->Finish();
  return reply;
}

int64_t Client::Set(const std::string& path, const std::string& json) {
  return SetTyped(path, FromJson<v1::Value>("{\"json\": " + json + "}"));
}

int64_t Client::SetTyped(const std::string& path, const v1::Value& value) {
  v1::SetStateRequest request;
  request.mutable_path()->set_text(path);
  *request.mutable_value() = value;
  return OrAbort(SetState(request), "set " + path).revision();
}

int64_t Client::Delete(const std::string& path) {
  v1::DeleteStateRequest request;
  request.mutable_path()->set_text(path);
  return OrAbort(DeleteState(request), "delete " + path).revision();
}

std::optional<std::string> Client::Get(const std::string& path) {
  const auto reply = GetState(Read(path, v1::VALUE_ENCODING_JSON));
  const v1::GetStateResponse& response = OrAbort(reply, "get " + path);
  if (!response.exists()) return std::nullopt;
  return ToJson(response.value().json());
}

std::optional<v1::Value> Client::GetTyped(const std::string& path) {
  const auto reply = GetState(Read(path, v1::VALUE_ENCODING_TYPED));
  const v1::GetStateResponse& response = OrAbort(reply, "get " + path);
  if (!response.exists()) return std::nullopt;
  return response.value();
}

int64_t Client::Revision() {
  v1::GetStateRequest request;
  request.set_depth(1);
  return OrAbort(GetState(request), "get /").revision();
}

std::string Client::Epoch() {
  v1::GetStateRequest request;
  request.set_depth(1);
  return OrAbort(GetState(request), "get /").epoch();
}

}  // namespace restate::test
