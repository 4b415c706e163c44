// Sessions, from the outside: over a channel, with a clock that the test moves.

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "restate/v1/admin_service.grpc.pb.h"
#include "restate/v1/event_service.grpc.pb.h"
#include "restate/v1/state_service.grpc.pb.h"
#include "service/server/server_fixture.h"

namespace restate {
namespace {

using Response = v1::OpenSessionResponse;

// One stream of a session.
struct Stream {
  // The next message; an empty one at the end.
  Response Read() {
    Response response;
    if (!reader->Read(&response)) return Response();
    return response;
  }
  // The next batch, which is the only one of its message and of `callback_id`.
  v1::EventBatch ReadBatch(const std::string& callback_id) {
    const Response response = Read();
    EXPECT_EQ(response.events().runs_size(), 1) << response.DebugString();
    if (response.events().runs_size() != 1) return v1::EventBatch();
    EXPECT_EQ(response.events().runs(0).callback_id(), callback_id);
    return response.events().runs(0).batch();
  }
  grpc::Status End() {
    EXPECT_EQ(Read().message_case(), Response::MESSAGE_NOT_SET);
    return reader->Finish();
  }

  grpc::ClientContext context;
  std::unique_ptr<grpc::ClientReader<Response>> reader;
  v1::SessionOpened opened;
};

class SessionTest : public ServerTest {
 protected:
  // A stream that has not said `opened` yet.
  std::unique_ptr<Stream> TryOpen(const std::string& id, bool resume = false) {
    auto stream = std::make_unique<Stream>();
    v1::OpenSessionRequest request;
    request.set_session_id(id);
    request.set_resume(resume);
    stream->reader = events_->OpenSession(&stream->context, request);
    return stream;
  }
  std::unique_ptr<Stream> Open(const std::string& id, bool resume = false) {
    auto stream = TryOpen(id, resume);
    const Response first = stream->Read();
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
  int64_t Listen(Stream* stream, std::string callback,
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

void ExpectError(const grpc::Status& status, grpc::StatusCode code,
                 const std::string& reason) {
  EXPECT_EQ(status.error_code(), code) << status.error_message();
  EXPECT_EQ(ReasonOf(status), reason) << status.error_message();
}

TEST_F(SessionTest, FromOpenToClose) {
  const auto stream = Open("");
  const std::string session = stream->opened.session_id();
  EXPECT_NE(session, "");
  EXPECT_FALSE(stream->opened.resumed());
  EXPECT_EQ(stream->opened.grace().seconds(), 60);
  EXPECT_EQ(stream->opened.revision(), 0);
  EXPECT_NE(stream->opened.epoch(), "");

  const int64_t id = Listen(stream.get(), "callback", "/a");
  EXPECT_GT(id, 0);
  const int64_t revision = Set("/a/b", "x");
  const v1::EventBatch batch = stream->ReadBatch("callback");
  EXPECT_EQ(batch.revision(), revision);
  EXPECT_EQ(batch.epoch(), stream->opened.epoch());
  EXPECT_NE(batch.resume_token(), "");
  ASSERT_EQ(batch.events_size(), 1);
  EXPECT_EQ(batch.events(0).emitting_path().text(), "/a/b");
  EXPECT_EQ(batch.events(0).current_path().text(), "/a");
  EXPECT_EQ(batch.events(0).new_value().json().string_value(), "x");

  EXPECT_EQ(Status().sessions(), 1);
  EXPECT_EQ(Status().subscriptions(), 1);
  EXPECT_TRUE(IsOk(Close(session)));
  ExpectError(stream->End(), grpc::StatusCode::NOT_FOUND, "SESSION_LOST");
  EXPECT_EQ(Status().sessions(), 0);
  EXPECT_EQ(Status().subscriptions(), 0);
  ExpectError(Close(session), grpc::StatusCode::NOT_FOUND, "SESSION_LOST");
}

TEST_F(SessionTest, AMarkerComesBehindTheEvents) {
  const auto stream = Open("s");
  Listen(stream.get(), "c", "/a");
  const int64_t revision = Set("/a", "x");
  v1::SyncRequest request;
  request.set_session_id("s");
  request.set_revision(revision);
  v1::SyncResponse answer;
  ASSERT_TRUE(IsOk(Call(&v1::EventService::Stub::Sync, request, &answer)));
  EXPECT_EQ(stream->ReadBatch("c").events_size(), 1);
  const Response marker = stream->Read();
  EXPECT_EQ(marker.sync().sync_id(), answer.sync_id());
  EXPECT_EQ(marker.sync().revision(), revision);

  // Of the newest revision.
  request.clear_revision();
  ASSERT_TRUE(IsOk(Call(&v1::EventService::Stub::Sync, request, &answer)));
  EXPECT_EQ(stream->Read().sync().sync_id(), answer.sync_id());

  request.set_revision(1'000);
  ExpectError(Call(&v1::EventService::Stub::Sync, request, &answer),
              grpc::StatusCode::OUT_OF_RANGE, "REVISION_IN_FUTURE");
  request.set_revision(-1);
  ExpectError(Call(&v1::EventService::Stub::Sync, request, &answer),
              grpc::StatusCode::INVALID_ARGUMENT, "INVALID_REQUEST");
  request.set_revision(revision);
  request.set_epoch("another");
  ExpectError(Call(&v1::EventService::Stub::Sync, request, &answer),
              grpc::StatusCode::OUT_OF_RANGE, "EPOCH_CHANGED");
}

TEST_F(SessionTest, AnOperationIsToldDeepestFirstOverAllCallbacks) {
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

TEST_F(SessionTest, TakenUpAgainWithinItsGraceTime) {
  auto first = Open("s");
  Listen(first.get(), "c", "/a");
  first->context.TryCancel();
  EXPECT_EQ(first->reader->Finish().error_code(), grpc::StatusCode::CANCELLED);

  const auto second = Open("s", /*resume=*/true);
  EXPECT_TRUE(second->opened.resumed());
  const int64_t revision = Set("/a", "x");
  EXPECT_EQ(second->ReadBatch("c").revision(), revision);
}

TEST_F(SessionTest, LostAfterItsGraceTime) {
  auto stream = Open("s");
  Listen(stream.get(), "c", "/a");
  stream->context.TryCancel();
  EXPECT_EQ(stream->reader->Finish().error_code(),
            grpc::StatusCode::CANCELLED);
  while (Status().sessions() > 0) clock_.Advance(absl::Seconds(61));
  EXPECT_EQ(Status().subscriptions(), 0);
  ExpectError(TryOpen("s", /*resume=*/true)->End(),
              grpc::StatusCode::NOT_FOUND, "SESSION_LOST");
  // Without `resume` it is a new one.
  EXPECT_FALSE(Open("s")->opened.resumed());
}

TEST_F(SessionTest, AnotherStreamTakesItOver) {
  const auto first = Open("s");
  Listen(first.get(), "c", "/a");
  const auto second = Open("s");
  EXPECT_TRUE(second->opened.resumed());
  ExpectError(first->End(), grpc::StatusCode::ABORTED, "SESSION_TAKEN");
  Set("/a", "x");
  EXPECT_EQ(second->ReadBatch("c").events_size(), 1);
}

TEST_F(SessionTest, BadSessionIds) {
  ExpectError(TryOpen("white space")->End(),
              grpc::StatusCode::INVALID_ARGUMENT, "INVALID_REQUEST");
  ExpectError(TryOpen("", /*resume=*/true)->End(),
              grpc::StatusCode::INVALID_ARGUMENT, "INVALID_REQUEST");
}

TEST_F(SessionTest, Callbacks) {
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

TEST_F(SessionTest, SubscriptionsComeAndGo) {
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

TEST_F(SessionTest, ListsWhoListens) {
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

TEST_F(SessionTest, AnInterceptorHoldsBackThoseAbove) {
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

TEST_F(SessionTest, TooManyAcknowledgements) {
  v1::AcknowledgeRequest request;
  for (int i = 0; i <= 10'000; ++i) request.add_acknowledgements();
  v1::AcknowledgeResponse answer;
  ExpectError(Call(&v1::EventService::Stub::Acknowledge, request, &answer),
              grpc::StatusCode::INVALID_ARGUMENT, "INVALID_REQUEST");
}

TEST_F(SessionTest, AWriteBoundToASessionThatIsNotThere) {
  v1::SetStateRequest set;
  set.mutable_path()->set_text("/p");
  set.mutable_value()->set_int_value(1);
  set.set_session_id("gone");
  v1::SetStateResponse set_answer;
  grpc::ClientContext set_context;
  ExpectError(state_->SetState(&set_context, set, &set_answer),
              grpc::StatusCode::NOT_FOUND, "SESSION_LOST");

  v1::CommitRequest commit;
  commit.add_operations()->mutable_delete_()->mutable_path()->set_text("/p");
  v1::SetOperation* const operation =
      commit.add_operations()->mutable_set();
  *operation->mutable_path() = set.path();
  *operation->mutable_value() = set.value();
  operation->set_session_id("gone");
  v1::CommitResponse commit_answer;
  grpc::ClientContext commit_context;
  const grpc::Status status =
      state_->Commit(&commit_context, commit, &commit_answer);
  ExpectError(status, grpc::StatusCode::NOT_FOUND, "SESSION_LOST");
  EXPECT_EQ(status.error_message().substr(0, 13), "operation 1: ");

  const auto stream = Open("gone");
  grpc::ClientContext context;
  EXPECT_TRUE(IsOk(state_->SetState(&context, set, &set_answer)));
}

TEST_F(SessionTest, ResumesASubscriptionFromAToken) {
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

TEST_F(SessionTest, AnIdleSubscriptionHasAHeartbeat) {
  grpc::ClientContext context;
  v1::SubscribeRequest request;
  request.add_patterns()->set_text("/a");
  request.mutable_heartbeat()->set_seconds(1);
  auto reader = events_->Subscribe(&context, request);
  v1::SubscribeResponse message;
  ASSERT_TRUE(reader->Read(&message));
  EXPECT_TRUE(message.batch().synced());
  const int64_t revision = Set("/other", "x");
  clock_.Advance(absl::Seconds(2));
  ASSERT_TRUE(reader->Read(&message));
  EXPECT_EQ(message.batch().events_size(), 0);
  EXPECT_FALSE(message.batch().synced());
  EXPECT_EQ(message.batch().revision(), revision);
  EXPECT_NE(message.batch().resume_token(), "");
}

TEST_F(SessionTest, StoppingEndsItAfterWhatItHolds) {
  const auto stream = Open("s");
  Listen(stream.get(), "c", "/a");
  Set("/a", "x");
  std::thread stopper([this] { EXPECT_TRUE(server_->Stop().ok()); });
  EXPECT_EQ(stream->ReadBatch("c").events_size(), 1);
  ExpectError(stream->End(), grpc::StatusCode::UNAVAILABLE, "SHUTTING_DOWN");
  stopper.join();
}

TEST_F(SessionTest, CompactingForgetsTheHistory) {
  Set("/a", "1");
  const int64_t second = Set("/a", "2");
  EXPECT_EQ(Status().history().oldest_revision(), 0);
  EXPECT_TRUE(Status().history().has_oldest_commit_time());
  EXPECT_GT(Status().history().bytes(), 0);
  EXPECT_EQ(Status().revision(), second);
  EXPECT_TRUE(Status().taking_writes());

  v1::CompactRequest request;
  v1::CompactResponse answer;
  const auto compact = [&] {
    grpc::ClientContext context;
    return admin_->Compact(&context, request, &answer);
  };
  ExpectError(compact(), grpc::StatusCode::INVALID_ARGUMENT,
              "INVALID_REQUEST");
  request.set_through_revision(1'000);
  ExpectError(compact(), grpc::StatusCode::OUT_OF_RANGE, "REVISION_IN_FUTURE");
  request.set_through_revision(second);
  request.set_epoch("another");
  ExpectError(compact(), grpc::StatusCode::OUT_OF_RANGE, "EPOCH_CHANGED");
  request.clear_epoch();
  ASSERT_TRUE(IsOk(compact()));
  EXPECT_EQ(answer.history().oldest_revision(), second);
  EXPECT_FALSE(answer.history().has_oldest_commit_time());

  grpc::ClientContext context;
  v1::SubscribeRequest subscribe;
  subscribe.add_patterns()->set_text("/a");
  subscribe.set_after_revision(1);
  auto reader = events_->Subscribe(&context, subscribe);
  v1::SubscribeResponse message;
  EXPECT_FALSE(reader->Read(&message));
  ExpectError(reader->Finish(), grpc::StatusCode::OUT_OF_RANGE,
              "HISTORY_COMPACTED");
}

}  // namespace
}  // namespace restate
