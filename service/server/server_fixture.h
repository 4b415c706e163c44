#ifndef RESTATE_SERVICE_SERVER_SERVER_FIXTURE_H_
#define RESTATE_SERVICE_SERVER_SERVER_FIXTURE_H_

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "gtest/gtest.h"
#include "restate/v1/admin_service.grpc.pb.h"
#include "restate/v1/event_service.grpc.pb.h"
#include "restate/v1/state_service.grpc.pb.h"
#include "service/server/server.h"
#include "service/testing/fake_clock.h"

namespace restate {

// The reason that an error carries.
inline std::string ReasonOf(const grpc::Status& status) {
  google::rpc::Status details;
  google::rpc::ErrorInfo info;
  if (!details.ParseFromString(status.error_details()) ||
      details.details().empty() || !details.details(0).UnpackTo(&info)) {
    return "";
  }
  return info.reason();
}

// For ASSERT_TRUE: says what went wrong.
inline testing::AssertionResult IsOk(const grpc::Status& status) {
  if (status.ok()) return testing::AssertionSuccess();
  return testing::AssertionFailure()
         << status.error_code() << ": " << status.error_message();
}

// A server with everything in memory, real sockets, and a clock that the test
// moves.
class ServerTest : public testing::Test {
 protected:
  void SetUp() override { Start(Config()); }

  void Start(Config config) {
    config.listen = "127.0.0.1:0";
    config.http_listen = kNoHttp;
    absl::StatusOr<Config> complete = Complete(std::move(config));
    ASSERT_TRUE(complete.ok()) << complete.status();
    absl::StatusOr<std::unique_ptr<Server>> server =
        Server::Start(*complete, &clock_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    channel_ = grpc::CreateChannel(server_->address(),
                                   grpc::InsecureChannelCredentials());
    state_ = v1::StateService::NewStub(channel_);
    events_ = v1::EventService::NewStub(channel_);
    admin_ = v1::AdminService::NewStub(channel_);
  }

  int64_t Set(const std::string& path, const std::string& text) {
    grpc::ClientContext context;
    v1::SetStateRequest request;
    v1::SetStateResponse response;
    request.mutable_path()->set_text(path);
    request.mutable_value()->set_string_value(text);
    EXPECT_TRUE(IsOk(state_->SetState(&context, request, &response)));
    return response.revision();
  }

  grpc::Status Get(const v1::GetStateRequest& request,
                   v1::GetStateResponse* response) {
    grpc::ClientContext context;
    return state_->GetState(&context, request, response);
  }

  grpc::Status List(const v1::ListChildrenRequest& request,
                    v1::ListChildrenResponse* response) {
    grpc::ClientContext context;
    response->Clear();
    return state_->ListChildren(&context, request, response);
  }

  FakeClock clock_;
  std::unique_ptr<Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::StateService::Stub> state_;
  std::unique_ptr<v1::EventService::Stub> events_;
  std::unique_ptr<v1::AdminService::Stub> admin_;
};

}  // namespace restate

#endif  // RESTATE_SERVICE_SERVER_SERVER_FIXTURE_H_
