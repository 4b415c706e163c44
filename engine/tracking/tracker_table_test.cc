#include "engine/tracking/tracker_table.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/error/error.h"
#include "engine/tracking/tracking_fixture.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Value I(int64_t i) { return Value::Int(i); }

class TrackerTableTest : public TrackingTest {
 protected:
  // A whole run.
  std::string Run(const std::string& tracker,
                  const std::vector<std::string>& paths,
                  View view = View::kAll) {
    const std::string run = Begin(tracker);
    for (const std::string& path : paths) Read(run, path, view);
    EXPECT_TRUE(End(run).ok());
    return run;
  }
};

TEST_F(TrackerTableTest, RunsAgainWhenSomethingReadChanges) {
  Run("t", {"/a"});
  EXPECT_THAT(Reruns(), IsEmpty());
  Set("/a", I(1));
  EXPECT_THAT(Reruns(), ElementsAre("t"));
  // Until it has run, once is enough.
  Set("/a", I(2));
  EXPECT_THAT(Reruns(), IsEmpty());
  Run("t", {"/a"});
  Set("/a", I(2));
  EXPECT_THAT(Reruns(), IsEmpty());
  Set("/a", I(3));
  EXPECT_THAT(Reruns(), ElementsAre("t"));
}

TEST_F(TrackerTableTest, ReadsOfTheLastRunReplaceEarlierOnes) {
  Run("t", {"/old"});
  Run("t", {"/new"});
  Set("/old", I(1));
  EXPECT_THAT(Reruns(), IsEmpty());
  Set("/new", I(1));
  EXPECT_THAT(Reruns(), ElementsAre("t"));
}

TEST_F(TrackerTableTest, ChangesBelowAndAboveCountAndOthersDoNot) {
  Set("/a/b/c", I(1));
  Run("t", {"/a/b"});
  Set("/a/c", I(1));
  Set("/ab", I(1));
  EXPECT_THAT(Reruns(), IsEmpty());
  Set("/a/b/c", I(2));
  EXPECT_THAT(Reruns(), ElementsAre("t"));
  Run("t", {"/a/b"});
  // A write above that leaves it as it was, and one that does not.
  Set("/a", MapOf({{"b", MapOf({{"c", I(2)}})}}));
  EXPECT_THAT(Reruns(), IsEmpty());
  Set("/a", MapOf({{"b", MapOf({{"c", I(3)}})}}));
  EXPECT_THAT(Reruns(), ElementsAre("t"));
  Run("t", {"/a/b"});
  CommitRequest deletion;
  deletion.operations.push_back(DeleteOperation{.path = Path()});
  ASSERT_TRUE(Submit(std::move(deletion)).get().ok());
  EXPECT_THAT(Reruns(), ElementsAre("t"));
}

TEST_F(TrackerTableTest, TheViewSaysWhatCounts) {
  Set("/a", I(1));
  Run("own", {"/a"}, View::kOwnValue);
  Run("all", {"/a"});
  Set("/a/b", I(1));
  EXPECT_THAT(Reruns(), ElementsAre("all"));
  CommitRequest value = Writes("/a", I(2));
  std::get<SetOperation>(value.operations[0]).mode = WriteMode::kValue;
  ASSERT_TRUE(Submit(std::move(value)).get().ok());
  EXPECT_THAT(Reruns(), ElementsAre("own"));
}

TEST_F(TrackerTableTest, PingsOfThePathAndBelowCount) {
  Run("t", {"/a"});
  Ping("/");
  EXPECT_THAT(Reruns(), IsEmpty());
  Ping("/a");
  EXPECT_THAT(Reruns(), ElementsAre("t"));
  Run("t", {"/a"});
  Ping("/a/b/c");
  EXPECT_THAT(Reruns(), ElementsAre("t"));
}

TEST_F(TrackerTableTest, APingBetweenReadingAndNotingItIsNotMissed) {
  const std::string run = Begin("t");
  const Revision read_at = controller_->Published()->revision();
  Ping("/a");
  ASSERT_TRUE(controller_->trackers()
                  .RecordReads(run, {P("/a")}, View::kAll, read_at)
                  .ok());
  EXPECT_TRUE(End(run)->rerun);
  EXPECT_THAT(Reruns(), ElementsAre("t"));
}

TEST_F(TrackerTableTest, SkippedNotificationsCount) {
  Run("t", {"/a"});
  CommitRequest silent = Writes("/a", I(1));
  std::get<SetOperation>(silent.operations[0]).skip_notify = true;
  ASSERT_TRUE(Submit(std::move(silent)).get().ok());
  EXPECT_THAT(Reruns(), ElementsAre("t"));
}

TEST_F(TrackerTableTest, ChangesDuringARunMakeOneMore) {
  const std::string run = Begin("t");
  Read(run, "/a");
  Read(run, "/b");
  EXPECT_THAT(Reruns(), IsEmpty());
  Set("/a", I(1));
  Set("/b", I(1));
  Set("/a", I(2));
  EXPECT_THAT(Reruns(), ElementsAre("t"));
  EXPECT_TRUE(End(run)->rerun);
  EXPECT_THAT(Reruns(), IsEmpty());
  Run("t", {"/a", "/b"});
  EXPECT_THAT(Reruns(), IsEmpty());
}

TEST_F(TrackerTableTest, WhatARunWritesIsNoReasonToRunItAgain) {
  const std::string run = Begin("t");
  Read(run, "/a");
  Run("other", {"/a"});
  Set("/a", I(1), run);
  EXPECT_FALSE(End(run)->rerun);
  // Also when the write comes late.
  Set("/a", I(2), run);
  EXPECT_THAT(Reruns(), ElementsAre("other"));
  Set("/a", I(3));
  EXPECT_THAT(Reruns(), ElementsAre("t"));
}

class TrackerLoopTest : public TrackerTableTest {
 protected:
  // Two trackers, "a" and "b", each of which writes what makes the other run:
  // until one is ended. Gives how often they ran.
  int RunInCircles() {
    Run("a", {"/b"});
    Run("b", {"/a"});
    Set("/b", I(0));
    int runs = 0;
    for (bool more = true; more;) {
      more = false;
      for (const auto& request : Requests()) {
        const auto* rerun = std::get_if<TrackerRerun>(&request->what());
        if (rerun == nullptr) {
          ended_.push_back(request);
          continue;
        }
        more = true;
        ++runs;
        const std::string id = rerun->tracker_id;
        const std::string run = Begin(id);
        Read(run, id == "a" ? "/b" : "/a");
        Set("/" + id, I(runs), run);
        EXPECT_TRUE(End(run).ok());
      }
    }
    return runs;
  }
  // The trackers of which the session is told that they have ended.
  std::vector<std::string> Ended() {
    std::vector<std::string> ended;
    for (const auto& request : Requests()) {
      const auto* one = std::get_if<TrackerEnded>(&request->what());
      if (one != nullptr) ended.push_back(one->tracker_id);
    }
    return ended;
  }

  // What the session was told while they ran.
  std::vector<std::shared_ptr<const SessionRequest>> ended_;
};

TEST_F(TrackerLoopTest, ALoopIsNamedAndEnds) {
  EXPECT_EQ(RunInCircles(), 101);
  ASSERT_EQ(ended_.size(), 1u);
  const TrackerEnded& loop = std::get<TrackerEnded>(ended_[0]->what());
  EXPECT_EQ(loop.tracker_id, "b");
  EXPECT_EQ(ErrorReason(loop.status), "TRACKER_LOOP");
  EXPECT_EQ(ErrorMetadata(loop.status)["path"], "/a");
  EXPECT_EQ(controller_->trackers().count(), 1u);
}

TEST_F(TrackerTableTest, RunsThatAreOverReadNoMore) {
  const std::string run = Begin("t");
  ASSERT_TRUE(End(run).ok());
  absl::Status status = controller_->trackers().RecordReads(
      run, {P("/a")}, View::kAll, 1);
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ErrorReason(status), "RUN_NOT_FOUND");
  // Twice is once.
  EXPECT_TRUE(End(run).ok());
  Begin("t");
  EXPECT_EQ(ErrorReason(End(run).status()), "RUN_NOT_FOUND");
}

TEST_F(TrackerTableTest, IdleRunsEndAndWhatTheyReadCounts) {
  const std::string run = Begin("t");
  Read(run, "/a");
  clock_.Advance(absl::Seconds(59));
  controller_->trackers().Tick();
  Read(run, "/b");
  clock_.Advance(absl::Seconds(59));
  controller_->trackers().Tick();
  Set("/elsewhere", I(1), run);
  clock_.Advance(absl::Seconds(60));
  controller_->trackers().Tick();
  EXPECT_EQ(ErrorReason(controller_->trackers().RecordReads(
                run, {P("/c")}, View::kAll, 1)),
            "RUN_NOT_FOUND");
  EXPECT_TRUE(End(run).ok());
  Set("/b", I(1));
  EXPECT_THAT(Reruns(), ElementsAre("t"));
}

TEST_F(TrackerTableTest, StoppedTrackersAreNotRunAgain) {
  Run("t", {"/a"});
  Set("/a", I(1));
  EXPECT_TRUE(controller_->trackers().StopTracker("s", "t"));
  EXPECT_FALSE(controller_->trackers().StopTracker("s", "t"));
  Set("/a", I(2));
  EXPECT_THAT(Reruns(), IsEmpty());
  EXPECT_EQ(controller_->trackers().count(), 0u);
}

TEST_F(TrackerTableTest, AResumedSessionIsAskedAgain) {
  Run("changed", {"/a"});
  Run("waiting", {"/b"});
  const std::string open = Begin("open");
  Read(open, "/b");
  Set("/a", I(1));
  EXPECT_THAT(Reruns(), ElementsAre("changed"));
  Open();
  EXPECT_THAT(Reruns(), ElementsAre("changed", "open"));
  // The run may still end well.
  EXPECT_TRUE(End(open)->rerun);
  Run("changed", {"/a"});
  Run("open", {"/b"});
  Open();
  EXPECT_THAT(Reruns(), IsEmpty());
}

TEST_F(TrackerLoopTest, AResumedSessionIsToldAgainWhatHasEnded) {
  RunInCircles();
  ASSERT_EQ(ended_.size(), 1u);
  // The stream that was told may have been lost.
  Open();
  EXPECT_THAT(Ended(), ElementsAre("b"));
  Open();
  EXPECT_THAT(Ended(), ElementsAre("b"));
  // Whoever begins another of that name knows.
  Begin("b");
  Open();
  EXPECT_THAT(Ended(), IsEmpty());
}

TEST_F(TrackerLoopTest, NobodyIsToldWhoHasStoppedIt) {
  RunInCircles();
  EXPECT_FALSE(controller_->trackers().StopTracker("s", "b"));
  EXPECT_THAT(Ended(), IsEmpty());
  Open();
  EXPECT_THAT(Ended(), IsEmpty());
}

TEST_F(TrackerTableTest, TrackersEndWithTheirSession) {
  const std::string run = Begin("t");
  Read(run, "/a");
  ASSERT_TRUE(controller_->sessions().Close("s").ok());
  EXPECT_EQ(controller_->trackers().count(), 0u);
  EXPECT_EQ(ErrorReason(End(run).status()), "RUN_NOT_FOUND");
  EXPECT_EQ(ErrorReason(controller_->BeginRun("s", "t").status()),
            "SESSION_LOST");
}

TEST_F(TrackerTableTest, IdsAreChecked) {
  EXPECT_EQ(ErrorReason(controller_->BeginRun("s", std::string(256, 'a'))
                            .status()),
            "INVALID_REQUEST");
  EXPECT_EQ(ErrorReason(controller_->BeginRun("s", "\xff").status()),
            "INVALID_REQUEST");
  EXPECT_FALSE(controller_->BeginRun("s", "")->tracker_id.empty());
}

class FewTrackersTest : public TrackingTest {
 protected:
  static TrackerLimits Few() {
    TrackerLimits limits;
    limits.max_trackers = 2;
    limits.max_reads = 3;
    return limits;
  }
  FewTrackersTest() : TrackingTest(Few()) {}
};

TEST_F(FewTrackersTest, TheirNumberIsBounded) {
  const std::string run = Begin("a");
  Begin("b");
  EXPECT_EQ(ErrorReason(controller_->BeginRun("s", "c").status()),
            "TOO_MANY_TRACKERS");
  Begin("a");
  EXPECT_EQ(controller_->trackers().count(), 2u);
  const std::string again = Begin("a");
  EXPECT_EQ(ErrorReason(controller_->trackers().RecordReads(
                again, {P("/1"), P("/2"), P("/3"), P("/4")}, View::kAll, 1)),
            "TOO_MANY_PATHS");
}

}  // namespace
}  // namespace restate
