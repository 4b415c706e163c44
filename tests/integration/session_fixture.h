#ifndef RESTATE_TESTS_INTEGRATION_SESSION_FIXTURE_H_
#define RESTATE_TESTS_INTEGRATION_SESSION_FIXTURE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/client.h"
#include "tests/support/error_info.h"
#include "tests/support/json.h"
#include "tests/support/server_test.h"
#include "tests/support/session_reader.h"

namespace restate::test {

using Texts = std::vector<std::string>;

// "low /a/b at /a = 1".
inline Texts Called(const std::vector<v1::CallbackEvents>& runs) {
  Texts calls;
  for (const v1::CallbackEvents& run : runs) {
    for (const v1::Event& event : run.batch().events()) {
      calls.push_back(run.callback_id() + " " + event.emitting_path().text() +
                      " at " + event.current_path().text() + " = " +
                      ToJson(event.new_value().json()));
    }
  }
  return calls;
}

// A server, and sessions that are used as a client library uses them.
class SessionTest : public ServerTest {
 protected:
  // However busy the machine is, no answer comes too late.
  std::string Config() const override {
    return "limits:\n  acknowledge_timeout: 1h\n";
  }

  std::unique_ptr<SessionReader> Open(const std::string& id,
                                      bool resume = false) {
    v1::OpenSessionRequest request;
    request.set_session_id(id);
    request.set_resume(resume);
    auto reader = std::make_unique<SessionReader>(Connect(server().address()),
                                                  request);
    reader->WaitForOpened();
    return reader;
  }

  template <typename Request, typename Response>
  Reply<Response> Call(grpc::Status (v1::EventService::Stub::*method)(
                           grpc::ClientContext*, const Request&, Response*),
                       const Request& request) {
    Reply<Response> reply;
    const auto context = NewContext();
    reply.status = (client().events().*method)(context.get(), request,
                                               &reply.response);
    return reply;
  }

  grpc::Status Register(const std::string& session, const std::string& callback,
                        bool replace = false) {
    v1::RegisterCallbackRequest request;
    request.set_session_id(session);
    request.set_callback_id(callback);
    request.set_replace(replace);
    return Call(&v1::EventService::Stub::RegisterCallback, request).status;
  }
  Reply<v1::SubscribeByIdResponse> SubscribeById(
      const std::string& session, const std::string& callback,
      const v1::SubscribeRequest& subscription) {
    v1::SubscribeByIdRequest request;
    request.set_session_id(session);
    request.set_callback_id(callback);
    *request.mutable_subscription() = subscription;
    return Call(&v1::EventService::Stub::SubscribeById, request);
  }
  static v1::SubscribeRequest To(const std::string& pattern) {
    v1::SubscribeRequest request;
    request.add_patterns()->set_text(pattern);
    return request;
  }
  // Registers and subscribes; gives the subscription's id.
  int64_t Listen(const std::string& session, const std::string& callback,
                 const v1::SubscribeRequest& subscription) {
    const grpc::Status registered = Register(session, callback, true);
    EXPECT_TRUE(registered.ok()) << FailureOf(registered);
    const auto reply = SubscribeById(session, callback, subscription);
    EXPECT_TRUE(reply.ok()) << FailureOf(reply.status);
    return reply.response.subscription_id();
  }
  int64_t Unsubscribe(const std::string& session, const std::string& callback,
                      const std::string& pattern) {
    v1::UnsubscribeByIdRequest request;
    request.set_session_id(session);
    request.set_callback_id(callback);
    if (!pattern.empty()) request.add_patterns()->set_text(pattern);
    const auto reply =
        Call(&v1::EventService::Stub::UnsubscribeById, request);
    EXPECT_TRUE(reply.ok()) << FailureOf(reply.status);
    return reply.response.ended();
  }
  // Everything up to now has been told to the session.
  void Sync(const std::string& session, SessionReader* reader) {
    v1::SyncRequest request;
    request.set_session_id(session);
    const auto reply = Call(&v1::EventService::Stub::Sync, request);
    ASSERT_TRUE(reply.ok()) << FailureOf(reply.status);
    ASSERT_TRUE(reader->WaitForSync(reply.response.sync_id()))
        << FailureOf(reader->WaitForEnd());
  }
  std::vector<v1::SubscriptionInfo> List(const std::string& session) {
    v1::ListSubscriptionsRequest request;
    request.set_session_id(session);
    const auto reply =
        Call(&v1::EventService::Stub::ListSubscriptions, request);
    EXPECT_TRUE(reply.ok()) << FailureOf(reply.status);
    return {reply.response.subscriptions().begin(),
            reply.response.subscriptions().end()};
  }
  // The newest token of a callback.
  static std::string TokenOf(const SessionReader& reader,
                             const std::string& callback) {
    std::string token;
    for (const v1::CallbackEvents& run : reader.runs()) {
      if (run.callback_id() == callback && !run.batch().resume_token().empty()) {
        token = run.batch().resume_token();
      }
    }
    return token;
  }
};

}  // namespace restate::test

#endif  // RESTATE_TESTS_INTEGRATION_SESSION_FIXTURE_H_
