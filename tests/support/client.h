#ifndef RESTATE_TESTS_SUPPORT_CLIENT_H_
#define RESTATE_TESTS_SUPPORT_CLIENT_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "restate/v1/event_service.grpc.pb.h"
#include "restate/v1/state_service.grpc.pb.h"

namespace restate::test {

// A connection of its own to the server, receiving messages of any size, so
// that two channels never share a transport.
std::shared_ptr<grpc::Channel> Connect(const std::string& address);

// A context that ends with the test's deadline.
std::unique_ptr<grpc::ClientContext> NewContext();

// What a call came to.
template <typename Response>
struct Reply {
  grpc::Status status;
  Response response;

  bool ok() const { return status.ok(); }
};

// Calls the server and waits for the answer. Thread-safe.
//
// The short forms take paths as text and values as JSON, and abort the test
// binary if the call fails: they are for arranging and looking, not for what a
// test is about.
class Client {
 public:
  explicit Client(const std::string& address);

  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }
  v1::StateService::Stub& state() { return *state_; }
  v1::EventService::Stub& events() { return *events_; }

  Reply<v1::GetStateResponse> GetState(const v1::GetStateRequest& request);
  Reply<v1::BatchGetStateResponse> BatchGetState(
      const v1::BatchGetStateRequest& request);
  Reply<v1::SetStateResponse> SetState(const v1::SetStateRequest& request);
  Reply<v1::DeleteStateResponse> DeleteState(
      const v1::DeleteStateRequest& request);
  Reply<v1::PingResponse> Ping(const v1::PingRequest& request);
  Reply<v1::CommitResponse> Commit(const v1::CommitRequest& request);
  Reply<v1::ListChildrenResponse> ListChildren(
      const v1::ListChildrenRequest& request);
  // All messages of the stream merged into one.
  Reply<v1::StreamStateResponse> StreamState(
      const v1::StreamStateRequest& request);

  // Writes and gives the revision.
  int64_t Set(const std::string& path, const std::string& json);
  // As Set, with a value of any kind.
  int64_t SetTyped(const std::string& path, const v1::Value& value);
  // Deletes and gives the revision.
  int64_t Delete(const std::string& path);
  // What the path reads as, as JSON; nullopt where there is nothing.
  std::optional<std::string> Get(const std::string& path);
  // What the path reads as, in the typed kinds; nullopt where nothing is.
  std::optional<v1::Value> GetTyped(const std::string& path);
  // The newest published revision, and the epoch.
  int64_t Revision();
  std::string Epoch();

 private:
  template <typename Request, typename Response>
  Reply<Response> Call(grpc::Status (v1::StateService::Stub::*method)(
                           grpc::ClientContext*, const Request&, Response*),
                       const Request& request);

  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<v1::StateService::Stub> state_;
  const std::unique_ptr<v1::EventService::Stub> events_;
};

}  // namespace restate::test

#endif  // RESTATE_TESTS_SUPPORT_CLIENT_H_
