#ifndef RESTATE_SERVICE_SERVER_SESSION_FIXTURE_H_
#define RESTATE_SERVICE_SERVER_SESSION_FIXTURE_H_

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <memory>
#include <string>

#include "gtest/gtest.h"
#include "restate/v1/admin_service.grpc.pb.h"
#include "restate/v1/event_service.grpc.pb.h"
#include "service/server/server_fixture.h"

namespace restate {

// One stream of a session.
struct SessionReader {
  // The next message; an empty one at the end.
  v1::OpenSessionResponse Read() {
    v1::OpenSessionResponse response;
    if (!reader->Read(&response)) return v1::OpenSessionResponse();
    return response;
  }
  // The next batch, which is the only one of its message and of `callback_id`.
  v1::EventBatch ReadBatch(const std::string& callback_id) {
    const v1::OpenSessionResponse response = Read();
    EXPECT_EQ(response.events().runs_size(), 1) << response.DebugString();
    if (response.events().runs_size() != 1) return v1::EventBatch();
    EXPECT_EQ(response.events().runs(0).callback_id(), callback_id);
    return response.events().runs(0).batch();
  }
  grpc::Status End() {
    EXPECT_EQ(Read().message_case(),
              v1::OpenSessionResponse::MESSAGE_NOT_SET);
    return reader->Finish();
  }

  grpc::ClientContext context;
  std::unique_ptr<grpc::ClientReader<v1::OpenSessionResponse>> reader;
  v1::SessionOpened opened;
};

class SessionTest : public ServerTest {
 protected:
  // A stream that has not said `opened` yet.
  std::unique_ptr<SessionReader> TryOpen(const std::string& id, bool resume = false) {
    auto stream = std::make_unique<SessionReader>();
    v1::OpenSessionRequest request;
    request.set_session_id(id);
    request.set_resume(resume);
    stream->reader = events_->OpenSession(&stream->context, request);
    return stream;
  }
  std::unique_ptr<SessionReader> Open(const std::string& id, bool resume = false) {
    auto stream = TryOpen(id, resume);
    const v1::OpenSessionResponse first = stream->Read();
    EXPECT_TRUE(first.has_opened());
    stream->opened = first.opened();
    return stream;
  }

  template <typename Request, typename Answer>
  using Method = grpc::Status (v1::EventService::Stub::*)(
      grpc::ClientContext*, const Request&, Answer*);
  template <typename Request, typename Answer>
  grpc::Status Call(Method<Request, Answer> method, const Request& request,
                    Answer* answer) {
    grpc::ClientContext context;
    return (events_.get()->*method)(&context, request, answer);
  }

  grpc::Status Register(const std::string& session, std::string* callback,
                        bool replace = false) {
    v1::RegisterCallbackRequest request;
    request.set_session_id(session);
    request.set_callback_id(*callback);
    request.set_replace(replace);
    v1::RegisterCallbackResponse answer;
    const grpc::Status status =
        Call(&v1::EventService::Stub::RegisterCallback, request, &answer);
    *callback = answer.callback_id();
    return status;
  }

  grpc::Status Subscribe(const v1::SubscribeByIdRequest& request,
                         v1::SubscribeByIdResponse* answer) {
    return Call(&v1::EventService::Stub::SubscribeById, request, answer);
  }
  v1::SubscribeByIdRequest To(const std::string& session,
                              const std::string& callback,
                              const std::string& pattern) {
    v1::SubscribeByIdRequest request;
    request.set_session_id(session);
    request.set_callback_id(callback);
    request.mutable_subscription()->add_patterns()->set_text(pattern);
    return request;
  }
  // Registers, subscribes to one pattern from now on, and reads that it is
  // live. Gives the subscription's id.
  int64_t Listen(SessionReader* stream, std::string callback,
                 const std::string& pattern, bool intercepting = false) {
    const std::string session = stream->opened.session_id();
    EXPECT_TRUE(IsOk(Register(session, &callback)));
    v1::SubscribeByIdRequest request = To(session, callback, pattern);
    request.mutable_subscription()->set_intercepting(intercepting);
    v1::SubscribeByIdResponse answer;
    EXPECT_TRUE(IsOk(Subscribe(request, &answer)));
    EXPECT_TRUE(stream->ReadBatch(callback).synced());
    return answer.subscription_id();
  }

  v1::GetStatusResponse Status() {
    grpc::ClientContext context;
    v1::GetStatusResponse status;
    EXPECT_TRUE(IsOk(
        admin_->GetStatus(&context, v1::GetStatusRequest(), &status)));
    return status;
  }

  grpc::Status Close(const std::string& session) {
    v1::CloseSessionRequest request;
    request.set_session_id(session);
    v1::CloseSessionResponse answer;
    return Call(&v1::EventService::Stub::CloseSession, request, &answer);
  }
};

inline void ExpectError(const grpc::Status& status, grpc::StatusCode code,
                 const std::string& reason) {
  EXPECT_EQ(status.error_code(), code) << status.error_message();
  EXPECT_EQ(ReasonOf(status), reason) << status.error_message();
}

}  // namespace restate

#endif  // RESTATE_SERVICE_SERVER_SESSION_FIXTURE_H_
