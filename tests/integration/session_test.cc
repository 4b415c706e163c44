// Sessions as a client library uses them: one stream, callbacks by id, unary
// calls for everything else.

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "gtest/gtest.h"
#include "restate/v1/admin_service.grpc.pb.h"
#include "tests/support/client.h"
#include "tests/support/error_info.h"
#include "tests/support/json.h"
#include "tests/support/server_test.h"
#include "tests/support/session_reader.h"

namespace restate::test {
namespace {

using Texts = std::vector<std::string>;

// "low /a/b at /a = 1".
Texts Called(const std::vector<v1::CallbackEvents>& runs) {
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

TEST_F(SessionTest, CallbacksAreRegisteredReplacedAndForgotten) {
  const auto reader = Open("s");
  EXPECT_TRUE(Register("s", "c").ok());
  EXPECT_EQ(CodeAndReason(Register("s", "c")),
            "ALREADY_EXISTS / CALLBACK_EXISTS");
  EXPECT_TRUE(Register("s", "c", true).ok());
  EXPECT_EQ(CodeAndReason(Register("t", "c")), "NOT_FOUND / SESSION_LOST");
  // An id of the server's making, each time another.
  v1::RegisterCallbackRequest request;
  request.set_session_id("s");
  const auto first = Call(&v1::EventService::Stub::RegisterCallback, request);
  const auto second = Call(&v1::EventService::Stub::RegisterCallback, request);
  EXPECT_NE(first.response.callback_id(), "");
  EXPECT_NE(first.response.callback_id(), second.response.callback_id());

  EXPECT_EQ(CodeAndReason(SubscribeById("s", "d", To("/a")).status),
            "NOT_FOUND / CALLBACK_NOT_FOUND");
  v1::SubscribeByIdRequest ignoring;
  ignoring.set_session_id("s");
  ignoring.set_callback_id("d");
  *ignoring.mutable_subscription() = To("/a");
  ignoring.set_ignore_missing(true);
  const auto ignored = Call(&v1::EventService::Stub::SubscribeById, ignoring);
  EXPECT_TRUE(ignored.ok());
  EXPECT_EQ(ignored.response.subscription_id(), 0);

  // A callback that is forgotten is called no more.
  Listen("s", "c", To("/a"));
  client().Set("/a", "1");
  Sync("s", reader.get());
  v1::UnregisterCallbackRequest forget;
  forget.set_session_id("s");
  forget.set_callback_id("c");
  const auto forgotten =
      Call(&v1::EventService::Stub::UnregisterCallback, forget);
  EXPECT_TRUE(forgotten.response.unregistered());
  client().Set("/a", "2");
  Sync("s", reader.get());
  EXPECT_EQ(Called(reader->runs()), Texts{"c /a at /a = 1"});
  EXPECT_TRUE(List("s").empty());
  EXPECT_EQ(CodeAndReason(
                Call(&v1::EventService::Stub::UnregisterCallback, forget)
                    .status),
            "NOT_FOUND / CALLBACK_NOT_FOUND");
  forget.set_ignore_missing(true);
  const auto again = Call(&v1::EventService::Stub::UnregisterCallback, forget);
  EXPECT_TRUE(again.ok());
  EXPECT_FALSE(again.response.unregistered());
}

TEST_F(SessionTest, SubscriptionsAreReplacedAndEnded) {
  const auto reader = Open("s");
  const int64_t first = Listen("s", "c", To("/a"));
  // The same patterns: in its place.
  const int64_t second = SubscribeById("s", "c", To("/a"))
                             .response.subscription_id();
  EXPECT_NE(first, second);
  // Others: beside it.
  SubscribeById("s", "c", To("/b"));
  client().Set("/a", "1");
  client().Set("/b", "2");
  Sync("s", reader.get());
  EXPECT_EQ(Called(reader->runs()),
            (Texts{"c /a at /a = 1", "c /b at /b = 2"}));
  EXPECT_EQ(Unsubscribe("s", "c", "/a"), 1);
  client().Set("/a", "3");
  client().Set("/b", "4");
  Sync("s", reader.get());
  EXPECT_EQ(Called(reader->runs()).back(), "c /b at /b = 4");
  EXPECT_EQ(Called(reader->runs()).size(), 3u);
  v1::UnsubscribeByIdRequest gone;
  gone.set_session_id("s");
  gone.set_callback_id("c");
  gone.add_patterns()->set_text("/a");
  EXPECT_EQ(
      CodeAndReason(
          Call(&v1::EventService::Stub::UnsubscribeById, gone).status),
      "NOT_FOUND / SUBSCRIPTION_NOT_FOUND");
  gone.set_ignore_missing(true);
  EXPECT_TRUE(Call(&v1::EventService::Stub::UnsubscribeById, gone).ok());
  // All that it has.
  EXPECT_EQ(Unsubscribe("s", "c", ""), 1);
  EXPECT_TRUE(List("s").empty());
}

TEST_F(SessionTest, AnotherClientSubscribesItsCallback) {
  const auto reader = Open("s");
  const auto other = Open("t");
  EXPECT_TRUE(Register("s", "c").ok());
  const auto stranger = NewClient();
  v1::SubscribeByIdRequest request;
  request.set_session_id("s");
  request.set_callback_id("c");
  *request.mutable_subscription() = To("/a");
  const auto context = NewContext();
  v1::SubscribeByIdResponse response;
  ASSERT_TRUE(
      stranger->events().SubscribeById(context.get(), request, &response).ok());
  client().Set("/a", "1");
  Sync("s", reader.get());
  Sync("t", other.get());
  EXPECT_EQ(Called(reader->runs()), Texts{"c /a at /a = 1"});
  EXPECT_TRUE(other->runs().empty());
}

// Whatever each listens to, and in which order they came: the events of one
// operation reach the session deepest first, then by place and pattern.
TEST_F(SessionTest, CallbacksAreCalledDeepestFirst) {
  const auto reader = Open("s");
  Listen("s", "root", To("/"));
  Listen("s", "leaf", To("/a/b/c"));
  Listen("s", "top", To("/a"));
  Listen("s", "middle", To("/a/b"));
  Listen("s", "any", To("/a/*/c"));
  client().Set("/a/b/c", "1");
  client().Set("/a", R"({"b": {"c": 2}})");
  Sync("s", reader.get());
  const std::string map = R"({"b":{"c":2}})";
  EXPECT_EQ(Called(reader->runs()),
            (Texts{"any /a/b/c at /a/b/c = 1", "leaf /a/b/c at /a/b/c = 1",
                   "middle /a/b/c at /a/b = 1", "top /a/b/c at /a = 1",
                   "root /a/b/c at / = 1", "any /a/b/c at /a/b/c = 2",
                   "leaf /a/b/c at /a/b/c = 2",
                   "middle /a/b at /a/b = {\"c\":2}", "top /a at /a = " + map,
                   "root /a at / = " + map}));
}

TEST_F(SessionTest, TheOrderHoldsUnderWriters) {
  constexpr int kWriters = 4;
  constexpr int kWrites = 100;
  const auto reader = Open("s");
  for (const char* pattern : {"/", "/n", "/n/*", "/n/*/x"}) {
    Listen("s", pattern, To(pattern));
  }
  std::vector<std::thread> writers;
  for (int w = 0; w < kWriters; ++w) {
    writers.emplace_back([&, w] {
      const auto own = NewClient();
      for (int i = 0; i < kWrites; ++i) {
        v1::CommitRequest commit;
        for (int k = 0; k < 3; ++k) {
          auto* const set = commit.add_operations()->mutable_set();
          set->mutable_path()->set_text("/n/w" + std::to_string(w) + "/x");
          set->mutable_value()->set_int_value(i * 3 + k + 1);
        }
        EXPECT_TRUE(own->Commit(commit).ok());
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  Sync("s", reader.get());
  std::tuple<int64_t, int, int64_t> last;
  int64_t events = 0;
  for (const v1::CallbackEvents& run : reader->runs()) {
    for (const v1::Event& event : run.batch().events()) {
      const std::string& place = event.current_path().text();
      const int64_t depth =
          place == "/" ? 0 : std::count(place.begin(), place.end(), '/');
      const std::tuple<int64_t, int, int64_t> key = {event.revision(),
                                                     event.index(), -depth};
      EXPECT_LT(last, key) << ToJson(event);
      last = key;
      ++events;
    }
  }
  EXPECT_EQ(events, kWriters * kWrites * 3 * 4);
}

TEST_F(SessionTest, AMarkerWaitsForWhatAnInterceptorHolds) {
  const auto reader = Open("s");
  v1::SubscribeRequest intercepting = To("/a/b");
  intercepting.set_intercepting(true);
  const auto interceptor = Subscribe(intercepting);
  Listen("s", "c", To("/a"));
  const int64_t revision = client().Set("/a/b", "1");
  v1::SyncRequest request;
  request.set_session_id("s");
  request.set_revision(revision);
  const auto sync = Call(&v1::EventService::Stub::Sync, request);
  ASSERT_TRUE(sync.ok()) << FailureOf(sync.status);
  const auto asked = interceptor->WaitForEvents(1);
  ASSERT_EQ(asked.size(), 1u);
  for (const v1::OpenSessionResponse& message : reader->messages()) {
    EXPECT_FALSE(message.has_sync());
  }
  v1::AcknowledgeRequest answer;
  answer.add_acknowledgements()->set_ack_token(asked[0].ack_token());
  ASSERT_TRUE(Call(&v1::EventService::Stub::Acknowledge, answer).ok());
  ASSERT_TRUE(reader->WaitForSync(sync.response.sync_id()));
  // Behind the event.
  const SessionReader::Messages messages = reader->messages();
  EXPECT_TRUE(messages.back().has_sync());
  EXPECT_EQ(Called(reader->runs()), Texts{"c /a/b at /a = 1"});
}

TEST_F(SessionTest, ListSubscriptionsShowsWhoListensAndHowWell) {
  const auto reader = Open("s");
  const auto plain = Subscribe("/plain");
  v1::SubscribeRequest intercepting = To("/a/*");
  intercepting.set_intercepting(true);
  const int64_t low = Listen("s", "low", intercepting);
  const int64_t high = Listen("s", "high", To("/a"));
  client().Set("/a/b", "1");
  ASSERT_TRUE(reader->WaitUntil([](const SessionReader::Messages& messages) {
    return std::any_of(messages.begin(), messages.end(), [](const auto& m) {
      return std::any_of(m.events().runs().begin(), m.events().runs().end(),
                         [](const v1::CallbackEvents& run) {
                           return run.callback_id() == "low" &&
                                  run.batch().events_size() > 0;
                         });
    });
  }));
  const auto infos = List("s");
  ASSERT_EQ(infos.size(), 2u);
  EXPECT_EQ(infos[0].subscription_id(), low);
  EXPECT_EQ(infos[0].session_id(), "s");
  EXPECT_EQ(infos[0].callback_id(), "low");
  ASSERT_EQ(infos[0].patterns_size(), 1);
  EXPECT_EQ(infos[0].patterns(0).text(), "/a/*");
  EXPECT_TRUE(infos[0].intercepting());
  EXPECT_EQ(infos[0].unacknowledged(), 1);
  EXPECT_EQ(infos[0].queued_events(), 0);
  EXPECT_EQ(infos[0].lag_revisions(), 0);
  EXPECT_EQ(infos[1].subscription_id(), high);
  EXPECT_FALSE(infos[1].intercepting());
  // It waits for the answer.
  EXPECT_EQ(infos[1].queued_events(), 1);
  EXPECT_GT(infos[1].queued_bytes(), 0);
  EXPECT_EQ(infos[1].lag_revisions(), 1);
  EXPECT_EQ(infos[1].dropped_events(), 0);
  EXPECT_FALSE(infos[1].reading_history());

  // Everybody's, in pages.
  v1::ListSubscriptionsRequest request;
  request.set_page_size(2);
  Texts listed;
  do {
    const auto page =
        Call(&v1::EventService::Stub::ListSubscriptions, request);
    ASSERT_TRUE(page.ok()) << FailureOf(page.status);
    EXPECT_LE(page.response.subscriptions_size(), 2);
    for (const auto& info : page.response.subscriptions()) {
      listed.push_back(info.patterns(0).text());
    }
    request.set_page_token(page.response.next_page_token());
  } while (!request.page_token().empty());
  EXPECT_EQ(listed, (Texts{"/plain", "/a/*", "/a"}));
}

// Cut, written meanwhile, taken up: nothing is lost or told twice, by the
// subscriptions that are held, and by new ones from the last tokens.
TEST_F(SessionTest, TakenUpWithinItsGraceTime) {
  auto reader = Open("s");
  Listen("s", "held", To("/a"));
  Listen("s", "renewed", To("/a/*"));
  client().Set("/a/b", "1");
  Sync("s", reader.get());
  const std::string token = TokenOf(*reader, "renewed");
  reader->Cancel();
  reader->WaitForEnd();
  client().Set("/a/b", "2");
  reader = Open("s", true);
  EXPECT_TRUE(reader->WaitForOpened().resumed());
  v1::SubscribeRequest again = To("/a/*");
  again.set_resume_token(token);
  const auto renewed = SubscribeById("s", "renewed", again);
  ASSERT_TRUE(renewed.ok()) << FailureOf(renewed.status);
  client().Set("/a/b", "3");
  Sync("s", reader.get());
  std::map<std::string, Texts> calls;
  for (const v1::CallbackEvents& run : reader->runs()) {
    if (run.callback_id() == "renewed" &&
        run.subscription_id() != renewed.response.subscription_id()) {
      continue;
    }
    for (const std::string& call : Called({run})) {
      calls[run.callback_id()].push_back(call);
    }
  }
  EXPECT_EQ(calls["held"],
            (Texts{"held /a/b at /a = 2", "held /a/b at /a = 3"}));
  EXPECT_EQ(calls["renewed"],
            (Texts{"renewed /a/b at /a/b = 2", "renewed /a/b at /a/b = 3"}));
}

TEST_F(SessionTest, AnotherStreamTakesItOver) {
  const auto older = Open("s");
  Listen("s", "c", To("/a"));
  const auto newer = Open("s");
  EXPECT_TRUE(newer->WaitForOpened().resumed());
  EXPECT_EQ(CodeAndReason(older->WaitForEnd()), "ABORTED / SESSION_TAKEN");
  client().Set("/a", "1");
  Sync("s", newer.get());
  EXPECT_EQ(Called(newer->runs()), Texts{"c /a at /a = 1"});
  EXPECT_TRUE(Called(older->runs()).empty());
}

TEST_F(SessionTest, LostWhenClosedAndOverARestart) {
  auto reader = Open("s");
  Listen("s", "c", To("/a"));
  v1::SetStateRequest present;
  present.mutable_path()->set_text("/online/s");
  present.mutable_value()->set_bool_value(true);
  present.set_session_id("s");
  ASSERT_TRUE(client().SetState(present).ok());
  v1::CloseSessionRequest close;
  close.set_session_id("s");
  ASSERT_TRUE(Call(&v1::EventService::Stub::CloseSession, close).ok());
  EXPECT_EQ(CodeAndReason(reader->WaitForEnd()), "NOT_FOUND / SESSION_LOST");
  EXPECT_EQ(CodeAndReason(Register("s", "c")), "NOT_FOUND / SESSION_LOST");

  reader = Open("s");
  EXPECT_FALSE(reader->WaitForOpened().resumed());
  Listen("s", "c", To("/a"));
  client().Set("/a", "1");
  Sync("s", reader.get());
  const std::string token = TokenOf(*reader, "c");
  ASSERT_TRUE(client().SetState(present).ok());
  KillAndRestart();
  EXPECT_EQ(reader->WaitForEnd().error_code(), grpc::StatusCode::UNAVAILABLE);
  // What was bound to it is gone before anybody can read it.
  EXPECT_EQ(client().Get("/online/s"), std::nullopt);
  client().Set("/a", "2");
  v1::OpenSessionRequest request;
  request.set_session_id("s");
  request.set_resume(true);
  SessionReader lost(Connect(server().address()), request);
  EXPECT_EQ(CodeAndReason(lost.WaitForEnd()), "NOT_FOUND / SESSION_LOST");
  // Anew, from the tokens, which outlive it.
  reader = Open("s");
  EXPECT_FALSE(reader->WaitForOpened().resumed());
  v1::SubscribeRequest again = To("/a");
  again.set_resume_token(token);
  Listen("s", "c", again);
  client().Set("/a", "3");
  Sync("s", reader.get());
  EXPECT_EQ(Called(reader->runs()),
            (Texts{"c /a at /a = 2", "c /a at /a = 3"}));
}

// The session goes on when one of its subscriptions cannot.
TEST_F(SessionTest, ASubscriptionWhoseHistoryIsGone) {
  const auto reader = Open("s");
  Listen("s", "other", To("/b"));
  const int64_t first = client().Set("/a", "1");
  const int64_t last = client().Set("/a", "2");
  const auto admin = v1::AdminService::NewStub(Connect(server().address()));
  v1::CompactRequest compact;
  compact.set_through_revision(last);
  v1::CompactResponse compacted;
  const auto context = NewContext();
  ASSERT_TRUE(admin->Compact(context.get(), compact, &compacted).ok());
  EXPECT_TRUE(Register("s", "c").ok());
  v1::SubscribeRequest past = To("/a");
  past.set_after_revision(first);
  const auto refused = SubscribeById("s", "c", past);
  const Failure failure = FailureOf(refused.status);
  EXPECT_EQ(failure.code + " / " + failure.reason,
            "OUT_OF_RANGE / HISTORY_COMPACTED");
  EXPECT_EQ(failure.metadata.at("oldest_revision"), std::to_string(last));
  past.set_history_loss(v1::HISTORY_LOSS_RESET);
  ASSERT_TRUE(SubscribeById("s", "c", past).ok());
  // Behind the snapshot, which is of the state at that moment.
  Sync("s", reader.get());
  client().Set("/b", "3");
  Sync("s", reader.get());
  const auto runs = reader->runs();
  const auto of_c = std::find_if(runs.begin(), runs.end(), [](const auto& run) {
    return run.callback_id() == "c";
  });
  ASSERT_NE(of_c, runs.end());
  EXPECT_EQ(of_c->batch().reset().path().text(), "/");
  EXPECT_EQ(of_c->batch().gap().after_revision(), first);
  EXPECT_EQ(of_c->batch().gap().through_revision(), last);
  EXPECT_EQ(Called(runs), (Texts{"c /a at /a = 2", "other /b at /b = 3"}));
}

// ---- What a subscription may ask for.

TEST_F(SessionTest, ValuesNewAndNone) {
  client().Set("/a", "1");
  const auto reader = Open("s");
  v1::SubscribeRequest request = To("/a");
  Listen("s", "both", request);
  request.set_values(v1::EVENT_VALUES_NEW);
  Listen("s", "new", request);
  request.set_values(v1::EVENT_VALUES_NONE);
  Listen("s", "none", request);
  client().Set("/a", "2");
  Sync("s", reader.get());
  std::map<std::string, v1::Event> told;
  for (const v1::CallbackEvents& run : reader->runs()) {
    if (run.batch().events_size() == 0) continue;
    told[run.callback_id()] = run.batch().events(0);
  }
  ASSERT_EQ(told.size(), 3u);
  EXPECT_EQ(ToJson(told["both"].prev_value().json()), "1");
  EXPECT_EQ(ToJson(told["both"].new_value().json()), "2");
  EXPECT_FALSE(told["new"].has_prev_value());
  EXPECT_EQ(ToJson(told["new"].new_value().json()), "2");
  EXPECT_FALSE(told["none"].has_prev_value());
  EXPECT_FALSE(told["none"].has_new_value());
  EXPECT_EQ(told["none"].revision(), told["both"].revision());
}

TEST_F(SessionTest, ValuesOverTheSubscribersBoundAreLeftOut) {
  const auto reader = Open("s");
  v1::SubscribeRequest request = To("/a");
  request.set_max_value_bytes(100);
  Listen("s", "small", request);
  v1::Value large;
  large.set_string_value(std::string(1'000, 'x'));
  client().Set("/a", R"("short")");
  client().SetTyped("/a", large);
  client().Set("/a", R"("short again")");
  Sync("s", reader.get());
  std::vector<v1::Event> events;
  for (const v1::CallbackEvents& run : reader->runs()) {
    events.insert(events.end(), run.batch().events().begin(),
                  run.batch().events().end());
  }
  ASSERT_EQ(events.size(), 3u);
  EXPECT_FALSE(events[0].new_omitted());
  EXPECT_TRUE(events[1].new_omitted());
  EXPECT_FALSE(events[1].has_new_value());
  EXPECT_TRUE(events[1].has_prev_value());
  EXPECT_TRUE(events[2].prev_omitted());
  EXPECT_FALSE(events[2].has_prev_value());
  EXPECT_TRUE(events[2].has_new_value());
}

// The first at once, the latest when the interval is over, with a count of those
// between; the previous value is that before the first of them.
TEST_F(SessionTest, AMinimumIntervalKeepsTheLatest) {
  const auto reader = Open("s");
  v1::SubscribeRequest request = To("/a/*");
  // Long enough for two commits to fall into it.
  request.mutable_min_interval()->set_seconds(4);
  Listen("s", "c", request);
  client().Set("/a/x", "1");
  v1::CommitRequest commit;
  const auto add = [&](const std::string& path, int value) {
    auto* const set = commit.add_operations()->mutable_set();
    set->mutable_path()->set_text(path);
    set->mutable_value()->set_int_value(value);
  };
  for (int i = 2; i <= 10; ++i) add("/a/x", i);
  add("/a/y", 1);
  ASSERT_TRUE(client().Commit(commit).ok());
  ASSERT_TRUE(reader->WaitUntil([](const SessionReader::Messages& messages) {
    int events = 0;
    for (const v1::OpenSessionResponse& message : messages) {
      for (const v1::CallbackEvents& run : message.events().runs()) {
        events += run.batch().events_size();
      }
    }
    return events >= 3;
  }));
  std::vector<v1::Event> events;
  for (const v1::CallbackEvents& run : reader->runs()) {
    EXPECT_FALSE(run.batch().has_gap());
    events.insert(events.end(), run.batch().events().begin(),
                  run.batch().events().end());
  }
  ASSERT_EQ(events.size(), 3u);
  EXPECT_EQ(ToJson(events[0].new_value().json()), "1");
  EXPECT_EQ(events[0].coalesced(), 0);
  EXPECT_EQ(events[1].emitting_path().text(), "/a/x");
  EXPECT_EQ(ToJson(events[1].prev_value().json()), "1");
  EXPECT_EQ(ToJson(events[1].new_value().json()), "10");
  EXPECT_EQ(events[1].coalesced(), 8);
  EXPECT_EQ(events[2].emitting_path().text(), "/a/y");
  EXPECT_EQ(events[2].coalesced(), 0);
  EXPECT_EQ(List("s")[0].dropped_events(), 8);
}

}  // namespace
}  // namespace restate::test
