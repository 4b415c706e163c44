// What sessions are promised, over the whole engine.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/controller/testing/subscription_fixture.h"
#include "engine/error/error.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

class SessionTest : public SubscriptionTest {
 protected:
  OpenedSession Open(const std::string& id, bool resume = false) {
    absl::StatusOr<OpenedSession> opened =
        controller_->sessions().Open(id, resume, [] {});
    EXPECT_TRUE(opened.ok()) << opened.status();
    return *std::move(opened);
  }
  void Listen(const std::string& session, const std::string& callback,
              const std::vector<std::string>& patterns,
              SubscriptionStart start = StartNow()) {
    SessionTable& sessions = controller_->sessions();
    EXPECT_TRUE(sessions.RegisterCallback(session, callback, true).ok());
    EXPECT_TRUE(sessions
                    .SubscribeById(session, callback,
                                   Spec(patterns, std::move(start)), false)
                    .ok());
  }
};

TEST_F(SessionTest, AnOperationIsToldDeepestFirstOverAllCallbacks) {
  OpenedSession session = Open("s");
  EXPECT_FALSE(session.resumed);
  Listen("s", "root", {"/"});
  Listen("s", "leaf", {"/a/b/c"});
  Listen("s", "middle", {"/a/*"});
  Do({SetOf("/a/b/c", I(1)), SetOf("/x", I(2))});
  EXPECT_EQ(DrainSession(*session.stream),
            (Lines{"leaf: 1.0 SET /a/b/c at /a/b/c (/a/b/c): - -> 1",
                   "middle: 1.0 SET /a/b/c at /a/b (/a/*): - -> 1",
                   "root: 1.0 SET /a/b/c at / (/): - -> 1",
                   "root: 1.1 SET /x at / (/): - -> 2"}));
}

TEST_F(SessionTest, WhatWaitedForAnInterceptorKeepsItsOrderOverAllCallbacks) {
  OpenedSession session = Open("s");
  Listen("s", "root", {"/"});
  Listen("s", "upper", {"/a"});
  Listen("s", "lower", {"/a/b"});
  SubscriptionSpec intercepting = Spec({"/a/b/c"});
  intercepting.intercepting = true;
  auto interceptor = Subscribe(std::move(intercepting));
  for (int i = 1; i <= 3; ++i) Set("/a/b/c", I(i));
  const std::vector<std::string> tokens = TakeTokens(*interceptor);
  ASSERT_EQ(tokens.size(), 3u);
  EXPECT_EQ(DrainSession(*session.stream), Lines());
  // The last answers first: all is let go in one piece.
  Acknowledge(tokens[2], false);
  Acknowledge(tokens[1], true);
  EXPECT_EQ(DrainSession(*session.stream), Lines());
  Acknowledge(tokens[0], false);
  EXPECT_EQ(DrainSession(*session.stream),
            (Lines{"lower: 1.0 SET /a/b/c at /a/b (/a/b): - -> 1",
                   "upper: 1.0 SET /a/b/c at /a (/a): - -> 1",
                   "root: 1.0 SET /a/b/c at / (/): - -> 1",
                   "lower: 3.0 SET /a/b/c at /a/b (/a/b): 2 -> 3",
                   "upper: 3.0 SET /a/b/c at /a (/a): 2 -> 3",
                   "root: 3.0 SET /a/b/c at / (/): 2 -> 3"}));
}

TEST_F(SessionTest, TheUpperCallbacksWaitForALowerOneThatIsHeldUp) {
  OpenedSession session = Open("s");
  SessionTable& sessions = controller_->sessions();
  // Hears of nothing that is intercepted.
  SubscriptionSpec pings = Spec({"/a"});
  pings.kinds = {EventKind::kPing};
  ASSERT_TRUE(sessions.RegisterCallback("s", "upper", true).ok());
  ASSERT_TRUE(sessions.SubscribeById("s", "upper", pings, false).ok());
  Listen("s", "lower", {"/a/b"});
  Listen("s", "beside", {"/x"});
  SubscriptionSpec intercepting = Spec({"/a/b/c"});
  intercepting.intercepting = true;
  auto interceptor = Subscribe(std::move(intercepting));
  Set("/a/b/c", I(1));
  PingOperation ping;
  ping.path = P("/a/b");
  Do({ping});
  Set("/x", I(2));
  // The ping at /a/b is behind what waits there; that at /a is above it.
  EXPECT_EQ(DrainSession(*session.stream),
            (Lines{"beside: 3.0 SET /x at /x (/x): - -> 2"}));
  Acknowledge(TakeTokens(*interceptor).at(0), false);
  EXPECT_EQ(
      DrainSession(*session.stream),
      (Lines{"lower: 1.0 SET /a/b/c at /a/b (/a/b): - -> 1",
             "lower: 2.0 PING /a/b at /a/b (/a/b): {\"c\": 1} -> {\"c\": 1}",
             "upper: 2.0 PING /a/b at /a (/a): {\"c\": 1} -> {\"c\": 1}"}));
}

TEST_F(SessionTest, AnInterceptorThatIsPacedIsNotHeldUpByThoseAboveIt) {
  OpenedSession session = Open("s");
  SessionTable& sessions = controller_->sessions();
  SubscriptionSpec paced = Spec({"/a/b"});
  paced.intercepting = true;
  paced.min_interval = absl::Seconds(1);
  ASSERT_TRUE(sessions.RegisterCallback("s", "lower", true).ok());
  ASSERT_TRUE(sessions.SubscribeById("s", "lower", paced, false).ok());
  Listen("s", "upper", {"/a"});
  Set("/a/b", I(1));
  Set("/a/b", I(2));
  EXPECT_EQ(DrainSession(*session.stream),
            (Lines{"lower: 1.0 SET /a/b at /a/b (/a/b): - -> 1"}));
  clock_.Advance(absl::Seconds(1));
  controller_->Tick(clock_.Monotonic());
  EXPECT_EQ(DrainSession(*session.stream),
            (Lines{"lower: 2.0 SET /a/b at /a/b (/a/b): 1 -> 2"}));
}

TEST_F(SessionTest, ASyncPointComesBehindWhatItSpeaksOf) {
  OpenedSession session = Open("s");
  Listen("s", "c", {"/a"});
  const Revision revision = Set("/a", I(1));
  std::promise<absl::StatusOr<int64_t>> synced;
  controller_->sessions().Sync("s", revision,
                               [&](absl::StatusOr<int64_t> id) {
                                 synced.set_value(std::move(id));
                               });
  ASSERT_TRUE(synced.get_future().get().ok());
  EXPECT_EQ(DrainSession(*session.stream),
            (Lines{"c: 1.0 SET /a at /a (/a): - -> 1", "sync 1"}));
}

TEST_F(SessionTest, SyncPointsThatNobodyReadsAreBounded) {
  OpenedSession session = Open("s");
  const auto sync = [this] {
    std::promise<absl::Status> synced;
    controller_->sessions().Sync("s", 0, [&](absl::StatusOr<int64_t> id) {
      synced.set_value(id.status());
    });
    return synced.get_future().get();
  };
  for (size_t i = 0; i < kMaxSyncs; ++i) ASSERT_EQ(sync(), absl::OkStatus());
  const absl::Status refused = sync();
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ErrorReason(refused), "QUEUE_FULL");
  EXPECT_EQ(DrainSession(*session.stream).size(), kMaxSyncs);
  EXPECT_EQ(sync(), absl::OkStatus());
}

TEST_F(SessionTest, ASyncPointComesBehindWhatWasCoalesced) {
  OpenedSession session = Open("s");
  SubscriptionSpec spec = Spec({"/a/*"});
  spec.overflow = Overflow::kCoalesce;
  ASSERT_TRUE(controller_->sessions().RegisterCallback("s", "c", false).ok());
  ASSERT_TRUE(controller_->sessions()
                  .SubscribeById("s", "c", std::move(spec), false)
                  .ok());
  Revision last = 0;
  const std::string big(50'000, 'x');
  for (int i = 0; i < 40; ++i) {
    last = Set(absl::StrCat("/a/", i % 3), Value::String(absl::StrCat(i, big)));
  }
  std::promise<absl::StatusOr<int64_t>> synced;
  controller_->sessions().Sync("s", last, [&](absl::StatusOr<int64_t> id) {
    synced.set_value(std::move(id));
  });
  ASSERT_TRUE(synced.get_future().get().ok());
  Settle();
  Parcel parcel;
  int64_t told = 0, syncs = 0;
  while (*session.stream->Take(1 << 20, 1, clock_.Monotonic(), &parcel)) {
    for (const SubscriptionRun& run : parcel.runs) {
      for (const Event& event : run.batch.events) told += 1 + event.coalesced;
    }
    for (const SyncPoint& sync : parcel.syncs) {
      EXPECT_EQ(sync.revision, last);
      EXPECT_EQ(told, 40);
      ++syncs;
    }
  }
  EXPECT_EQ(told, 40);
  EXPECT_EQ(syncs, 1);
}

TEST_F(SessionTest, ItIsTakenUpAgainWithinItsGraceTime) {
  OpenedSession first = Open("s");
  Listen("s", "c", {"/a"});
  DrainSession(*first.stream);
  OpenedSession second = Open("s");
  EXPECT_TRUE(second.resumed);
  EXPECT_EQ(DrainSession(*first.stream), Lines());
  EXPECT_EQ(ErrorReason(end_), "SESSION_TAKEN");
  first.stream.reset();
  second.stream.reset();
  Set("/a", I(1));
  controller_->Tick(clock_.Monotonic());
  clock_.Advance(absl::Seconds(59));
  controller_->Tick(clock_.Monotonic());
  OpenedSession third = Open("s", true);
  EXPECT_EQ(DrainSession(*third.stream),
            (Lines{"c: 1.0 SET /a at /a (/a): - -> 1"}));
  third.stream.reset();
  controller_->Tick(clock_.Monotonic());
  clock_.Advance(absl::Seconds(61));
  controller_->Tick(clock_.Monotonic());
  EXPECT_EQ(ErrorReason(
                controller_->sessions().Open("s", true, [] {}).status()),
            "SESSION_LOST");
  EXPECT_EQ(controller_->GetStatus().subscriptions, 0u);
}

TEST_F(SessionTest, TheSameCallbackAndPatternsReplace) {
  OpenedSession session = Open("s");
  Listen("s", "c", {"/a", "/b"});
  Set("/a", I(1));
  std::string token;
  Settle();
  Parcel parcel;
  while (*session.stream->Take(1 << 20, 100, clock_.Monotonic(), &parcel)) {
    token = parcel.runs.back().batch.resume_token;
  }
  Set("/b", I(2));
  Listen("s", "c", {"/b", "/a"}, After(token));
  EXPECT_EQ(controller_->ListSubscriptions("s", 0, 10).size(), 1u);
  EXPECT_EQ(DrainSession(*session.stream),
            (Lines{"c: 2.0 SET /b at /b (/b): - -> 2"}))
      << "once, not from both";
}

TEST_F(SessionTest, ErrorsNameWhatIsMissing) {
  SessionTable& sessions = controller_->sessions();
  EXPECT_EQ(ErrorReason(sessions.Close("s")), "SESSION_LOST");
  OpenedSession session = Open("s");
  EXPECT_EQ(*sessions.RegisterCallback("s", "c", false), "c");
  EXPECT_EQ(ErrorReason(sessions.RegisterCallback("s", "c", false).status()),
            "CALLBACK_EXISTS");
  EXPECT_TRUE(sessions.RegisterCallback("s", "c", true).ok());
  EXPECT_FALSE(sessions.RegisterCallback("s", "", false)->empty());
  EXPECT_EQ(ErrorReason(
                sessions.SubscribeById("s", "d", Spec({"/"}), false).status()),
            "CALLBACK_NOT_FOUND");
  EXPECT_EQ(sessions.SubscribeById("s", "d", Spec({"/"}), true)
                ->subscription_id,
            0);
  EXPECT_EQ(ErrorReason(
                sessions.UnsubscribeById("s", "c", Spec({"/"}).patterns, false)
                    .status()),
            "SUBSCRIPTION_NOT_FOUND");
  EXPECT_EQ(
      ErrorReason(sessions.Open("not valid", false, [] {}).status()),
      "INVALID_REQUEST");
  EXPECT_TRUE(sessions.Close("s").ok());
  DrainSession(*session.stream);
  EXPECT_EQ(ErrorReason(end_), "SESSION_LOST");
}

TEST_F(SessionTest, OneWhoseQueueIsFullEndsWithoutTheOthers) {
  OpenedSession session = Open("s");
  SubscriptionSpec strict = Spec({"/a"});
  strict.overflow = Overflow::kEnd;
  ASSERT_TRUE(controller_->sessions().RegisterCallback("s", "strict", false).ok());
  ASSERT_TRUE(controller_->sessions()
                  .SubscribeById("s", "strict", std::move(strict), false)
                  .ok());
  Listen("s", "patient", {"/a"});
  const std::string big(10'000, 'x');
  for (int i = 0; i < 200; ++i) Set("/a", Value::String(absl::StrCat(i, big)));
  size_t patient = 0, ended = 0;
  for (const std::string& line : DrainSession(*session.stream)) {
    if (line.starts_with("patient: ")) ++patient;
    if (line == "ended strict SLOW_SUBSCRIBER") ++ended;
  }
  EXPECT_EQ(patient, 200u);
  EXPECT_EQ(ended, 1u);
  EXPECT_EQ(controller_->ListSubscriptions("s", 0, 10).size(), 1u);
}

TEST_F(SessionTest, WhatIsBoundToASessionGoesWithIt) {
  OpenedSession session = Open("s");
  auto watcher = Subscribe(Spec({"/online/*"}));
  SetOperation here = SetOf("/online/alice", I(1));
  here.session_id = "s";
  Do({here});
  EXPECT_EQ(controller_->LeaseOf(P("/online/alice"))->terms,
            (LeaseTerms{"s", absl::ZeroDuration()}));
  // What others write below goes with it; what they write at the path stays.
  Set("/online/alice/mood", Value::String("fine"));
  SetOperation other = SetOf("/online/bob", I(1));
  other.session_id = "s";
  Do({other});
  Set("/online/bob", I(2));
  EXPECT_FALSE(controller_->LeaseOf(P("/online/bob")).has_value());
  Drain(*watcher);
  ASSERT_TRUE(controller_->sessions().Close("s").ok());
  Settle();
  std::vector<EventBatch> batches = TakeBatches(*watcher);
  ASSERT_EQ(batches.size(), 1u);
  ASSERT_EQ(batches[0].events.size(), 1u);
  EXPECT_EQ(batches[0].events[0].emission().kind, EventKind::kDelete);
  EXPECT_EQ(batches[0].events[0].emission().origin, OriginKind::kExpired);
  EXPECT_EQ(batches[0].events[0].current_path(), P("/online/alice"));
  EXPECT_TRUE(
      controller_->Published()->tree().Read(P("/online/bob"), {})->tree);

  std::promise<absl::Status> refused;
  CommitRequest late;
  late.operations.push_back(here);
  controller_->Commit(std::move(late), [&](absl::StatusOr<CommitResult> result) {
    refused.set_value(result.status());
  });
  EXPECT_EQ(ErrorReason(refused.get_future().get()), "SESSION_LOST");
}

}  // namespace
}  // namespace restate
