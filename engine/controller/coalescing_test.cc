// What those are promised who hear only the latest of each path, because they are
// slow or by a minimum interval, over the whole engine.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/controller/testing/subscription_fixture.h"
#include "engine/error/error.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

class CoalescingTest : public SubscriptionTest {
 protected:
  // "line; line = revision" of each batch, "reset /path" and "done" among the lines;
  // of a batch that names no revision nothing behind the lines. Takes one event at
  // a time.
  Lines Told(EventStream& stream) {
    Lines told;
    for (const EventBatch& batch : TakeBatches(stream, 1)) {
      std::string text;
      const auto add = [&text](const std::string& line) {
        absl::StrAppend(&text, text.empty() ? "" : "; ", line);
      };
      if (batch.reset.has_value()) {
        add(absl::StrCat("reset ", batch.reset->path.ToText()));
      }
      for (const Event& event : batch.AllEvents()) add(Line(event));
      if (batch.reset_done.has_value()) add("done");
      if (batch.revision != 0) absl::StrAppend(&text, " = ", batch.revision);
      told.push_back(text);
      tokens_.push_back(batch.resume_token);
    }
    return told;
  }

  // More leaves than are told one by one.
  static SetOperation TooMuchAt(std::string_view path) {
    TreeBuilder builder;
    for (int i = 10'000; i < 20'001; ++i) {
      builder.Add(P(absl::StrCat("/", i)), I(1));
    }
    return SetOf(path, *builder.Finish());
  }
  void PassTime(absl::Duration time) {
    clock_.Advance(time);
    controller_->Tick(clock_.Monotonic());
  }
  static SubscriptionSpec Paced(const std::vector<std::string>& patterns,
                                SubscriptionStart start = StartNow()) {
    SubscriptionSpec spec = Spec(patterns, std::move(start));
    spec.min_interval = absl::Seconds(1);
    return spec;
  }

  // Of each batch that Told has seen.
  Lines tokens_;
};

// An event of revision 5 stands for one of revision 2. Until it is told, what is
// known is the tree of no revision, and a cut does not change that.
TEST_F(CoalescingTest, NoRevisionIsNamedBeforeAllThatStandsForIt) {
  auto paced = Subscribe(Paced({"/a/*"}));
  Set("/a/x", I(1));
  EXPECT_EQ(Told(*paced),
            (Lines{"", "1.0 SET /a/x at /a/x (/a/*): - -> 1 = 1"}));
  Set("/a/x", I(2));
  Set("/a/y", I(3));
  Set("/a/z", I(4));
  Set("/a/x", I(5));
  EXPECT_EQ(Told(*paced), Lines());
  PassTime(absl::Seconds(1));
  tokens_.clear();
  EXPECT_EQ(Told(*paced), (Lines{"3.0 SET /a/y at /a/y (/a/*): - -> 3",
                                 "4.0 SET /a/z at /a/z (/a/*): - -> 4",
                                 "5.0 SET /a/x at /a/x (/a/*): 1 -> 5 +1 = 5"}));
  const std::string inside = tokens_.at(0);
  auto resumed = Subscribe(Spec({"/a/*"}, After(inside)));
  EXPECT_EQ(Told(*resumed),
            (Lines{"4.0 SET /a/z at /a/z (/a/*): - -> 4",
                   "5.0 SET /a/x at /a/x (/a/*): 2 -> 5 = 5", " = 5"}));
}

TEST_F(CoalescingTest, NorWhenTheyAreReadFromTheHistory) {
  Set("/a/x", I(1));
  Set("/a/x", I(2));
  Set("/a/y", I(3));
  Set("/a/x", I(4));
  auto paced = Subscribe(Paced({"/a/*"}, StartAfter{AfterAllOf(1)}));
  EXPECT_EQ(Told(*paced),
            (Lines{"3.0 SET /a/y at /a/y (/a/*): - -> 3",
                   "4.0 SET /a/x at /a/x (/a/*): 1 -> 4 +1 = 4", " = 4"}));
}

// Nothing stood for anything: then nothing is missing, and nothing is held back.
TEST_F(CoalescingTest, WhatWasParkedAndTookNobodysPlaceIsToldAsItWas) {
  SubscriptionSpec spec = Spec({"/a/*"});
  spec.overflow = Overflow::kCoalesce;
  auto slow = Subscribe(std::move(spec), 600);
  for (int i = 1; i <= 4; ++i) Set(absl::StrCat("/a/", i), I(i));
  const std::vector<EventBatch> batches = TakeBatches(*slow, 1);
  ASSERT_EQ(batches.size(), 5u);
  for (int i = 0; i <= 4; ++i) {
    EXPECT_EQ(batches[i].revision, i);
    EXPECT_FALSE(batches[i].gap.has_value());
  }
}

// What is behind a reset in its commit comes with it: were it held back, a token
// between them would say that all of the commit was told.
TEST_F(CoalescingTest, ACommitIsNotHeldBackBehindItsReset) {
  auto paced = Subscribe(Paced({"/b/10007", "/y"}));
  Set("/y", I(1));
  Do({SetOf("/y", I(2)), TooMuchAt("/b"), SetOf("/y", I(3))});
  EXPECT_EQ(Told(*paced),
            (Lines{"", "1.0 SET /y at /y (/y): - -> 1 = 1",
                   "2.0 SET /y at /y (/y): 1 -> 2",
                   "reset /b; 2.0 INITIAL /b/10007 at /b/10007 (/b/10007): - -> 1",
                   "done", "2.2 SET /y at /y (/y): 2 -> 3 = 2"}));
  // The same from the history.
  auto replayed =
      Subscribe(Paced({"/b/10007", "/y"}, StartAfter{AfterAllOf(1)}));
  EXPECT_EQ(Told(*replayed),
            (Lines{"2.0 SET /y at /y (/y): 1 -> 2",
                   "reset /b; 2.0 INITIAL /b/10007 at /b/10007 (/b/10007): - -> 1",
                   "done", "2.2 SET /y at /y (/y): 2 -> 3 = 2", " = 2"}));
}

// The queue takes what an interval held back before a reset, and not the reset.
TEST_F(CoalescingTest, WhatWasHeldBackIsNotReadAgainWithAResetThatDoesNotFit) {
  auto paced = Subscribe(Paced({"/b/10007", "/y"}), 1000);
  Set("/y", I(1));
  Do({SetOf("/y", I(2)), TooMuchAt("/b"), SetOf("/y", I(3))});
  const Lines told = Told(*paced);
  EXPECT_EQ(told,
            (Lines{"", "1.0 SET /y at /y (/y): - -> 1 = 1",
                   "2.0 SET /y at /y (/y): 1 -> 2",
                   "reset /b; 2.0 INITIAL /b/10007 at /b/10007 (/b/10007): - -> 1",
                   "done", "2.2 SET /y at /y (/y): 2 -> 3 = 2"}));
  // Cut in front of it, it is not lost.
  auto resumed = Subscribe(Spec({"/b/10007", "/y"}, After(tokens_.at(2))));
  const Lines rest = Told(*resumed);
  ASSERT_EQ(rest.size(), 4u);
  EXPECT_EQ(Lines(rest.begin(), rest.begin() + 3),
            Lines(told.begin() + 3, told.end()));
}

// What was dropped because even the latest did not fit, or because nothing may be
// lost, comes behind the last token.
TEST_F(CoalescingTest, TheLastTokenOfASlowOneIsBeforeWhatWasDropped) {
  for (const Overflow overflow : {Overflow::kCoalesce, Overflow::kEnd}) {
    SubscriptionSpec spec = Spec({"/a/*"});
    spec.overflow = overflow;
    auto slow = Subscribe(spec, 2000);
    const Revision before = Set("/before", I(1));
    for (int i = 0; i < 100; ++i) {
      Set(absl::StrCat("/a/", i), I(before + i));
    }
    const std::vector<EventBatch> batches = TakeBatches(*slow);
    EXPECT_EQ(ErrorReason(end_), "SLOW_SUBSCRIBER");
    size_t told = 0;
    for (const EventBatch& batch : batches) told += batch.events.size();
    EXPECT_LT(told, 100u);
    ASSERT_FALSE(batches.empty());
    EXPECT_EQ(batches.back().revision, before + static_cast<Revision>(told));
    auto resumed = Subscribe(Spec({"/a/*"}, After(batches.back().resume_token)));
    EXPECT_EQ(told + Drain(*resumed).size(), 100u);
  }
}

// One callback of a session is let go before a reset, in the middle of a commit that
// another hears of.
TEST_F(CoalescingTest, WhatIsLetGoDoesNotCutTheCommitsOfOtherCallbacks) {
  absl::StatusOr<OpenedSession> session =
      controller_->sessions().Open("s", false, [] {});
  ASSERT_TRUE(session.ok());
  const auto listen = [&](const std::string& callback, SubscriptionSpec spec) {
    SessionTable& sessions = controller_->sessions();
    ASSERT_TRUE(sessions.RegisterCallback("s", callback, true).ok());
    ASSERT_TRUE(
        sessions.SubscribeById("s", callback, std::move(spec), false).ok());
  };
  Do({TooMuchAt("/b")});
  listen("paced", Paced({"/b/10007", "/y"}));
  listen("all", Spec({"/z"}));
  Set("/y", I(1));
  Set("/y", I(2));
  EXPECT_EQ(DrainSession(*session->stream),
            (Lines{"paced: 2.0 SET /y at /y (/y): - -> 1"}));
  // Small enough for the queue, other than what it takes away.
  Do({SetOf("/z", I(3)), DeleteOperation{.path = P("/b")}, SetOf("/z", I(4))});
  Settle();
  Parcel parcel;
  std::vector<Revision> named;
  while (*session->stream->Take(1 << 20, 1, clock_.Monotonic(), &parcel)) {
    for (const SubscriptionRun& run : parcel.runs) {
      if (run.callback_id == "all" && run.batch.has_events()) {
        named.push_back(run.batch.revision);
      }
    }
  }
  EXPECT_EQ(named, (std::vector<Revision>{0, 4}));
}

}  // namespace
}  // namespace restate
