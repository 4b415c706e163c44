// Callbacks of sessions and their subscriptions, over a channel.

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "restate/v1/event_service.grpc.pb.h"
#include "service/server/session_fixture.h"

namespace restate {
namespace {

using Response = v1::OpenSessionResponse;

class CallbackTest : public SessionTest {};

TEST_F(CallbackTest, AnOperationIsToldDeepestFirstOverAllCallbacks) {
  const auto stream = Open("s");
  Listen(stream.get(), "root", "/");
  Listen(stream.get(), "deep", "/a/b");
  Listen(stream.get(), "middle", "/a");
  Set("/a/b", "x");
  std::vector<std::string> order;
  while (order.size() < 3) {
    const Response response = stream->Read();
    ASSERT_TRUE(response.has_events());
    for (const v1::CallbackEvents& run : response.events().runs()) {
      EXPECT_EQ(run.batch().events_size(), 1);
      order.push_back(run.callback_id());
    }
  }
  EXPECT_EQ(order, (std::vector<std::string>{"deep", "middle", "root"}));
}

TEST_F(CallbackTest, Callbacks) {
  const auto stream = Open("s");
  std::string made;
  EXPECT_TRUE(IsOk(Register("s", &made)));
  EXPECT_NE(made, "");
  std::string callback = "c";
  EXPECT_TRUE(IsOk(Register("s", &callback)));
  EXPECT_EQ(callback, "c");
  ExpectError(Register("s", &callback), grpc::StatusCode::ALREADY_EXISTS,
              "CALLBACK_EXISTS");
  callback = "c";
  EXPECT_TRUE(IsOk(Register("s", &callback, /*replace=*/true)));
  ExpectError(Register("t", &callback), grpc::StatusCode::NOT_FOUND,
              "SESSION_LOST");

  v1::UnregisterCallbackRequest request;
  request.set_session_id("s");
  request.set_callback_id("c");
  v1::UnregisterCallbackResponse answer;
  const auto unregister = &v1::EventService::Stub::UnregisterCallback;
  ASSERT_TRUE(IsOk(Call(unregister, request, &answer)));
  EXPECT_TRUE(answer.unregistered());
  ExpectError(Call(unregister, request, &answer), grpc::StatusCode::NOT_FOUND,
              "CALLBACK_NOT_FOUND");
  request.set_ignore_missing(true);
  answer.Clear();
  ASSERT_TRUE(IsOk(Call(unregister, request, &answer)));
  EXPECT_TRUE(answer.has_unregistered());
  EXPECT_FALSE(answer.unregistered());
}

TEST_F(CallbackTest, SubscriptionsComeAndGo) {
  const auto stream = Open("s");
  const int64_t first = Listen(stream.get(), "c", "/a");
  // The same callback and patterns: the new one takes its place.
  v1::SubscribeByIdResponse answer;
  ASSERT_TRUE(IsOk(Subscribe(To("s", "c", "/a"), &answer)));
  EXPECT_NE(answer.subscription_id(), first);
  EXPECT_EQ(answer.epoch(), stream->opened.epoch());
  EXPECT_EQ(Status().subscriptions(), 1);
  EXPECT_TRUE(stream->ReadBatch("c").synced());
  ASSERT_TRUE(IsOk(Subscribe(To("s", "c", "/b"), &answer)));
  EXPECT_EQ(Status().subscriptions(), 2);
  EXPECT_TRUE(stream->ReadBatch("c").synced());

  ExpectError(Subscribe(To("s", "d", "/a"), &answer),
              grpc::StatusCode::NOT_FOUND, "CALLBACK_NOT_FOUND");
  v1::SubscribeByIdRequest ignore = To("s", "d", "/a");
  ignore.set_ignore_missing(true);
  answer.Clear();
  ASSERT_TRUE(IsOk(Subscribe(ignore, &answer)));
  EXPECT_EQ(answer.subscription_id(), 0);
  ExpectError(Subscribe(To("s", "c", "/a/.."), &answer),
              grpc::StatusCode::INVALID_ARGUMENT, "INVALID_PATH");

  v1::UnsubscribeByIdRequest request;
  request.set_session_id("s");
  request.set_callback_id("c");
  request.add_patterns()->set_text("/c");
  v1::UnsubscribeByIdResponse ended;
  const auto unsubscribe = &v1::EventService::Stub::UnsubscribeById;
  ExpectError(Call(unsubscribe, request, &ended), grpc::StatusCode::NOT_FOUND,
              "SUBSCRIPTION_NOT_FOUND");
  request.mutable_patterns(0)->set_text("b/");
  ASSERT_TRUE(IsOk(Call(unsubscribe, request, &ended)));
  EXPECT_EQ(ended.ended(), 1);
  request.clear_patterns();
  ASSERT_TRUE(IsOk(Call(unsubscribe, request, &ended)));
  EXPECT_EQ(ended.ended(), 1);
  EXPECT_EQ(Status().subscriptions(), 0);
}

TEST_F(CallbackTest, ListsWhoListens) {
  const auto stream = Open("s");
  std::vector<int64_t> ids;
  for (const char* callback : {"a", "b", "c"}) {
    ids.push_back(Listen(stream.get(), callback, "/*", callback[0] == 'b'));
  }
  const auto other = Open("t");
  ids.push_back(Listen(other.get(), "d", "/x"));

  const auto list = &v1::EventService::Stub::ListSubscriptions;
  v1::ListSubscriptionsRequest request;
  v1::ListSubscriptionsResponse page;
  ASSERT_TRUE(IsOk(Call(list, request, &page)));
  EXPECT_EQ(page.subscriptions_size(), 4);
  EXPECT_EQ(page.next_page_token(), "");
  EXPECT_EQ(page.epoch(), stream->opened.epoch());

  request.set_session_id("s");
  request.set_page_size(2);
  ASSERT_TRUE(IsOk(Call(list, request, &page)));
  ASSERT_EQ(page.subscriptions_size(), 2);
  EXPECT_EQ(page.subscriptions(0).subscription_id(), ids[0]);
  EXPECT_EQ(page.subscriptions(0).session_id(), "s");
  EXPECT_EQ(page.subscriptions(0).callback_id(), "a");
  EXPECT_EQ(page.subscriptions(0).patterns(0).text(), "/*");
  EXPECT_FALSE(page.subscriptions(0).intercepting());
  EXPECT_TRUE(page.subscriptions(1).intercepting());
  request.set_page_token(page.next_page_token());
  page.Clear();
  ASSERT_TRUE(IsOk(Call(list, request, &page)));
  ASSERT_EQ(page.subscriptions_size(), 1);
  EXPECT_EQ(page.subscriptions(0).subscription_id(), ids[2]);
  EXPECT_EQ(page.next_page_token(), "");
  request.set_page_token("x");
  ExpectError(Call(list, request, &page), grpc::StatusCode::INVALID_ARGUMENT,
              "INVALID_REQUEST");
}

TEST_F(CallbackTest, AnInterceptorHoldsBackThoseAbove) {
  const auto below = Open("below");
  Listen(below.get(), "c", "/a/b", /*intercepting=*/true);
  const auto above = Open("above");
  Listen(above.get(), "c", "/a");

  for (const bool stop : {true, false}) {
    const int64_t revision = Set("/a/b", stop ? "stopped" : "let through");
    const v1::EventBatch batch = below->ReadBatch("c");
    ASSERT_EQ(batch.events_size(), 1);
    EXPECT_EQ(batch.events(0).revision(), revision);
    const std::string token = batch.events(0).ack_token();
    ASSERT_NE(token, "");
    EXPECT_EQ(Status().unacknowledged(), 1);

    v1::AcknowledgeRequest request;
    v1::Acknowledgement* const answer = request.add_acknowledgements();
    answer->set_ack_token(token);
    answer->set_stop_bubbling(stop);
    request.add_acknowledgements()->set_ack_token("no token");
    v1::AcknowledgeResponse expired;
    const auto acknowledge = &v1::EventService::Stub::Acknowledge;
    ASSERT_TRUE(IsOk(Call(acknowledge, request, &expired)));
    ASSERT_EQ(expired.expired_tokens_size(), 1);
    EXPECT_EQ(expired.expired_tokens(0), "no token");
    expired.Clear();
    ASSERT_TRUE(IsOk(Call(acknowledge, request, &expired)));
    EXPECT_EQ(expired.expired_tokens_size(), 2);
    EXPECT_EQ(Status().unacknowledged(), 0);
  }
  // The first was stopped. A batch may say that its revision is over.
  v1::EventBatch heard;
  while (heard.events_size() == 0) heard = above->ReadBatch("c");
  ASSERT_EQ(heard.events_size(), 1);
  EXPECT_EQ(heard.events(0).new_value().json().string_value(), "let through");
  EXPECT_EQ(heard.events(0).ack_token(), "");
}

TEST_F(CallbackTest, TooManyAcknowledgements) {
  v1::AcknowledgeRequest request;
  for (int i = 0; i <= 10'000; ++i) request.add_acknowledgements();
  v1::AcknowledgeResponse answer;
  ExpectError(Call(&v1::EventService::Stub::Acknowledge, request, &answer),
              grpc::StatusCode::INVALID_ARGUMENT, "INVALID_REQUEST");
}

TEST_F(CallbackTest, ResumesASubscriptionFromAToken) {
  const auto stream = Open("s");
  Listen(stream.get(), "c", "/a");
  Set("/a", "1");
  const std::string token = stream->ReadBatch("c").resume_token();
  Set("/a", "2");
  EXPECT_EQ(stream->ReadBatch("c").events_size(), 1);

  v1::SubscribeByIdRequest request = To("s", "c", "/a");
  request.mutable_subscription()->set_resume_token(token);
  v1::SubscribeByIdResponse answer;
  ASSERT_TRUE(IsOk(Subscribe(request, &answer)));
  std::vector<std::string> values;
  bool synced = false;
  while (!synced) {
    const Response response = stream->Read();
    ASSERT_TRUE(response.has_events());
    for (const v1::CallbackEvents& run : response.events().runs()) {
      EXPECT_EQ(run.subscription_id(), answer.subscription_id());
      synced = synced || run.batch().synced();
      for (const v1::Event& event : run.batch().events()) {
        values.push_back(event.new_value().json().string_value());
      }
    }
  }
  EXPECT_EQ(values, std::vector<std::string>{"2"});
  request.mutable_subscription()->set_epoch("another");
  ExpectError(Subscribe(request, &answer), grpc::StatusCode::OUT_OF_RANGE,
              "EPOCH_CHANGED");
  request.mutable_subscription()->set_resume_token("no token");
  ExpectError(Subscribe(request, &answer), grpc::StatusCode::INVALID_ARGUMENT,
              "INVALID_REQUEST");
}

}  // namespace
}  // namespace restate
