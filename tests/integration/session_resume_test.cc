// Sessions that are cut off, taken up again, taken over, and lost.

#include <map>
#include <memory>
#include <string>

#include "gtest/gtest.h"
#include "restate/v1/admin_service.grpc.pb.h"
#include "tests/integration/session_fixture.h"

namespace restate::test {
namespace {

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

}  // namespace
}  // namespace restate::test
