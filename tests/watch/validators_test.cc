// A validator that cannot fail proves nothing: each is shown a good recording,
// and that recording broken.

#include "tests/watch/validators.h"

#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace restate::test {
namespace {

using Words = std::vector<std::string>;

Path P(std::string_view text) { return *Path::Parse(text); }
PathPattern Q(std::string_view text) { return *PathPattern::Parse(text); }

ModelEvent SetEvent(int64_t revision, int32_t index, std::string_view emitting,
                    std::string_view current, int was, int is) {
  return {revision,   index,      "SET",           P(emitting), P(current),
          Q(current), Tree(Value::Int(was)), Tree(Value::Int(is))};
}

// What a subscriber to /a/b and / is told of three commits, the second of two
// operations.
std::vector<ModelEvent> Log() {
  return {SetEvent(11, 0, "/a/b", "/a/b", 0, 1),
          SetEvent(11, 0, "/a/b", "/", 0, 1),
          SetEvent(12, 0, "/a/b", "/a/b", 1, 2),
          SetEvent(12, 0, "/a/b", "/", 1, 2),
          SetEvent(12, 1, "/c", "/", 5, 6),
          SetEvent(14, 0, "/a/b", "/a/b", 2, 3),
          SetEvent(14, 0, "/a/b", "/", 2, 3)};
}

Wish WishForThem() {
  Wish wish;
  wish.patterns = {Q("/a/b"), Q("/")};
  return wish;
}

ToldBatch Batch(std::vector<ModelEvent> events, int64_t revision) {
  ToldBatch batch;
  batch.events = std::move(events);
  batch.revision = revision;
  batch.token = "t";
  return batch;
}

// The log, told in three batches, the first of which ends inside revision 12.
Stretch Good() {
  const std::vector<ModelEvent> log = Log();
  Stretch stretch;
  stretch.from = 10;
  stretch.batches = {Batch({log[0], log[1], log[2]}, 0),
                     Batch({log[3], log[4]}, 13),
                     Batch({log[5], log[6]}, 14)};
  return stretch;
}

bool NotSilent(const Path&, int64_t, int64_t) { return false; }

TEST(ValidatorsTest, AGoodRecordingBreaksNothing) {
  const Stretch good = Good();
  EXPECT_EQ(CheckOrdered(good), Words());
  EXPECT_EQ(CheckUnique(good), Words());
  EXPECT_EQ(CheckAtomic(good, Log()), Words());
  EXPECT_EQ(CheckReliable(good, Log()), Words());
  EXPECT_EQ(CheckFiltered(good, WishForThem()), Words());
  EXPECT_EQ(CheckValues(good, Log()), Words());
  EXPECT_EQ(CheckChained(good, NotSilent), Words());
  EXPECT_EQ(CheckResumable(good, good), Words());
}

TEST(ValidatorsTest, ACutRecordingBreaksNothing) {
  Stretch cut = Good();
  cut.batches.pop_back();
  EXPECT_EQ(CheckAtomic(cut, Log()), Words());
  EXPECT_EQ(CheckReliable(cut, Log()), Words());
  cut.batches.pop_back();
  EXPECT_EQ(CheckAtomic(cut, Log()), Words());
  EXPECT_EQ(CheckReliable(cut, Log()), Words());
  EXPECT_EQ(CheckResumable(cut, Good()), Words());
}

TEST(OrderedTest, RevisionsGoBack) {
  Stretch stretch = Good();
  std::swap(stretch.batches[1], stretch.batches[2]);
  EXPECT_EQ(CheckOrdered(stretch),
            Words{"not ordered: 12.0 at / (/) after 14.0 at / (/)"});
}

TEST(OrderedTest, OperationsGoBack) {
  Stretch stretch = Good();
  std::swap(stretch.batches[1].events[0], stretch.batches[1].events[1]);
  EXPECT_EQ(CheckOrdered(stretch),
            Words{"not ordered: 12.0 at / (/) after 12.1 at / (/)"});
}

TEST(OrderedTest, TheRootComesBeforeWhatIsBelow) {
  Stretch stretch = Good();
  std::swap(stretch.batches[0].events[0], stretch.batches[0].events[1]);
  EXPECT_EQ(CheckOrdered(stretch),
            Words{"not ordered: 11.0 at /a/b (/a/b) after 11.0 at / (/)"});
}

TEST(OrderedTest, AnEventFromBeforeTheBeginning) {
  Stretch stretch = Good();
  stretch.from = 11;
  EXPECT_EQ(CheckOrdered(stretch),
            (Words{"not ordered: 11.0 at /a/b (/a/b) after all of 11",
                   "not ordered: 11.0 at / (/) after all of 11"}));
}

TEST(UniqueTest, AnEventIsToldAgainAfterAResumption) {
  Stretch stretch = Good();
  stretch.batches[1].events.insert(stretch.batches[1].events.begin(),
                                   Log()[2]);
  EXPECT_EQ(CheckUnique(stretch), Words{"told twice: 12.0 at /a/b (/a/b)"});
}

TEST(AtomicTest, ARevisionIsSaidTooEarly) {
  Stretch stretch = Good();
  stretch.batches[0].revision = 12;
  EXPECT_EQ(
      CheckAtomic(stretch, Log()),
      (Words{"not atomic: a batch says revision 12, and 2 events of 12 were not "
             "told",
             "not atomic: 12.0 at / (/) after a batch that said revision 12",
             "not atomic: 12.1 at / (/) after a batch that said revision 12"}));
}

TEST(AtomicTest, ALaterRevisionIsSaidThanWasTold) {
  Stretch stretch = Good();
  stretch.batches.back().events.pop_back();
  EXPECT_EQ(CheckAtomic(stretch, Log()),
            Words{"not atomic: a batch says revision 14, and 1 events of 14 "
                  "were not told"});
}

TEST(AtomicTest, WhatIsSaidDecreases) {
  Stretch stretch = Good();
  stretch.batches.push_back(Batch({}, 13));
  EXPECT_EQ(CheckAtomic(stretch, Log()),
            Words{"not atomic: revision 13 said after 14"});
}

TEST(ReliableTest, AnEventIsMissingInTheMiddle) {
  Stretch stretch = Good();
  stretch.batches[1].events.pop_back();
  EXPECT_EQ(CheckReliable(stretch, Log()),
            Words{"missing: " + Log()[4].ToText()});
}

TEST(ReliableTest, AnEventIsMissingAtTheEnd) {
  Stretch stretch = Good();
  stretch.batches[2].events.pop_back();
  EXPECT_EQ(CheckReliable(stretch, Log()),
            Words{"missing: " + Log()[6].ToText()});
}

TEST(ReliableTest, AWholeRevisionIsMissing) {
  Stretch stretch = Good();
  stretch.batches.erase(stretch.batches.begin());
  EXPECT_EQ(CheckReliable(stretch, Log()).size(), 3u);
}

TEST(ReliableTest, SomethingIsToldThatDidNotHappen) {
  Stretch stretch = Good();
  stretch.batches[1].events[1].index = 7;
  EXPECT_EQ(CheckReliable(stretch, Log()),
            (Words{"missing: " + Log()[4].ToText(),
                   "did not happen: 12.7 at / (/)"}));
}

TEST(FilteredTest, APatternThatNobodyAskedFor) {
  Wish wish = WishForThem();
  wish.patterns.pop_back();
  EXPECT_EQ(CheckFiltered(Good(), wish).size(), 4u);
}

TEST(FilteredTest, APlaceThatThePatternDoesNotMatch) {
  Stretch stretch = Good();
  stretch.batches[0].events[0].current_path = P("/a");
  EXPECT_EQ(CheckFiltered(stretch, WishForThem()).size(), 1u);
}

TEST(FilteredTest, APlaceThatIsNotAboveTheEmittingPath) {
  Stretch stretch = Good();
  stretch.batches[0].events[0].emitting_path = P("/c");
  EXPECT_EQ(CheckFiltered(stretch, WishForThem()).size(), 1u);
}

TEST(FilteredTest, ABubblingEventThoughOnlyExactOnesWereAskedFor) {
  Wish wish = WishForThem();
  wish.exact = true;
  EXPECT_EQ(CheckFiltered(Good(), wish).size(), 4u);
}

TEST(FilteredTest, AKindThatNobodyAskedFor) {
  Wish wish = WishForThem();
  wish.kinds = {"PING"};
  EXPECT_EQ(CheckFiltered(Good(), wish).size(), 7u);
}

TEST(ValuesTest, AWrongPreviousValue) {
  Stretch stretch = Good();
  stretch.batches[1].events[0].prev_value = Value::Int(0);
  EXPECT_EQ(CheckValues(stretch, Log()).size(), 1u);
}

TEST(ValuesTest, AMissingPreviousValue) {
  Stretch stretch = Good();
  stretch.batches[1].events[0].prev_value.reset();
  EXPECT_EQ(CheckValues(stretch, Log()).size(), 1u);
}

TEST(ValuesTest, AWrongKind) {
  Stretch stretch = Good();
  stretch.batches[1].events[0].kind = "DELETE";
  EXPECT_EQ(CheckValues(stretch, Log()).size(), 1u);
}

TEST(ChainedTest, APreviousValueThatIsNotTheLastOne) {
  Stretch stretch = Good();
  stretch.batches[2].events[0].prev_value = Value::Int(1);
  EXPECT_EQ(CheckChained(stretch, NotSilent),
            Words{"not chained: " + stretch.batches[2].events[0].ToText()});
  // Somebody wrote it and told nobody.
  EXPECT_EQ(CheckChained(stretch,
                         [](const Path& path, int64_t after, int64_t through) {
                           return path == P("/a/b") && after == 12 &&
                                  through == 14;
                         }),
            Words());
}

TEST(ResumableTest, AnEventIsOtherThanOnTheUninterruptedStream) {
  Stretch interrupted = Good();
  interrupted.batches[1].events.erase(interrupted.batches[1].events.begin());
  EXPECT_EQ(CheckResumable(interrupted, Good()),
            Words{"interrupted: " + Log()[4].ToText() +
                  "; uninterrupted: " + Log()[3].ToText()});
}

TEST(ResumableTest, OnlyWhereBothReachCounts) {
  Stretch later = Good();
  later.from = 11;
  later.batches[0].events.erase(later.batches[0].events.begin(),
                                later.batches[0].events.begin() + 2);
  EXPECT_EQ(CheckResumable(later, Good()), Words());
}

// The second and the third write of /a/b as one event, at both places.
Stretch GoodCoalesced() {
  const std::vector<ModelEvent> log = Log();
  Stretch stretch;
  stretch.from = 10;
  ModelEvent at_it = log[5];
  at_it.prev_value = log[2].prev_value;
  ModelEvent above = log[6];
  above.prev_value = log[3].prev_value;
  stretch.batches = {Batch({log[0], log[1]}, 11),
                     Batch({log[4], at_it, above}, 14)};
  stretch.batches[1].coalesced = {0, 1, 1};
  return stretch;
}

TEST(CoalescedTest, AGoodRecordingBreaksNothing) {
  EXPECT_EQ(CheckCoalesced(GoodCoalesced(), Log()), Words());
  // Nothing has to be coalesced.
  EXPECT_EQ(CheckCoalesced(Good(), Log()), Words());
}

TEST(CoalescedTest, AWrongCount) {
  Stretch stretch = GoodCoalesced();
  stretch.batches[1].coalesced[1] = 2;
  EXPECT_EQ(CheckCoalesced(stretch, Log()),
            (Words{"stands for 2 events, too many: " +
                       stretch.batches[1].events[1].ToText(),
                   "a batch says revision 14 without " + Log()[2].ToText()}));
  stretch.batches[1].coalesced[1] = 0;
  EXPECT_EQ(CheckCoalesced(stretch, Log()).size(), 2u);
}

TEST(CoalescedTest, TheWrongPreviousValue) {
  Stretch stretch = GoodCoalesced();
  stretch.batches[1].events[2].prev_value = Value::Int(2);
  EXPECT_EQ(CheckCoalesced(stretch, Log()).size(), 1u);
}

TEST(CoalescedTest, ARevisionIsSaidTooEarly) {
  Stretch stretch = GoodCoalesced();
  stretch.batches[0].revision = 12;
  EXPECT_EQ(CheckCoalesced(stretch, Log()).size(), 3u);
}

TEST(SnapshotTest, SomethingIsMissingOrOther) {
  Stretch stretch = Good();
  const std::vector<ModelEvent> expected = {
      {10, 0, "INITIAL", P("/a/b"), P("/a/b"), Q("/a/b"), Tree(),
       Tree(Value::Int(0))}};
  // It did not begin with one.
  EXPECT_EQ(CheckSnapshot(stretch, expected), Words());
  stretch.snapshot = expected;
  EXPECT_EQ(CheckSnapshot(stretch, expected), Words());
  stretch.snapshot->front().new_value = Value::Int(1);
  EXPECT_EQ(CheckSnapshot(stretch, expected).size(), 1u);
  stretch.snapshot->clear();
  EXPECT_EQ(CheckSnapshot(stretch, expected),
            Words{"snapshot: told nothing; there was " +
                  expected[0].ToText()});
}

// ---- From pieces to stretches.

ToldBatch Synced(int64_t revision) {
  ToldBatch batch = Batch({}, revision);
  batch.synced = true;
  return batch;
}

Recording Recorded(std::vector<Piece> pieces) {
  return {"r", WishForThem(), std::move(pieces)};
}

TEST(StretchesTest, ResumedPiecesAreOneStretch) {
  Words violations;
  const std::vector<Stretch> stretches = StretchesOf(
      Recorded({{Beginning::kNow, {Synced(10), Good().batches[0]}},
                {Beginning::kToken,
                 {Good().batches[1], Synced(13), Good().batches[2]}}}),
      &violations);
  EXPECT_EQ(violations, Words());
  ASSERT_EQ(stretches.size(), 1u);
  EXPECT_EQ(stretches[0].from, 10);
  EXPECT_EQ(stretches[0].through(), 14);
  EXPECT_EQ(stretches[0].Events().size(), 7u);
  EXPECT_FALSE(stretches[0].snapshot.has_value());
}

TEST(StretchesTest, ASnapshotIsApartAndAResetBeginsAnother) {
  ModelEvent initial = SetEvent(10, 0, "/a/b", "/a/b", 0, 0);
  initial.kind = "INITIAL";
  ToldBatch reset = Batch({initial}, 0);
  reset.reset = true;
  reset.gap = true;
  Words violations;
  const std::vector<Stretch> stretches = StretchesOf(
      Recorded({{Beginning::kSnapshot,
                 {Batch({initial}, 0), Synced(10), Good().batches[0]}},
                {Beginning::kToken, {reset, Synced(13), Good().batches[2]}}}),
      &violations);
  EXPECT_EQ(violations, Words());
  ASSERT_EQ(stretches.size(), 2u);
  EXPECT_EQ(stretches[0].snapshot->size(), 1u);
  EXPECT_EQ(stretches[0].Events().size(), 3u);
  EXPECT_EQ(stretches[1].from, 13);
  EXPECT_EQ(stretches[1].snapshot->size(), 1u);
  EXPECT_EQ(stretches[1].Events().size(), 2u);
}

TEST(StretchesTest, WhatBreaksTheProtocol) {
  const auto violations_of = [](std::vector<Piece> pieces) {
    Words violations;
    StretchesOf(Recorded(std::move(pieces)), &violations);
    return violations.size();
  };
  const ToldBatch live = Good().batches[2];
  ToldBatch reset = Batch({}, 0);
  reset.reset = true;
  // A live event before synced, twice.
  EXPECT_EQ(violations_of({{Beginning::kNow, {live, Synced(14)}}}), 2u);
  EXPECT_EQ(violations_of({{Beginning::kSnapshot, {live, Synced(14)}}}), 2u);
  EXPECT_EQ(violations_of({{Beginning::kNow, {Synced(13), Synced(14)}}}), 1u);
  EXPECT_EQ(violations_of({{Beginning::kNow, {Synced(13)}},
                           {Beginning::kToken, {reset, Synced(14)}}}),
            1u);
  EXPECT_EQ(violations_of({{Beginning::kToken, {live}}}), 1u);
}

}  // namespace
}  // namespace restate::test
