// Sessions as a client library uses them: one stream, callbacks by id, unary
// calls for everything else.

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "gtest/gtest.h"
#include "tests/integration/session_fixture.h"

namespace restate::test {
namespace {

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

}  // namespace
}  // namespace restate::test
