// The rules of derived paths, one by one, through the sequencer.
#include "engine/derivation/testing/derivation_test.h"

#include <string>
#include <vector>

namespace restate {
namespace {

using Lines = std::vector<std::string>;

class DerivationRulesTest : public DerivationTest {
 protected:
  DerivationRulesTest() { Start(); }
};

TEST_F(DerivationRulesTest, IsComputedWhenDefinedAndOncePerCommit) {
  ASSERT_TRUE(Set("/a", I(2)).ok());
  ASSERT_TRUE(Define(Lua("/b", {{"a", "/a"}}, "a * a")).ok());
  EXPECT_EQ(Read("/b"), Tree(I(4)));
  EXPECT_EQ(Runs("/b"), 1);
  ASSERT_TRUE(Do({SetOf("/a", I(3)), SetOf("/a", I(4)), SetOf("/x", I(1))})
                  .ok());
  EXPECT_EQ(Read("/b"), Tree(I(16)));
  EXPECT_EQ(Runs("/b"), 2);
  EXPECT_EQ(LastEffects(), (Lines{"0 /a", "1 /a", "2 /x", "3 /b derived"}));
  EXPECT_EQ(Now("/b").progress->last_revision, State()->revision());
  ASSERT_TRUE(Set("/x", I(5)).ok());
  ASSERT_TRUE(Set("/a", I(4)).ok());
  EXPECT_EQ(Runs("/b"), 2);
}

TEST_F(DerivationRulesTest, CounterWithSquaredAndCubedSideBySide) {
  ASSERT_TRUE(Set("/counter", I(3)).ok());
  ASSERT_TRUE(Define(Lua("/counter/squared", {{"x", "/counter"}}, "x ^ 2 // 1 | 0")).ok());
  ASSERT_TRUE(Define(Lua("/counter/cubed", {{"x", "/counter"}}, "x * x * x")).ok());
  EXPECT_EQ(Read("/counter"), Tree(I(3)));
  EXPECT_EQ(Read("/counter/squared"), Tree(I(9)));
  EXPECT_EQ(Read("/counter/cubed"), Tree(I(27)));
  ASSERT_TRUE(Set("/counter", I(4)).ok());
  EXPECT_EQ(Read("/counter"), Tree(I(4)));
  EXPECT_EQ(Read("/counter/squared"), Tree(I(16)));
  EXPECT_EQ(Read("/counter/cubed"), Tree(I(64)));
  EXPECT_EQ(Runs("/counter/squared"), 2);
  EXPECT_EQ(Runs("/counter/cubed"), 2);
  EXPECT_EQ(LastEffects(), (Lines{"0 /counter", "1 /counter/cubed derived",
                                  "2 /counter/squared derived"}));
}

TEST_F(DerivationRulesTest, ADestinationIsReadOnly) {
  ASSERT_TRUE(Define(Lua("/a/b", {}, "{x = 1}")).ok());
  for (std::string_view path : {"/a/b", "/a/b/x", "/a/b/new"}) {
    EXPECT_EQ(ReasonOf(Set(path, I(1)).status()), "DERIVED_PATH");
    EXPECT_EQ(ReasonOf(Set(path, I(1), WriteMode::kAdd).status()),
              "DERIVED_PATH");
    EXPECT_EQ(ReasonOf(Set(path, I(1), WriteMode::kIfAbsent).status()),
              "DERIVED_PATH");
    EXPECT_EQ(ReasonOf(Delete(path).status()), "DERIVED_PATH");
  }
  const auto result = Set("/a/b", I(1));
  EXPECT_EQ(result.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ErrorMetadata(result.status()).at("derivation"), "/a/b");
  EXPECT_TRUE(Do({PingOperation{.path = P("/a/b")}}).ok());
}

TEST_F(DerivationRulesTest, SurvivesAWriteAndADeletionOfAnAncestor) {
  ASSERT_TRUE(Define(Lua("/a/b", {}, "7")).ok());
  ASSERT_TRUE(Set("/a", M({{"b", I(1)}, {"c", I(2)}})).ok());
  EXPECT_EQ(Read("/a"), Tree(M({{"b", I(7)}, {"c", I(2)}})));
  EXPECT_EQ(Read("/a", View::kWithoutDerived), Tree(M({{"c", I(2)}})));
  ASSERT_TRUE(Set("/a", M({{"b", Value::Null()}, {"d", I(3)}}),
                  WriteMode::kMerge)
                  .ok());
  EXPECT_EQ(Read("/a"), Tree(M({{"b", I(7)}, {"c", I(2)}, {"d", I(3)}})));
  ASSERT_TRUE(Delete("/").ok());
  EXPECT_EQ(Read("/"), Tree(M({{"a", M({{"b", I(7)}})}})));
  EXPECT_EQ(Read("/a", View::kWithoutDerived), std::nullopt);
}

TEST_F(DerivationRulesTest, WhatIsReadCanBeWrittenBack) {
  ASSERT_TRUE(Set("/a/c", I(2)).ok());
  ASSERT_TRUE(Define(Lua("/a/b", {}, "7")).ok());
  EXPECT_FALSE(Set("/a", *Read("/a"))->changed);
  EXPECT_FALSE(Set("/a", *Read("/a"), WriteMode::kMerge)->changed);
}

TEST_F(DerivationRulesTest, EqualityExistsAndEqualsLeaveOutDerivedPaths) {
  ASSERT_TRUE(Define(Lua("/a/b", {}, "7")).ok());
  CommitRequest absent;
  absent.preconditions = {Exists{P("/a"), false}, Exists{P("/a/b"), true},
                          Equals{P("/a/b"), I(7)}};
  EXPECT_TRUE(Commit(absent).ok());
  const auto first = Set("/a", M({{"c", I(1)}}), WriteMode::kIfAbsent);
  EXPECT_TRUE(first->changed);
  EXPECT_FALSE(Set("/a", M({{"c", I(1)}}))->changed);
  CommitRequest equals;
  equals.preconditions = {Equals{P("/a"), M({{"c", I(1)}})}};
  EXPECT_TRUE(Commit(equals).ok());
  ASSERT_TRUE(Delete("/a").ok());
  EXPECT_FALSE(Delete("/a")->changed);
  ASSERT_TRUE(Set("/a", Value::EmptyMap()).ok());
  EXPECT_EQ(Read("/a", View::kWithoutDerived), Tree(Value::EmptyMap()));
}

TEST_F(DerivationRulesTest, ValuesOfClientEventsLeaveOutDerivedPaths) {
  ASSERT_TRUE(Set("/a/c", I(1)).ok());
  ASSERT_TRUE(Define(Lua("/a/b", {{"c", "/a/c"}}, "c + 1")).ok());
  ASSERT_TRUE(Set("/a", M({{"b", I(0)}, {"c", I(5)}})).ok());
  EXPECT_EQ(LastEffects(), (Lines{"0 /a", "1 /a/b derived"}));
  const SequencedCommit& commit = recorder_.published.back();
  EXPECT_EQ(commit.effects[0].before, Tree(M({{"c", I(1)}})));
  EXPECT_EQ(commit.effects[0].after, Tree(M({{"c", I(5)}})));
  EXPECT_EQ(commit.effects[1].before, Tree(I(2)));
  EXPECT_EQ(commit.effects[1].after, Tree(I(6)));
  ASSERT_TRUE(Do({PingOperation{.path = P("/a")}}).ok());
  EXPECT_EQ(LastEffects(), (Lines{"0 /a"}));
  EXPECT_EQ(recorder_.published.back().effects[0].after,
            Tree(M({{"c", I(5)}})));
  EXPECT_EQ(Runs("/a/b"), 2);
}

TEST_F(DerivationRulesTest, SkipNotifyDoesNotSilenceDerivedWrites) {
  ASSERT_TRUE(Define(Lua("/b", {{"a", "/a"}}, "a")).ok());
  SetOperation set = SetOf("/a", I(1));
  set.skip_notify = true;
  ASSERT_TRUE(Do({set}).ok());
  Settle();
  EXPECT_TRUE(recorder_.published.back().effects[0].skip_notify);
  EXPECT_FALSE(recorder_.published.back().effects[1].skip_notify);
}

TEST_F(DerivationRulesTest, AbsentSourcesNilAndNull) {
  ASSERT_TRUE(Define(Lua("/b", {{"a", "/a"}}, "a")).ok());
  EXPECT_EQ(Read("/b"), std::nullopt);
  EXPECT_EQ(Runs("/b"), 0);
  ASSERT_TRUE(Set("/a", Value::Null()).ok());
  EXPECT_EQ(Read("/b"), Tree(Value::Null()));
  ASSERT_TRUE(Delete("/a").ok());
  EXPECT_EQ(Read("/b"), std::nullopt);
  Definition eager = Lua("/c", {{"a", "/a"}}, "a == nil");
  eager.call_when_absent = true;
  ASSERT_TRUE(Define(eager).ok());
  EXPECT_EQ(Read("/c"), Tree(Value::Bool(true)));
  ASSERT_TRUE(Define(Lua("/d", {{"c", "/c"}},
                         "if c then return 1 else return nil end"))
                  .ok());
  EXPECT_EQ(Read("/d"), Tree(I(1)));
  ASSERT_TRUE(Set("/a", I(1)).ok());
  EXPECT_EQ(Read("/d"), std::nullopt);
}

TEST_F(DerivationRulesTest, FailuresAreAbsentKeptOrRefuseTheWrite) {
  ASSERT_TRUE(Set("/a", I(1)).ok());
  Definition keep = Lua("/keep", {{"a", "/a"}}, "a + 1");
  keep.on_error = OnError::kKeepLast;
  ASSERT_TRUE(Define(Lua("/absent", {{"a", "/a"}}, "a + 1")).ok());
  ASSERT_TRUE(Define(keep).ok());
  ASSERT_TRUE(Set("/a", M({{"x", I(1)}})).ok());
  EXPECT_EQ(Read("/absent"), std::nullopt);
  EXPECT_EQ(StatusOf("/absent"), DerivationStatus::kError);
  EXPECT_NE(MessageOf("/absent"), "");
  EXPECT_EQ(Read("/keep"), Tree(I(2)));
  EXPECT_EQ(StatusOf("/keep"), DerivationStatus::kError);
  ASSERT_TRUE(Set("/a", I(4)).ok());
  EXPECT_EQ(Read("/absent"), Tree(I(5)));
  EXPECT_EQ(StatusOf("/absent"), DerivationStatus::kOk);
  EXPECT_EQ(MessageOf("/absent"), "");
  EXPECT_EQ(Read("/keep"), Tree(I(5)));

  Definition fail = Lua("/fail", {{"a", "/a"}}, "a + 1");
  fail.on_error = OnError::kFailWrite;
  ASSERT_TRUE(Define(fail).ok());
  const Revision before = State()->revision();
  const auto refused =
      Do({SetOf("/other", I(1)), SetOf("/a", Value::EmptyMap())});
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonOf(refused.status()), "DERIVATION_FAILED");
  EXPECT_EQ(ErrorMetadata(refused.status()).at("derivation"), "/fail");
  EXPECT_EQ(State()->revision(), before);
  EXPECT_EQ(Read("/other"), std::nullopt);
  EXPECT_EQ(Read("/a"), Tree(I(4)));
  EXPECT_EQ(Read("/fail"), Tree(I(5)));
  EXPECT_EQ(StatusOf("/fail"), DerivationStatus::kOk);
}

TEST_F(DerivationRulesTest, AnEqualResultRunsNoDependents) {
  ASSERT_TRUE(Set("/a", I(1)).ok());
  ASSERT_TRUE(Define(Lua("/positive", {{"a", "/a"}}, "a > 0")).ok());
  ASSERT_TRUE(Define(Lua("/text", {{"p", "/positive"}}, "tostring(p)")).ok());
  ASSERT_TRUE(Set("/a", I(2)).ok());
  EXPECT_EQ(Runs("/positive"), 2);
  EXPECT_EQ(Runs("/text"), 1);
  EXPECT_EQ(LastEffects(), (Lines{"0 /a"}));
  ASSERT_TRUE(Set("/a", I(-2)).ok());
  EXPECT_EQ(Read("/text"), Tree(Value::String("false")));
  EXPECT_EQ(Runs("/text"), 2);
}

TEST_F(DerivationRulesTest, AnIntegerAndAnEqualDoubleAreAChange) {
  ASSERT_TRUE(Set("/a", I(1)).ok());
  ASSERT_TRUE(Define(Lua("/b", {{"a", "/a"}}, "a >= 0 and a * 1.0 or 0")).ok());
  EXPECT_TRUE(Value::Identical(*Read("/b"), Value::Double(1)));
  ASSERT_TRUE(Define(Lua("/b", {{"a", "/a"}}, "a")).ok());
  EXPECT_TRUE(Value::Identical(*Read("/b"), I(1)));
}

TEST_F(DerivationRulesTest, ADiamondOfTenLevelsComputesEachOnce) {
  ASSERT_TRUE(Set("/n0", I(1)).ok());
  for (int level = 0; level < 10; ++level) {
    const std::string top = "/n" + std::to_string(level);
    const std::string left = "/l" + std::to_string(level);
    const std::string right = "/r" + std::to_string(level);
    const std::string foot = "/n" + std::to_string(level + 1);
    ASSERT_TRUE(Define(Lua(left, {{"x", top}}, "x + 1")).ok());
    ASSERT_TRUE(Define(Lua(right, {{"x", top}}, "x + 2")).ok());
    ASSERT_TRUE(
        Define(Lua(foot, {{"l", left}, {"r", right}}, "(l + r) % 1009")).ok());
  }
  ASSERT_TRUE(Set("/n0", I(5)).ok());
  int64_t expected = 5;
  for (int level = 0; level < 10; ++level) {
    expected = (2 * expected + 3) % 1009;
    for (std::string name : {"/l", "/r"}) {
      EXPECT_EQ(Runs(name + std::to_string(level)), 2);
    }
    EXPECT_EQ(Runs("/n" + std::to_string(level + 1)), 2);
  }
  EXPECT_EQ(Read("/n10"), Tree(I(expected)));
}

TEST_F(DerivationRulesTest, OtherSourcesAreGivenWithTheirDerivedPaths) {
  ASSERT_TRUE(Set("/a/x", I(1)).ok());
  ASSERT_TRUE(Define(Lua("/a/y", {{"x", "/a/x"}}, "x + 1")).ok());
  ASSERT_TRUE(Define(Lua("/sum", {{"a", "/a"}}, "a.x + a.y")).ok());
  ASSERT_TRUE(Define(Lua("/a/own", {{"a", "/a"}},
                         "a.y == nil and a.own == nil and a.x"))
                  .ok());
  EXPECT_EQ(Read("/sum"), Tree(I(3)));
  EXPECT_EQ(Read("/a/own"), Tree(I(1)));
  ASSERT_TRUE(Set("/a/x", I(10)).ok());
  EXPECT_EQ(Read("/sum"), Tree(I(21)));
  EXPECT_EQ(Read("/a/own"), Tree(I(10)));
  // Named as its own source it is seen.
  ASSERT_TRUE(Define(Lua("/a/named", {{"y", "/a/y"}}, "y")).ok());
  EXPECT_EQ(Read("/a/named"), Tree(I(11)));
  EXPECT_EQ(Runs("/a/own"), 2);
}

TEST_F(DerivationRulesTest, CyclesAreRefusedWithTheChain) {
  EXPECT_EQ(ReasonOf(Define(Lua("/a", {{"x", "/a"}}, "x"))), "CYCLE");
  EXPECT_EQ(ReasonOf(Define(Lua("/a", {{"x", "/a/b"}}, "x"))), "CYCLE");
  ASSERT_TRUE(Define(Lua("/a", {{"x", "/c"}}, "x")).ok());
  ASSERT_TRUE(Define(Lua("/b", {{"x", "/a"}}, "x")).ok());
  const absl::Status status = Define(Lua("/c", {{"x", "/b/deep"}}, "x"));
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonOf(status), "CYCLE");
  EXPECT_EQ(ErrorMetadata(status).at("cycle"), "/a -> /b -> /c -> /a");
  EXPECT_EQ(State()->derivations().Find(P("/c")), nullptr);
  ASSERT_TRUE(Set("/c", I(1)).ok());
  EXPECT_EQ(Read("/b"), Tree(I(1)));
}

TEST_F(DerivationRulesTest, NestedDestinationsAndTheirKeys) {
  ASSERT_TRUE(Set("/n", I(1)).ok());
  ASSERT_TRUE(Define(Lua("/a", {{"n", "/n"}}, "{b = n}")).ok());
  ASSERT_TRUE(Define(Lua("/a/c", {{"n", "/n"}}, "n + 1")).ok());
  EXPECT_EQ(Read("/a"), Tree(M({{"b", I(1)}, {"c", I(2)}})));
  EXPECT_EQ(ReasonOf(Define(Lua("/a/b", {{"n", "/n"}}, "n + 2"))), "");
  EXPECT_EQ(StatusOf("/a"), DerivationStatus::kError);
  EXPECT_EQ(Read("/a"), Tree(M({{"b", I(3)}, {"c", I(2)}})));
  ASSERT_TRUE(Remove("/a/b").ok());
  EXPECT_EQ(StatusOf("/a"), DerivationStatus::kOk);
  EXPECT_EQ(Read("/a"), Tree(M({{"b", I(1)}, {"c", I(2)}})));
}

TEST_F(DerivationRulesTest, ADestinationThatIsNotEmpty) {
  ASSERT_TRUE(Set("/b/x", I(1)).ok());
  const absl::Status refused = Define(Lua("/b", {}, "7"));
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ReasonOf(refused), "DEST_NOT_EMPTY");
  EXPECT_EQ(Read("/b"), Tree(M({{"x", I(1)}})));
  ASSERT_TRUE(Define(Lua("/b", {}, "7"), true).ok());
  EXPECT_EQ(Read("/b"), Tree(I(7)));
  EXPECT_EQ(LastEffects(), (Lines{"0 /b", "1 /b derived"}));
  ASSERT_TRUE(Remove("/b").ok());
  EXPECT_EQ(Read("/b"), std::nullopt);
  EXPECT_EQ(LastEffects(), (Lines{"0 /b derived"}));
  EXPECT_EQ(ReasonOf(Remove("/b")), "DERIVATION_NOT_FOUND");
  EXPECT_TRUE(Set("/b", I(1)).ok());
}

TEST_F(DerivationRulesTest, TheSameDestinationAgainReplaces) {
  ASSERT_TRUE(Set("/a", I(2)).ok());
  ASSERT_TRUE(Set("/x", I(5)).ok());
  ASSERT_TRUE(Define(Lua("/b", {{"a", "/a"}}, "a")).ok());
  ASSERT_TRUE(Define(Lua("/b", {{"x", "/x"}}, "x")).ok());
  EXPECT_EQ(Read("/b"), Tree(I(5)));
  ASSERT_TRUE(Set("/a", I(3)).ok());
  EXPECT_EQ(Runs("/b"), 1);
  Definition broken = Lua("/b", {{"x", "/x"}}, "error('no')");
  broken.on_error = OnError::kKeepLast;
  ASSERT_TRUE(Define(broken).ok());
  EXPECT_EQ(Read("/b"), std::nullopt);
}

TEST_F(DerivationRulesTest, WhatRefusesADefinition) {
  EXPECT_EQ(ReasonOf(Define(Lua("/", {}, "1"))), "INVALID_PATH");
  EXPECT_EQ(ReasonOf(Define(Lua("/b", {}, "1 +"))), "LUA_SYNTAX");
  Definition odd = Lua("/b", {{"a", "/a"}}, "a");
  odd.sources.push_back(P("/c"));
  EXPECT_EQ(ReasonOf(Define(odd)), "INVALID_REQUEST");
  EXPECT_TRUE(State()->derivations().empty());
  EXPECT_TRUE(Define(Lua("/b", {}, "error('x')")).ok());
  EXPECT_EQ(StatusOf("/b"), DerivationStatus::kError);
}

TEST_F(DerivationRulesTest, ResultsThatCannotBeHeldAreErrors) {
  ASSERT_TRUE(Define(Lua("/b", {}, "{['*'] = 1}")).ok());
  EXPECT_EQ(StatusOf("/b"), DerivationStatus::kError);
  EXPECT_EQ(Read("/b"), std::nullopt);
}

TEST_F(DerivationRulesTest, PayloadsGoWithDerivedWrites) {
  Definition definition = Lua("/b", {{"a", "/a"}}, "a");
  definition.payload = Value::String("note");
  ASSERT_TRUE(Define(definition).ok());
  ASSERT_TRUE(Set("/a", I(1)).ok());
  Settle();
  EXPECT_EQ(recorder_.published.back().effects[1].payload,
            Tree(Value::String("note")));
}

TEST_F(DerivationRulesTest, UnchangedSinceGoesByView) {
  ASSERT_TRUE(Set("/a/x", I(1)).ok());
  ASSERT_TRUE(Set("/n", I(1)).ok());
  ASSERT_TRUE(Define(Lua("/a/y", {{"n", "/n"}}, "n")).ok());
  const Revision before = State()->revision();
  ASSERT_TRUE(Set("/n", I(2)).ok());
  const auto holds = [&](std::string_view path, View view) {
    CommitRequest request;
    request.preconditions = {UnchangedSince{P(path), before, view}};
    return Commit(request).ok();
  };
  EXPECT_FALSE(holds("/a", View::kAll));
  EXPECT_TRUE(holds("/a", View::kWithoutDerived));
  EXPECT_FALSE(holds("/a/y", View::kAll));
  EXPECT_FALSE(holds("/a/y", View::kWithoutDerived));
  EXPECT_TRUE(holds("/a/x", View::kAll));
  EXPECT_FALSE(holds("/", View::kAll));
}

TEST_F(DerivationRulesTest, UnchangedSinceOfALeafWithDerivedChildren) {
  ASSERT_TRUE(Set("/a", I(1)).ok());
  ASSERT_TRUE(Set("/n", I(1)).ok());
  ASSERT_TRUE(Define(Lua("/a/y", {{"n", "/n"}}, "n")).ok());
  const Revision before = State()->revision();
  ASSERT_TRUE(Set("/n", I(2)).ok());
  CommitRequest request;
  request.preconditions = {UnchangedSince{P("/a"), before, View::kAll}};
  EXPECT_TRUE(Commit(request).ok());
}

TEST_F(DerivationRulesTest, ACallPastItsOwnBudgetIsTheDerivationsError) {
  ASSERT_TRUE(Define(Lua("/b", {{"x", "/a"}}, "while true do end")).ok());
  ASSERT_TRUE(Set("/a", I(2)).ok());
  EXPECT_EQ(StatusOf("/b"), DerivationStatus::kError);
}

TEST_F(DerivationRulesTest, DeletedSourcesInTransactionsThatChangeNothing) {
  ASSERT_TRUE(Set("/a", I(1)).ok());
  ASSERT_TRUE(Define(Lua("/b", {{"a", "/a"}}, "a")).ok());
  ASSERT_TRUE(Do({DeleteOf("/a"), SetOf("/a", I(1))}).ok());
  EXPECT_EQ(Read("/b"), Tree(I(1)));
  EXPECT_EQ(Runs("/b"), 2);
  EXPECT_EQ(LastEffects(), (Lines{"0 /a", "1 /a"}));
}

}  // namespace
}  // namespace restate
