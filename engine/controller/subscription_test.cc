// What subscribers are promised, over the whole engine: resumption, overflow,
// pacing.

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/controller/testing/subscription_fixture.h"
#include "engine/error/error.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

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
  controller_->Tick(clock_.Monotonic());
  EXPECT_EQ(Drain(*paced), Lines());
  clock_.Advance(absl::Milliseconds(1));
  controller_->Tick(clock_.Monotonic());
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
  EXPECT_FALSE(idle->HeartbeatDue(clock_.Monotonic()));
  clock_.Advance(absl::Seconds(2));
  EXPECT_TRUE(idle->HeartbeatDue(clock_.Monotonic()));
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
    return StartAfter{AfterAllOf(revision)};
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
  ASSERT_TRUE(batches[0].reset.has_value());
  EXPECT_EQ(batches[0].reset->path, Path());
  EXPECT_EQ(batches[0].reset->revision, 10);
  EXPECT_FALSE(batches[0].reset->epoch_changed);
  EXPECT_EQ(batches[0].reset_done, std::optional<Path>(Path()));
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

TEST_F(SubscriptionTest, ATokenOfAnotherEpochFailsOrStartsOver) {
  Set("/a", I(1));
  Set("/b", I(1));
  SubscriptionSpec spec = Spec({"/a", "/a/*"}, StartAfter{AfterAllOf(900)});
  spec.epoch = "another";
  EXPECT_EQ(ErrorReason(
                controller_->Subscribe(spec, 1 << 20, [] {}).status()),
            "EPOCH_CHANGED");
  spec.history_loss = HistoryLoss::kReset;
  auto stream = Subscribe(spec);
  Set("/a", I(2));
  const std::vector<EventBatch> batches = TakeBatches(*stream);
  ASSERT_EQ(batches.size(), 2u);
  ASSERT_TRUE(batches[0].reset.has_value());
  EXPECT_EQ(batches[0].reset->path, Path());
  EXPECT_EQ(batches[0].reset->revision, 2);
  EXPECT_TRUE(batches[0].reset->epoch_changed);
  ASSERT_TRUE(batches[0].gap.has_value());
  EXPECT_EQ(batches[0].gap->after, 0);
  EXPECT_EQ(batches[0].gap->through, 0);
  EXPECT_EQ(batches[0].reset_done, std::optional<Path>(Path()));
  EXPECT_TRUE(batches[0].synced);
  EXPECT_EQ(Line(batches[0].events.at(0)),
            "2.0 INITIAL /a at /a (/a): - -> 1");
  EXPECT_EQ(Line(batches[1].events.at(0)), "3.0 SET /a at /a (/a): 1 -> 2");
  EXPECT_EQ(DecodeResumeToken(batches[1].resume_token)->epoch,
            controller_->epoch());
  // Other starts are of the present epoch, or of none.
  spec.start = StartSnapshot();
  EXPECT_EQ(ErrorReason(
                controller_->Subscribe(spec, 1 << 20, [] {}).status()),
            "EPOCH_CHANGED");
}

// Until it is over, a token says what was told before: cut there, all of it comes
// again.
TEST_F(SubscriptionTest, AResetThatIsCutComesAgain) {
  Set("/m", *tree::Replace(tree::Replace(std::nullopt, P("/a"), I(1)), P("/b"),
                           I(2)));
  SubscriptionSpec foreign = Spec({"/m/*"}, StartAfter{AfterAllOf(5)});
  foreign.epoch = "another";
  foreign.history_loss = HistoryLoss::kReset;
  auto stream = Subscribe(foreign);
  Parcel parcel;
  ASSERT_TRUE(*stream->Take(1 << 20, 1, clock_.Monotonic(), &parcel));
  ASSERT_EQ(parcel.runs.size(), 1u);
  EXPECT_FALSE(parcel.runs[0].batch.reset_done.has_value());
  EXPECT_EQ(parcel.runs[0].batch.revision, 0);
  absl::StatusOr<ResumeToken> token =
      DecodeResumeToken(parcel.runs[0].batch.resume_token);
  ASSERT_TRUE(token.ok()) << token.status();
  EXPECT_EQ(token->epoch, "another");
  EXPECT_EQ(token->position, AfterAllOf(5));
  auto again = Subscribe(foreign);
  EXPECT_EQ(Drain(*again).size(), 2u);
}

}  // namespace
}  // namespace restate
