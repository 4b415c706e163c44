// What subscribers are promised, over the whole engine: resumption, overflow,
// interception, pacing, sessions.

#include <future>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/backend/memory/memory_backend.h"
#include "engine/clock/clock.h"
#include "engine/controller/controller.h"
#include "engine/error/error.h"
#include "engine/subscription/ack_token.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

using Lines = std::vector<std::string>;

Path P(std::string_view text) { return *Path::Parse(text); }
Value I(int64_t i) { return Value::Int(i); }

class ManualClock final : public Clock {
 public:
  absl::Time Now() const override {
    return absl::FromUnixMillis(millis_.load());
  }
  absl::Duration Monotonic() const override {
    return absl::Milliseconds(millis_.load());
  }
  void Advance(absl::Duration by) {
    millis_ += absl::ToInt64Milliseconds(by);
  }

 private:
  std::atomic<int64_t> millis_ = 1'000'000;
};

std::string Text(const Tree& tree) {
  return tree.has_value() ? tree->DebugString() : "-";
}

// "3.0 SET /a/b at /a (/a): 1 -> 2".
std::string Line(const Event& event) {
  static constexpr const char* kKinds[] = {"SET", "DELETE", "PING", "INITIAL"};
  const Emission& emission = event.emission();
  std::string line = absl::StrCat(
      emission.revision, ".", emission.index, " ",
      kKinds[static_cast<int>(emission.kind)], " ",
      emission.emitting_path.ToText(), " at ", event.current_path().ToText(),
      " (", event.pattern().ToText(), "): ", Text(emission.prev_value), " -> ",
      Text(emission.new_value));
  if (event.coalesced > 0) absl::StrAppend(&line, " +", event.coalesced);
  return line;
}

class SubscriptionTest : public testing::Test {
 protected:
  explicit SubscriptionTest(size_t history_bytes = size_t{64} << 20) {
    ControllerOptions options;
    options.mounts.push_back({Path(), std::make_unique<MemoryBackend>()});
    options.clock = &clock_;
    options.sessions.max_queue_bytes = 1 << 20;
    options.history.emplace();
    options.history->bytes = history_bytes;
    controller_ = *Controller::Start(std::move(options));
  }

  Revision Do(std::vector<Operation> operations) {
    std::promise<absl::StatusOr<CommitResult>> done;
    CommitRequest request;
    request.operations = std::move(operations);
    controller_->Commit(std::move(request),
                        [&](absl::StatusOr<CommitResult> result) {
                          done.set_value(std::move(result));
                        });
    absl::StatusOr<CommitResult> result = done.get_future().get();
    EXPECT_TRUE(result.ok()) << result.status();
    return result->revision;
  }
  static SetOperation SetOf(std::string_view path, Value value) {
    SetOperation set;
    set.path = P(path);
    set.value = std::move(value);
    return set;
  }
  Revision Set(std::string_view path, Value value) {
    return Do({SetOf(path, std::move(value))});
  }

  static SubscriptionSpec Spec(const std::vector<std::string>& patterns,
                               SubscriptionStart start = StartNow()) {
    SubscriptionSpec spec;
    for (const std::string& pattern : patterns) {
      spec.patterns.push_back(*PathPattern::Parse(pattern));
    }
    std::sort(spec.patterns.begin(), spec.patterns.end());
    spec.start = std::move(start);
    return spec;
  }
  std::unique_ptr<EventStream> Subscribe(SubscriptionSpec spec,
                                         size_t queue_bytes = 8 << 20) {
    auto stream =
        controller_->Subscribe(std::move(spec), queue_bytes, [] {});
    EXPECT_TRUE(stream.ok()) << stream.status();
    return *std::move(stream);
  }
  SubscriptionStart After(const std::string& token) {
    absl::StatusOr<ResumeToken> decoded = DecodeResumeToken(token);
    EXPECT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_EQ(decoded->epoch, controller_->epoch());
    return StartAfter{decoded->position};
  }
  // Everything answered so far is in the queues.
  void Settle() { Subscribe(Spec({"/barrier"})); }

  // What is waiting, in parcels of at most `max_events`.
  std::vector<EventBatch> TakeBatches(EventStream& stream,
                                      size_t max_events = 1000) {
    Settle();
    std::vector<EventBatch> batches;
    Parcel parcel;
    while (true) {
      absl::StatusOr<bool> more =
          stream.Take(1 << 20, max_events, clock_.Now(), &parcel);
      end_ = more.status();
      if (!more.ok() || !*more) return batches;
      for (SubscriptionRun& run : parcel.runs) {
        batches.push_back(std::move(run.batch));
      }
    }
  }
  Lines Drain(EventStream& stream) {
    Lines lines;
    for (const EventBatch& batch : TakeBatches(stream)) {
      for (const Event& event : batch.events) lines.push_back(Line(event));
    }
    return lines;
  }
  // The same for a session: "callback: line", "sync 3", "ended callback REASON".
  Lines DrainSession(EventStream& stream) {
    Settle();
    Lines lines;
    Parcel parcel;
    while (true) {
      absl::StatusOr<bool> more =
          stream.Take(1 << 20, 1000, clock_.Now(), &parcel);
      end_ = more.status();
      if (!more.ok() || !*more) return lines;
      for (const SubscriptionRun& run : parcel.runs) {
        for (const Event& event : run.batch.events) {
          lines.push_back(absl::StrCat(run.callback_id, ": ", Line(event)));
        }
      }
      for (const SyncPoint& sync : parcel.syncs) {
        lines.push_back(absl::StrCat("sync ", sync.revision));
      }
      for (const EndedSubscription& ended : parcel.ended) {
        lines.push_back(absl::StrCat("ended ", ended.callback_id, " ",
                                     ErrorReason(ended.status)));
      }
    }
  }
  // The ack tokens of what an interceptor was told.
  std::vector<std::string> TakeTokens(EventStream& stream) {
    std::vector<std::string> tokens;
    for (const EventBatch& batch : TakeBatches(stream)) {
      for (const Event& event : batch.events) {
        if (event.ack_id == 0) continue;
        tokens.push_back(EncodeAckToken(controller_->issuer(), event.ack_id));
      }
    }
    return tokens;
  }
  std::vector<std::string> Acknowledge(const std::string& token, bool stop) {
    std::vector<std::string> expired =
        controller_->Acknowledge({{token, stop}});
    // A stop is recorded by the sequencer.
    Settle();
    return expired;
  }

  ManualClock clock_;
  std::unique_ptr<Controller> controller_;
  // What the last stream that was drained ended with.
  absl::Status end_;
};

TEST_F(SubscriptionTest, ResumesBehindEveryEventOfACommit) {
  const std::vector<std::string> patterns = {"/",    "/a",     "/a/*",
                                             "/*/x", "/a/x/*", "/b/x"};
  auto whole = Subscribe(Spec(patterns));
  Do({SetOf("/a/x", *tree::Replace(std::nullopt, P("/p"), I(1))),
      SetOf("/b", I(1)), SetOf("/a", I(2)), PingOperation{.path = P("/a/x")},
      DeleteOperation{.path = P("/b")}, SetOf("/a/y", I(3))});
  Set("/b/x", I(5));
  Lines all;
  std::vector<std::string> tokens;
  for (const EventBatch& batch : TakeBatches(*whole, 1)) {
    ASSERT_LE(batch.events.size(), 1u);
    if (batch.events.empty()) continue;
    all.push_back(Line(batch.events.front()));
    tokens.push_back(batch.resume_token);
  }
  ASSERT_GE(all.size(), 20u);
  for (size_t i = 0; i < all.size(); ++i) {
    SCOPED_TRACE(all[i]);
    auto rest = Subscribe(Spec(patterns, After(tokens[i])));
    EXPECT_EQ(Drain(*rest), Lines(all.begin() + i + 1, all.end()));
  }
}

TEST_F(SubscriptionTest, ABatchTellsItsRevisionOnlyBehindTheLastEventOfIt) {
  auto stream = Subscribe(Spec({"/", "/a"}));
  Do({SetOf("/a", I(1)), SetOf("/b", I(1))});
  const std::vector<EventBatch> batches = TakeBatches(*stream, 1);
  ASSERT_EQ(batches.size(), 4u);
  EXPECT_TRUE(batches[0].synced);
  EXPECT_EQ(batches[0].revision, 0);
  EXPECT_EQ(batches[1].revision, 0);
  EXPECT_EQ(batches[2].revision, 0);
  EXPECT_EQ(batches[3].revision, 1);
}

TEST_F(SubscriptionTest, WhatDoesNotFitIsReadFromTheHistory) {
  auto reference = Subscribe(Spec({"/a/*"}), size_t{64} << 20);
  auto slow = Subscribe(Spec({"/a/*"}), 2000);
  Lines read;
  for (int i = 0; i < 300; ++i) {
    Set(absl::StrCat("/a/", i % 7), I(i));
    if (i % 50 != 0) continue;
    for (const EventBatch& batch : TakeBatches(*slow, 3)) {
      EXPECT_FALSE(batch.gap.has_value());
      for (const Event& event : batch.events) read.push_back(Line(event));
    }
  }
  for (const std::string& line : Drain(*slow)) read.push_back(line);
  EXPECT_EQ(read, Drain(*reference));
  EXPECT_EQ(read.size(), 300u);
}

TEST_F(SubscriptionTest, CoalescingKeepsTheLatestAndCountsTheRest) {
  SubscriptionSpec spec = Spec({"/a/*"});
  spec.overflow = Overflow::kCoalesce;
  auto slow = Subscribe(std::move(spec), 1000);
  for (int i = 0; i < 100; ++i) Set(absl::StrCat("/a/", i % 2), I(i));
  Lines lines;
  int64_t coalesced = 0, gap = 0, events = 0;
  for (const EventBatch& batch : TakeBatches(*slow)) {
    if (batch.gap.has_value()) gap += batch.gap->events;
    for (const Event& event : batch.events) {
      lines.push_back(Line(event));
      coalesced += event.coalesced;
      ++events;
    }
  }
  EXPECT_EQ(coalesced + events, 100);
  EXPECT_EQ(gap, coalesced);
  EXPECT_GT(coalesced, 50);
  ASSERT_GE(lines.size(), 2u);
  EXPECT_EQ(lines.back().substr(0, 30), "100.0 SET /a/1 at /a/1 (/a/*):");
  EXPECT_NE(lines.back().find("-> 99 +"), std::string::npos) << lines.back();
  // And it goes on as before.
  Set("/a/1", I(1000));
  EXPECT_EQ(Drain(*slow),
            (Lines{"101.0 SET /a/1 at /a/1 (/a/*): 99 -> 1000"}));
}

TEST_F(SubscriptionTest, ASubscriberThatMayNotLoseEndsBehindAWholeCommit) {
  SubscriptionSpec spec = Spec({"/"});
  spec.overflow = Overflow::kEnd;
  auto slow = Subscribe(std::move(spec), 2000);
  for (int i = 0; i < 100; ++i) Set("/a", I(i));
  const Lines lines = Drain(*slow);
  EXPECT_GT(lines.size(), 1u);
  EXPECT_LT(lines.size(), 100u);
  EXPECT_EQ(ErrorReason(end_), "SLOW_SUBSCRIBER");
  EXPECT_EQ(ErrorMetadata(end_)["lost_from_revision"],
            absl::StrCat(lines.size() + 1));
}

TEST_F(SubscriptionTest, AMinimumIntervalLetsTheLatestThrough) {
  SubscriptionSpec spec = Spec({"/a"});
  spec.min_interval = absl::Seconds(1);
  auto paced = Subscribe(std::move(spec));
  for (int i = 0; i < 5; ++i) Set("/a", I(i));
  EXPECT_EQ(Drain(*paced), (Lines{"1.0 SET /a at /a (/a): - -> 0"}));
  clock_.Advance(absl::Milliseconds(999));
  controller_->Tick(clock_.Now());
  EXPECT_EQ(Drain(*paced), Lines());
  clock_.Advance(absl::Milliseconds(1));
  controller_->Tick(clock_.Now());
  EXPECT_EQ(Drain(*paced), (Lines{"5.0 SET /a at /a (/a): 0 -> 4 +3"}));
  clock_.Advance(absl::Seconds(1));
  Set("/a", I(9));
  EXPECT_EQ(Drain(*paced), (Lines{"6.0 SET /a at /a (/a): 4 -> 9"}));
}

TEST_F(SubscriptionTest, AHeartbeatTellsHowFarAnIdleStreamIs) {
  auto idle = Subscribe(Spec({"/nothing"}));
  TakeBatches(*idle);
  Set("/a", I(1));
  clock_.Advance(absl::Seconds(29));
  EXPECT_TRUE(TakeBatches(*idle).empty());
  EXPECT_FALSE(idle->HeartbeatDue(clock_.Now()));
  clock_.Advance(absl::Seconds(2));
  EXPECT_TRUE(idle->HeartbeatDue(clock_.Now()));
  const std::vector<EventBatch> beats = TakeBatches(*idle);
  ASSERT_EQ(beats.size(), 1u);
  EXPECT_EQ(beats[0].revision, 1);
  EXPECT_FALSE(beats[0].synced);
  Set("/nothing", I(1));
  auto resumed = Subscribe(Spec({"/nothing"}, After(beats[0].resume_token)));
  EXPECT_EQ(Drain(*resumed),
            (Lines{"2.0 SET /nothing at /nothing (/nothing): - -> 1"}));
}

TEST_F(SubscriptionTest, ResumingWhatIsCompactedFailsOrStartsOver) {
  for (int i = 0; i < 10; ++i) Set("/a", I(i));
  ASSERT_TRUE(controller_->Compact(5).ok());
  const auto after = [](Revision revision) {
    return StartAfter{ResumePosition{revision, std::nullopt}};
  };
  const absl::Status gone =
      controller_->Subscribe(Spec({"/a"}, after(4)), 1 << 20, [] {}).status();
  EXPECT_EQ(gone.code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(ErrorReason(gone), "HISTORY_COMPACTED");
  EXPECT_EQ(ErrorMetadata(gone)["oldest_revision"], "5");
  EXPECT_EQ(Drain(*Subscribe(Spec({"/a"}, after(5)))).size(), 5u);
  EXPECT_EQ(
      ErrorReason(controller_->Subscribe(Spec({"/a"}, after(11)), 1 << 20, [] {})
                      .status()),
      "REVISION_IN_FUTURE");

  SubscriptionSpec spec = Spec({"/a"}, after(2));
  spec.history_loss = HistoryLoss::kReset;
  auto stream = Subscribe(std::move(spec));
  const std::vector<EventBatch> batches = TakeBatches(*stream);
  ASSERT_EQ(batches.size(), 1u);
  EXPECT_EQ(batches[0].reset, std::optional<Path>(Path()));
  ASSERT_TRUE(batches[0].gap.has_value());
  EXPECT_EQ(batches[0].gap->after, 2);
  EXPECT_EQ(batches[0].gap->through, 10);
  EXPECT_TRUE(batches[0].synced);
  EXPECT_EQ(batches[0].revision, 10);
  ASSERT_EQ(batches[0].events.size(), 1u);
  EXPECT_EQ(Line(batches[0].events[0]),
            "10.0 INITIAL /a at /a (/a): - -> 9");
  Set("/a", I(100));
  EXPECT_EQ(Drain(*stream), (Lines{"11.0 SET /a at /a (/a): 9 -> 100"}));
}

// ---- Interception.

class InterceptionTest : public SubscriptionTest {
 protected:
  std::unique_ptr<EventStream> Intercept(const std::string& pattern) {
    SubscriptionSpec spec = Spec({pattern});
    spec.intercepting = true;
    return Subscribe(std::move(spec));
  }
};

TEST_F(InterceptionTest, ThoseAboveWaitForTheAnswer) {
  auto interceptor = Intercept("/a/b");
  auto same_place = Subscribe(Spec({"/a/b"}));
  auto below = Subscribe(Spec({"/a/b/c"}));
  auto above = Subscribe(Spec({"/", "/a"}));
  auto elsewhere = Subscribe(Spec({"/x"}));
  Set("/a/b/c", I(1));
  Set("/x", I(1));
  EXPECT_EQ(Drain(*same_place),
            (Lines{"1.0 SET /a/b/c at /a/b (/a/b): - -> 1"}));
  EXPECT_EQ(Drain(*below).size(), 1u);
  EXPECT_EQ(Drain(*elsewhere), (Lines{"2.0 SET /x at /x (/x): - -> 1"}));
  EXPECT_EQ(Drain(*above), Lines());
  const std::vector<std::string> tokens = TakeTokens(*interceptor);
  ASSERT_EQ(tokens.size(), 1u);
  EXPECT_EQ(Acknowledge(tokens[0], false), Lines());
  EXPECT_EQ(Drain(*above), (Lines{"1.0 SET /a/b/c at /a (/a): - -> 1",
                                  "1.0 SET /a/b/c at / (/): - -> 1",
                                  "2.0 SET /x at / (/): - -> 1"}));
  EXPECT_EQ(Acknowledge(tokens[0], false), tokens) << "answered before";
}

TEST_F(InterceptionTest, AStopIsKeptForReplays) {
  auto interceptor = Intercept("/a/b");
  auto above = Subscribe(Spec({"/", "/a"}));
  Do({SetOf("/a/b", I(1)), SetOf("/a/c", I(1)), SetOf("/a/b/d", I(2))});
  const std::vector<std::string> tokens = TakeTokens(*interceptor);
  ASSERT_EQ(tokens.size(), 2u);
  Acknowledge(tokens[0], true);
  const Lines middle = {"1.1 SET /a/c at /a (/a): - -> 1",
                        "1.1 SET /a/c at / (/): - -> 1"};
  EXPECT_EQ(Drain(*above), middle);
  Acknowledge(tokens[1], true);
  EXPECT_EQ(Drain(*above), Lines());
  auto replay = Subscribe(
      Spec({"/", "/a"}, StartAfter{ResumePosition{0, std::nullopt}}));
  EXPECT_EQ(Drain(*replay), middle);
}

TEST_F(InterceptionTest, AReplayWaitsForWhatIsNotAnsweredYet) {
  auto interceptor = Intercept("/a/b");
  Set("/a/b", I(1));
  auto replay =
      Subscribe(Spec({"/"}, StartAfter{ResumePosition{0, std::nullopt}}));
  EXPECT_EQ(Drain(*replay), Lines());
  Acknowledge(TakeTokens(*interceptor).at(0), true);
  Set("/z", I(1));
  EXPECT_EQ(Drain(*replay), (Lines{"2.0 SET /z at / (/): - -> 1"}));
}

TEST_F(InterceptionTest, TheDeadlineAndADisconnectLetGo) {
  auto interceptor = Intercept("/a/b");
  auto above = Subscribe(Spec({"/"}));
  Set("/a/b", I(1));
  clock_.Advance(absl::Milliseconds(4999));
  controller_->Tick(clock_.Now());
  EXPECT_EQ(Drain(*above), Lines());
  clock_.Advance(absl::Milliseconds(1));
  controller_->Tick(clock_.Now());
  EXPECT_EQ(Drain(*above), (Lines{"1.0 SET /a/b at / (/): - -> 1"}));
  const std::vector<std::string> late = TakeTokens(*interceptor);
  EXPECT_EQ(Acknowledge(late.at(0), true), late);

  Set("/a/b", I(2));
  EXPECT_EQ(Drain(*above), Lines());
  interceptor.reset();
  EXPECT_EQ(Drain(*above), (Lines{"2.0 SET /a/b at / (/): 1 -> 2"}));
  Set("/a/b", I(3));
  EXPECT_EQ(Drain(*above), (Lines{"3.0 SET /a/b at / (/): 2 -> 3"}));
  EXPECT_EQ(controller_->GetStatus().unacknowledged, 0u);
}

TEST_F(InterceptionTest, TwoLevelsAreAskedOneAfterTheOther) {
  auto lower = Intercept("/a/b");
  auto upper = Intercept("/a");
  auto root = Subscribe(Spec({"/"}));
  Set("/a/b", I(1));
  EXPECT_TRUE(TakeTokens(*upper).empty());
  Acknowledge(TakeTokens(*lower).at(0), false);
  EXPECT_EQ(Drain(*root), Lines());
  // The upper one's time begins only now.
  const std::vector<std::string> token = TakeTokens(*upper);
  ASSERT_EQ(token.size(), 1u);
  Acknowledge(token[0], true);
  EXPECT_EQ(Drain(*root), Lines());

  Set("/a/b", I(2));
  Acknowledge(TakeTokens(*lower).at(0), true);
  EXPECT_TRUE(TakeTokens(*upper).empty()) << "it never hears of it";
  EXPECT_EQ(Drain(*root), Lines());
  Set("/a", I(3));
  Acknowledge(TakeTokens(*upper).at(0), false);
  EXPECT_EQ(Drain(*root), (Lines{"3.0 SET /a at / (/): {\"b\": 2} -> 3"}))
      << "what is written at /a is not the lower one's";
}

TEST_F(InterceptionTest, WhatIsUnansweredIsBounded) {
  auto interceptor = Intercept("/a");
  auto root = Subscribe(Spec({"/"}));
  for (int i = 0; i < 1200; ++i) Set("/a", I(i));
  EXPECT_EQ(Drain(*root), Lines()) << "they wait behind the first";
  EXPECT_EQ(controller_->GetStatus().unacknowledged, 1000u);
  const std::vector<std::string> tokens = TakeTokens(*interceptor);
  EXPECT_EQ(tokens.size(), 1000u);
  for (const std::string& token : tokens) {
    EXPECT_TRUE(controller_->Acknowledge({{token, true}}).empty());
  }
  Settle();
  EXPECT_EQ(Drain(*root).size(), 200u);
  EXPECT_EQ(controller_->GetStatus().unacknowledged, 0u);
}

// ---- Sessions.

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
  while (*session.stream->Take(1 << 20, 1, clock_.Now(), &parcel)) {
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
  controller_->Tick(clock_.Now());
  clock_.Advance(absl::Seconds(59));
  controller_->Tick(clock_.Now());
  OpenedSession third = Open("s", true);
  EXPECT_EQ(DrainSession(*third.stream),
            (Lines{"c: 1.0 SET /a at /a (/a): - -> 1"}));
  third.stream.reset();
  controller_->Tick(clock_.Now());
  clock_.Advance(absl::Seconds(61));
  controller_->Tick(clock_.Now());
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
  while (*session.stream->Take(1 << 20, 100, clock_.Now(), &parcel)) {
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

// ---- Properties.

// Random commits, and subscribers with tiny queues that read at random, in
// parcels of random size, and come back at random from their last token, while
// somebody stops some operations from bubbling: each has been told exactly what
// one that was never cut off was told.
TEST_F(SubscriptionTest, InterruptedEqualsUninterrupted) {
  for (unsigned seed = 0; seed < 16; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::mt19937 random(seed);
    const auto path = [&] {
      std::string text;
      for (unsigned depth = 1 + random() % 3; depth > 0; --depth) {
        text += "/" + std::string(1, static_cast<char>('a' + random() % 3));
      }
      return text;
    };
    const std::vector<std::vector<std::string>> choices = {
        {"/"}, {"/a", "/a/*"}, {"/*/b", "/b"}, {"/", "/*/*", "/*/*/c"}};
    struct Reader {
      std::vector<std::string> patterns;
      std::unique_ptr<EventStream> reference;
      std::unique_ptr<EventStream> stream;
      std::string token;
      Lines lines;
    };
    std::vector<Reader> readers;
    for (const auto& patterns : choices) {
      Reader& reader = readers.emplace_back();
      reader.patterns = patterns;
      reader.reference = Subscribe(Spec(patterns), size_t{64} << 20);
      reader.stream = Subscribe(Spec(patterns), 1500);
    }
    const auto read = [&](Reader& reader, size_t parcels) {
      Parcel parcel;
      for (; parcels > 0; --parcels) {
        absl::StatusOr<bool> more = reader.stream->Take(
            1 << 20, 1 + random() % 5, clock_.Now(), &parcel);
        ASSERT_TRUE(more.ok()) << more.status();
        if (!*more) return;
        for (const SubscriptionRun& run : parcel.runs) {
          ASSERT_FALSE(run.batch.resume_token.empty());
          reader.token = run.batch.resume_token;
          for (const Event& event : run.batch.events) {
            reader.lines.push_back(Line(event));
          }
        }
      }
    };
    std::unique_ptr<EventStream> interceptor;
    if (seed % 2 == 0) {
      SubscriptionSpec spec = Spec({"/*/b"});
      spec.intercepting = true;
      interceptor = Subscribe(std::move(spec));
    }
    const auto answer = [&] {
      if (interceptor == nullptr) return;
      for (const std::string& token : TakeTokens(*interceptor)) {
        EXPECT_EQ(Acknowledge(token, random() % 2 == 0), Lines());
      }
    };
    int64_t value = 0;
    for (int i = 0; i < 150; ++i) {
      std::vector<Operation> operations;
      for (unsigned n = 1 + random() % 4; n > 0; --n) {
        switch (random() % 6) {
          case 0:
            operations.push_back(DeleteOperation{.path = P(path())});
            break;
          case 1:
            operations.push_back(PingOperation{.path = P(path())});
            break;
          case 2:
            operations.push_back(
                SetOf(path(),
                      *tree::Replace(tree::Replace(std::nullopt, P("/b"),
                                                   I(value + 1)),
                                     P("/c"), I(value + 2))));
            value += 2;
            break;
          default:
            operations.push_back(SetOf(path(), I(++value)));
        }
      }
      Do(std::move(operations));
      if (random() % 5 == 0) answer();
      Reader& reader = readers[random() % readers.size()];
      if (random() % 4 == 0) read(reader, 1 + random() % 6);
      if (random() % 12 == 0 && !reader.token.empty()) {
        reader.stream.reset();
        reader.stream =
            Subscribe(Spec(reader.patterns, After(reader.token)), 1500);
      }
    }
    answer();
    Settle();
    for (Reader& reader : readers) {
      read(reader, SIZE_MAX);
      EXPECT_EQ(reader.lines, Drain(*reader.reference));
    }
  }
}

}  // namespace
}  // namespace restate
