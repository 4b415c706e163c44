// The judge of the histories is itself judged: it must refuse what no register
// can have answered, and accept what one can.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/linearizability/checker_process.h"
#include "tests/linearizability/history.h"

namespace restate::test {
namespace {

using Kind = Operation::Kind;
using Outcome = Operation::Outcome;

// A call on /a from `call` to `end`.
Operation Called(int client, int64_t call, int64_t end, Kind kind) {
  Operation operation;
  operation.client = client;
  operation.key = "/a";
  operation.call = call;
  operation.end = end;
  operation.kind = kind;
  return operation;
}

Operation Get(int client, int64_t call, int64_t end,
              std::optional<int64_t> found, int64_t revision) {
  Operation operation = Called(client, call, end, Kind::kGet);
  operation.found = found;
  operation.revision = revision;
  return operation;
}

Operation Set(int client, int64_t call, int64_t end, int64_t value,
              int64_t revision) {
  Operation operation = Called(client, call, end, Kind::kSet);
  operation.value = value;
  operation.changed = true;
  operation.revision = revision;
  return operation;
}

Operation Add(int client, int64_t call, int64_t end, int64_t found,
              int64_t revision) {
  Operation operation = Called(client, call, end, Kind::kAdd);
  operation.value = 1;
  operation.found = found;
  operation.changed = true;
  operation.revision = revision;
  return operation;
}

Operation SetIfEqual(int client, int64_t call, int64_t end, int64_t expected,
                     int64_t value, int64_t revision) {
  Operation operation = Set(client, call, end, value, revision);
  operation.kind = Kind::kSetIfEqual;
  operation.expected = expected;
  return operation;
}

Operation SetIfUnchanged(int client, int64_t call, int64_t end, int64_t since,
                         int64_t value, int64_t revision) {
  Operation operation = Set(client, call, end, value, revision);
  operation.kind = Kind::kSetIfUnchanged;
  operation.since = since;
  return operation;
}

Operation Delete(int client, int64_t call, int64_t end, bool changed,
                 int64_t revision) {
  Operation operation = Called(client, call, end, Kind::kDelete);
  operation.changed = changed;
  operation.revision = revision;
  return operation;
}

Operation WithOutcome(Operation operation, Outcome outcome) {
  operation.outcome = outcome;
  operation.changed = false;
  operation.found = std::nullopt;
  operation.revision = 0;
  return operation;
}

void ExpectLinearizable(const std::vector<Operation>& history) {
  const Verdict verdict = Check(history);
  EXPECT_EQ(verdict.kind, Verdict::kLinearizable) << verdict.report;
}

void ExpectRefused(const std::vector<Operation>& history) {
  const Verdict verdict = Check(history);
  EXPECT_EQ(verdict.kind, Verdict::kNotLinearizable) << verdict.report;
}

TEST(CheckerTest, OneAfterTheOther) {
  ExpectLinearizable({
      Get(0, 1, 2, std::nullopt, 0),
      Set(0, 3, 4, 1, 1),
      Get(0, 5, 6, 1, 1),
      Add(0, 7, 8, 2, 2),
      SetIfEqual(0, 9, 10, 2, 5, 3),
      WithOutcome(SetIfEqual(0, 11, 12, 2, 6, 0), Outcome::kRefused),
      SetIfUnchanged(0, 13, 14, 3, 7, 4),
      WithOutcome(SetIfUnchanged(0, 15, 16, 3, 8, 0), Outcome::kRefused),
      Delete(0, 17, 18, true, 5),
      Delete(0, 19, 20, false, 5),
      Get(0, 21, 22, std::nullopt, 6),
  });
}

TEST(CheckerTest, AReadBesideAWriteMaySeeEither) {
  ExpectLinearizable({Set(0, 1, 10, 1, 1), Get(1, 2, 3, std::nullopt, 0)});
  ExpectLinearizable({Set(0, 1, 10, 1, 1), Get(1, 2, 3, 1, 1)});
}

TEST(CheckerTest, AStaleRead) {
  ExpectRefused({
      Set(0, 1, 2, 1, 1),
      Set(0, 3, 4, 2, 2),
      // Answered after 2 was, and still 1.
      Get(1, 5, 6, 1, 1),
  });
  // Whatever it claims to be of.
  ExpectRefused({
      Set(0, 1, 2, 1, 1),
      Set(0, 3, 4, 2, 2),
      Get(1, 5, 6, 1, 2),
  });
}

TEST(CheckerTest, ReadsThatGoBack) {
  ExpectRefused({
      Set(0, 1, 2, 1, 1),
      Set(0, 3, 20, 2, 2),
      // While 2 is being written one reader sees it, and a later one does not.
      Get(1, 4, 5, 2, 2),
      Get(2, 6, 7, 1, 1),
  });
}

TEST(CheckerTest, ALostUpdate) {
  ExpectRefused({
      Set(0, 1, 2, 1, 1),
      // Both are told that they made 2 of 1.
      Add(1, 3, 6, 2, 2),
      Add(2, 4, 7, 2, 3),
  });
  ExpectRefused({
      Set(0, 1, 2, 1, 1),
      SetIfEqual(1, 3, 6, 1, 2, 2),
      SetIfEqual(2, 4, 7, 1, 3, 3),
  });
  ExpectRefused({
      Set(0, 1, 2, 1, 1),
      SetIfUnchanged(1, 3, 6, 1, 2, 2),
      SetIfUnchanged(2, 4, 7, 1, 3, 3),
  });
}

TEST(CheckerTest, AnAnsweredWriteIsGone) {
  ExpectRefused({Set(0, 1, 2, 1, 1), Get(0, 3, 4, std::nullopt, 5)});
}

TEST(CheckerTest, AWriteThatNobodyMade) {
  ExpectRefused({Set(0, 1, 2, 1, 1), Get(0, 3, 4, 3, 1)});
}

TEST(CheckerTest, AWriteOfUnknownOutcomeMayHaveHappenedOrNot) {
  const Operation lost = WithOutcome(Set(0, 3, 6, 2, 0), Outcome::kUnknown);
  ExpectLinearizable({Set(0, 1, 2, 1, 1), lost, Get(1, 7, 8, 1, 9)});
  ExpectLinearizable({Set(0, 1, 2, 1, 1), lost, Get(1, 7, 8, 2, 9)});
  // But not after its server was gone, nor twice.
  ExpectRefused({Set(0, 1, 2, 1, 1), lost, Get(1, 7, 8, 1, 9),
                 Get(1, 9, 10, 2, 9)});
  const Operation lost_add = WithOutcome(Add(0, 3, 6, 0, 0), Outcome::kUnknown);
  ExpectLinearizable({Set(0, 1, 2, 1, 1), lost_add, Get(1, 7, 8, 2, 9)});
  ExpectRefused({Set(0, 1, 2, 1, 1), lost_add, Get(1, 7, 8, 3, 9)});
}

TEST(CheckerTest, AConditionThatHeldIsNotRefused) {
  ExpectRefused({
      Set(0, 1, 2, 1, 1),
      WithOutcome(SetIfEqual(0, 3, 4, 1, 2, 0), Outcome::kRefused),
  });
  ExpectRefused({
      Set(0, 1, 2, 1, 1),
      WithOutcome(SetIfUnchanged(0, 3, 4, 1, 2, 0), Outcome::kRefused),
  });
  // A to B to A counts as a change.
  ExpectRefused({
      Set(0, 1, 2, 1, 1),
      Set(0, 3, 4, 2, 2),
      Set(0, 5, 6, 1, 3),
      SetIfUnchanged(0, 7, 8, 1, 4, 4),
  });
}

TEST(CheckerTest, ARevisionGivenTwice) {
  ExpectRefused({Set(0, 1, 4, 1, 1), Set(1, 2, 5, 2, 1)});
}

TEST(CheckerTest, RevisionsAgainstTime) {
  ExpectRefused({Set(0, 1, 2, 1, 7), Set(1, 3, 4, 2, 6)});
}

TEST(CheckerTest, KeysAreJudgedEachByItself) {
  Operation elsewhere = Get(1, 3, 4, std::nullopt, 1);
  elsewhere.key = "/b";
  ExpectLinearizable({Set(0, 1, 2, 1, 1), elsewhere});
}

TEST(CheckerTest, WhatIsNoHistoryIsNotJudged) {
  Operation backwards = Get(0, 4, 3, std::nullopt, 0);
  EXPECT_EQ(Check({backwards}).kind, Verdict::kNotReadable);
}

}  // namespace
}  // namespace restate::test
