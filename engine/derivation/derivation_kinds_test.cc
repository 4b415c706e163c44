// Aggregates, tracked and hosted derivations, and restarts.
#include "engine/derivation/testing/derivation_test.h"

#include <string>
#include <vector>

namespace restate {
namespace {

using Lines = std::vector<std::string>;

class DerivationKindsTest : public DerivationTest {};

TEST_F(DerivationKindsTest, ASumFollowsItsChildren) {
  Start();
  ASSERT_TRUE(
      Define(Aggregate("/total", "/cart", Combine::kSum, "value.price")).ok());
  // Of a source that is absent it is a sum of nothing.
  EXPECT_EQ(Read("/total"), Tree(I(0)));
  ASSERT_TRUE(Set("/cart", M({{"book", M({{"price", I(10)}})},
                              {"pen", M({{"price", I(2)}})}}))
                  .ok());
  EXPECT_EQ(Read("/total"), Tree(I(12)));
  ASSERT_TRUE(Set("/cart/pen/price", I(3)).ok());
  EXPECT_EQ(Read("/total"), Tree(I(13)));
  ASSERT_TRUE(Delete("/cart/book").ok());
  EXPECT_EQ(Read("/total"), Tree(I(3)));
  ASSERT_TRUE(Set("/", M({{"cart", M({{"x", M({{"price", I(7)}})}})}})).ok());
  EXPECT_EQ(Read("/total"), Tree(I(7)));
  ASSERT_TRUE(Set("/cart", Value::EmptyMap()).ok());
  EXPECT_EQ(Read("/total"), Tree(I(0)));
  ASSERT_TRUE(Delete("/cart").ok());
  EXPECT_EQ(Read("/total"), Tree(I(0)));
  EXPECT_EQ(StatusOf("/total"), DerivationStatus::kOk);
  EXPECT_EQ(Runs("/total"), 7);
}

TEST_F(DerivationKindsTest, AnAggregateOfAnAbsentSourceIsOneOfNothing) {
  StartDurable();
  struct Case {
    std::string dest;
    Combine combine;
    Tree nothing;
  };
  const std::vector<Case> cases = {
      {"/count", Combine::kCount, I(0)},
      {"/sum", Combine::kSum, I(0)},
      {"/min", Combine::kMin, std::nullopt},
      {"/max", Combine::kMax, std::nullopt},
      {"/mean", Combine::kMean, std::nullopt},
      {"/collect", Combine::kCollect, std::nullopt}};
  const auto expect_nothing = [&] {
    for (const Case& one : cases) {
      EXPECT_EQ(Read(one.dest), one.nothing) << one.dest;
      EXPECT_EQ(StatusOf(one.dest), DerivationStatus::kOk) << one.dest;
    }
  };
  for (const Case& one : cases) {
    ASSERT_TRUE(Define(Aggregate(one.dest, "/from", one.combine)).ok());
  }
  expect_nothing();
  // Emptied, and gone, also above, and after a start.
  ASSERT_TRUE(Set("/from", M({{"a", I(3)}})).ok());
  EXPECT_EQ(Read("/sum"), Tree(I(3)));
  ASSERT_TRUE(Delete("/from/a").ok());
  expect_nothing();
  ASSERT_TRUE(Set("/from", M({{"a", I(3)}})).ok());
  ASSERT_TRUE(Set("/from", Value::EmptyMap()).ok());
  expect_nothing();
  ASSERT_TRUE(Set("/from", M({{"a", I(3)}})).ok());
  ASSERT_TRUE(Delete("/").ok());
  expect_nothing();
  Restart();
  expect_nothing();
  ASSERT_TRUE(Set("/from/b", I(4)).ok());
  EXPECT_EQ(Read("/sum"), Tree(I(4)));
  EXPECT_EQ(Read("/mean"), Tree(Value::Double(4)));
}

TEST_F(DerivationKindsTest, AnAggregateInsideItsSourceIsNoChildOfIt) {
  Start();
  ASSERT_TRUE(Set("/cart/a", I(1)).ok());
  ASSERT_TRUE(Define(Aggregate("/cart/count", "/cart", Combine::kCount)).ok());
  ASSERT_TRUE(Set("/cart/b", I(1)).ok());
  EXPECT_EQ(Read("/cart/count"), Tree(I(2)));
  ASSERT_TRUE(Set("/cart", M({{"count", I(9)}, {"z", I(1)}})).ok());
  EXPECT_EQ(Read("/cart/count"), Tree(I(1)));
}

TEST_F(DerivationKindsTest, DerivedChildrenAreCountedWhereTheyShow) {
  Start();
  ASSERT_TRUE(Set("/a/x", I(1)).ok());
  ASSERT_TRUE(Define(Lua("/a/y", {}, "2")).ok());
  ASSERT_TRUE(Define(Aggregate("/sum", "/a", Combine::kSum)).ok());
  EXPECT_EQ(Read("/sum"), Tree(I(3)));
  // A leaf hides them.
  ASSERT_TRUE(Set("/a", I(5)).ok());
  EXPECT_EQ(Read("/sum"), Tree(I(0)));
  ASSERT_TRUE(Set("/a/x", I(4)).ok());
  EXPECT_EQ(Read("/sum"), Tree(I(6)));
}

TEST_F(DerivationKindsTest, GroupsAndMoves) {
  Start();
  ASSERT_TRUE(Define(Aggregate("/by", "/people", Combine::kCount, "",
                               "value.team"))
                  .ok());
  ASSERT_TRUE(Set("/people", M({{"ann", M({{"team", Value::String("x")}})},
                                {"bob", M({{"team", Value::String("x")}})},
                                {"cat", M({{"name", I(1)}})}}))
                  .ok());
  EXPECT_EQ(Read("/by"), Tree(M({{"x", I(2)}})));
  ASSERT_TRUE(Set("/people/bob/team", Value::String("y")).ok());
  EXPECT_EQ(Read("/by"), Tree(M({{"x", I(1)}, {"y", I(1)}})));
  ASSERT_TRUE(Set("/people/ann/team", Value::String("y")).ok());
  EXPECT_EQ(Read("/by"), Tree(M({{"y", I(2)}})));
  ASSERT_TRUE(Set("/people/ann/team", Value::String("..")).ok());
  EXPECT_EQ(StatusOf("/by"), DerivationStatus::kError);
  ASSERT_TRUE(Delete("/people/ann").ok());
  EXPECT_EQ(Read("/by"), Tree(M({{"y", I(1)}})));
}

TEST_F(DerivationKindsTest, ARefusedCommitLeavesAnAggregateAsItWas) {
  Start();
  ASSERT_TRUE(Set("/items/a", I(1)).ok());
  ASSERT_TRUE(Define(Aggregate("/sum", "/items", Combine::kSum)).ok());
  Definition guard = Lua("/guard", {{"s", "/sum"}},
                         "if s > 10 then error('too much') end return s");
  guard.on_error = OnError::kFailWrite;
  ASSERT_TRUE(Define(guard).ok());
  EXPECT_EQ(ReasonOf(Set("/items/b", I(10)).status()), "DERIVATION_FAILED");
  EXPECT_EQ(Read("/sum"), Tree(I(1)));
  ASSERT_TRUE(Set("/items/c", I(9)).ok());
  EXPECT_EQ(Read("/sum"), Tree(I(10)));
}

TEST_F(DerivationKindsTest, OneChildOfManyIsOneCall) {
  Start();
  Value::Map many;
  for (int i = 0; i < 5'000; ++i) {
    many = many.Set("c" + std::to_string(i), I(i));
  }
  ASSERT_TRUE(Set("/many", Value::MakeMap(many)).ok());
  ASSERT_TRUE(
      Define(Aggregate("/sum", "/many", Combine::kSum, "value + 0")).ok());
  EXPECT_EQ(Read("/sum"), Tree(I(12'497'500)));
  ASSERT_TRUE(Set("/many/c7", I(8)).ok());
  EXPECT_EQ(Read("/sum"), Tree(I(12'497'501)));
}

TEST_F(DerivationKindsTest, MoreChangesThanAreKeptAreComputedAnew) {
  Start();
  Value::Map many;
  for (int i = 0; i < 12'000; ++i) {
    many = many.Set("c" + std::to_string(i), I(1));
  }
  ASSERT_TRUE(Define(Aggregate("/sum", "/many", Combine::kSum)).ok());
  ASSERT_TRUE(Set("/many", Value::MakeMap(many)).ok());
  EXPECT_EQ(Read("/sum"), Tree(I(12'000)));
  ASSERT_TRUE(Set("/many", M({{"x", I(5)}})).ok());
  EXPECT_EQ(Read("/sum"), Tree(I(5)));
}

TEST_F(DerivationKindsTest, TrackedReadsAreWhatItDependsOn) {
  Start();
  ASSERT_TRUE(Set("/flag", Value::Bool(true)).ok());
  ASSERT_TRUE(Set("/old", I(1)).ok());
  ASSERT_TRUE(Set("/new", I(2)).ok());
  ASSERT_TRUE(Define(Lua("/t", {},
                         "if get('/flag') then return get('/old') end "
                         "return get('/new')"))
                  .ok());
  EXPECT_EQ(Read("/t"), Tree(I(1)));
  EXPECT_EQ(Now("/t").progress->reads,
            (std::vector<Path>{P("/flag"), P("/old")}));
  ASSERT_TRUE(Set("/new", I(3)).ok());
  EXPECT_EQ(Runs("/t"), 1);
  ASSERT_TRUE(Set("/flag", Value::Bool(false)).ok());
  EXPECT_EQ(Read("/t"), Tree(I(3)));
  ASSERT_TRUE(Set("/old", I(9)).ok());
  EXPECT_EQ(Runs("/t"), 2);
  ASSERT_TRUE(Set("/new", I(4)).ok());
  EXPECT_EQ(Read("/t"), Tree(I(4)));
  EXPECT_EQ(Runs("/t"), 3);
}

TEST_F(DerivationKindsTest, TrackedReadsOfDerivedPathsWaitForThem) {
  Start();
  ASSERT_TRUE(Set("/n", I(1)).ok());
  // Before what it reads in the order of names, and defined before.
  ASSERT_TRUE(Define(Lua("/a", {},
                         "local n = get('/n') local z = get('/z') "
                         "return z and n * 100 + z"))
                  .ok());
  ASSERT_TRUE(Define(Lua("/z", {{"n", "/n"}}, "n + 1")).ok());
  EXPECT_EQ(Read("/a"), Tree(I(102)));
  ASSERT_TRUE(Set("/n", I(5)).ok());
  EXPECT_EQ(Read("/a"), Tree(I(506)));
  EXPECT_EQ(LastEffects(), (Lines{"0 /n", "1 /z derived", "2 /a derived"}));
  EXPECT_EQ(Runs("/z"), 2);
}

TEST_F(DerivationKindsTest, ACircleOfReadsIsAnErrorWithTheChain) {
  Start();
  ASSERT_TRUE(Set("/flag", Value::Bool(false)).ok());
  ASSERT_TRUE(Define(Lua("/a", {}, "return get('/b')")).ok());
  ASSERT_TRUE(
      Define(Lua("/b", {}, "if get('/flag') then return get('/a') end return 1"))
          .ok());
  EXPECT_EQ(Read("/a"), Tree(I(1)));
  ASSERT_TRUE(Set("/flag", Value::Bool(true)).ok());
  EXPECT_EQ(StatusOf("/b"), DerivationStatus::kError);
  EXPECT_NE(MessageOf("/b").find("/b -> /a -> /b"), std::string::npos)
      << MessageOf("/b");
  EXPECT_EQ(Read("/a"), std::nullopt);
  ASSERT_TRUE(Set("/flag", Value::Bool(false)).ok());
  EXPECT_EQ(StatusOf("/b"), DerivationStatus::kOk);
  EXPECT_EQ(Read("/a"), Tree(I(1)));
  ASSERT_TRUE(Define(Lua("/self", {}, "return get('/self/x')")).ok());
  EXPECT_NE(MessageOf("/self").find("/self -> /self"), std::string::npos);
}

// Seed 3328246983 of derivation_random_test: what reads /d was computed from its
// old value before /d was told that it closes a circle, and then once more.
TEST_F(DerivationKindsTest, WhoClosesACircleWaitsForNobodyOnIt) {
  Start();
  ASSERT_TRUE(Set("/s", I(5)).ok());
  ASSERT_TRUE(Define(Lua("/d", {}, "return get('/s')")).ok());
  EXPECT_EQ(Read("/d"), Tree(I(5)));
  Definition inside = Lua("/s/e", {{"x", "/d"}}, "return {k = x}");
  inside.call_when_absent = true;
  ASSERT_TRUE(Define(inside).ok());
  EXPECT_NE(MessageOf("/d").find("/d -> /s/e -> /d"), std::string::npos)
      << MessageOf("/d");
  EXPECT_EQ(LastEffects(), (Lines{"0 /d derived", "1 /s/e derived"}));
  EXPECT_EQ(Runs("/s/e"), 1);
  EXPECT_EQ(Read("/s/e"), Tree(M({})));
}

// Nobody can know that /closing gets a value again before /opening has been
// computed, and /a/last comes before that: the one case in which what is not
// tracked is computed, and written, twice in a commit.
TEST_F(DerivationKindsTest, WhatIsBehindACircleThatOpensMayBeComputedTwice) {
  Start();
  ASSERT_TRUE(Define(Lua("/opening", {},
                         "if get('/open') then return 9 end "
                         "return get('/closing')"))
                  .ok());
  ASSERT_TRUE(Define(Lua("/closing", {}, "return get('/opening')")).ok());
  EXPECT_EQ(StatusOf("/closing"), DerivationStatus::kError);
  Definition last = Lua("/a/last", {{"c", "/closing"}, {"s", "/s"}},
                        "list{c or 0, s or 0}");
  last.call_when_absent = true;
  ASSERT_TRUE(Define(last).ok());
  EXPECT_EQ(Runs("/a/last"), 1);
  ASSERT_TRUE(
      Do({SetOf("/open", Value::Bool(true)), SetOf("/s", I(1))}).ok());
  EXPECT_EQ(StatusOf("/closing"), DerivationStatus::kOk);
  EXPECT_EQ(Read("/a/last"), Tree(Value::MakeList({I(9), I(1)})));
  EXPECT_EQ(LastEffects(),
            (Lines{"0 /open", "1 /s", "2 /a/last derived", "3 /opening derived",
                   "4 /closing derived", "5 /a/last derived"}));
  EXPECT_EQ(Runs("/a/last"), 3);
}

TEST_F(DerivationKindsTest, HostedResultsAreCommits) {
  Start();
  ASSERT_TRUE(Set("/a", I(1)).ok());
  ASSERT_TRUE(Define(Hosted("/h", "/a")).ok());
  ASSERT_TRUE(Define(Lua("/b", {{"h", "/h"}}, "h + 1")).ok());
  EXPECT_EQ(Read("/h"), std::nullopt);
  EXPECT_EQ(StatusOf("/h"), DerivationStatus::kStale);
  const Revision first = Now("/h").progress->wanted_revision;
  ASSERT_TRUE(Complete("/h", first, I(10)).ok());
  EXPECT_EQ(Read("/h"), Tree(I(10)));
  EXPECT_EQ(Read("/b"), Tree(I(11)));
  EXPECT_EQ(StatusOf("/h"), DerivationStatus::kOk);
  EXPECT_EQ(LastEffects(), (Lines{"0 /h derived", "1 /b derived"}));
  ASSERT_TRUE(Set("/a", I(2)).ok());
  EXPECT_EQ(Read("/h"), Tree(I(10)));
  EXPECT_EQ(StatusOf("/h"), DerivationStatus::kStale);
  // An older result than the one that is there changes nothing.
  ASSERT_TRUE(Complete("/h", first, I(7)).ok());
  EXPECT_EQ(Read("/h"), Tree(I(10)));
  const Revision second = Now("/h").progress->wanted_revision;
  EXPECT_EQ(second, State()->revision());
  ASSERT_TRUE(
      Complete("/h", second, std::nullopt, absl::InternalError("it broke"))
          .ok());
  EXPECT_EQ(Read("/h"), std::nullopt);
  EXPECT_EQ(StatusOf("/h"), DerivationStatus::kError);
  EXPECT_EQ(MessageOf("/h"), "it broke");
  // Without its source it is gone at once, and what is still under way is late.
  ASSERT_TRUE(Set("/a", I(3)).ok());
  const Revision third = Now("/h").progress->wanted_revision;
  ASSERT_TRUE(Delete("/a").ok());
  ASSERT_TRUE(Complete("/h", third, I(5)).ok());
  EXPECT_EQ(Read("/h"), std::nullopt);
  EXPECT_EQ(StatusOf("/h"), DerivationStatus::kOk);
}

TEST_F(DerivationKindsTest, TheSameHostedDefinitionAgainIsTheSame) {
  Start();
  ASSERT_TRUE(Set("/a", I(1)).ok());
  ASSERT_TRUE(Define(Hosted("/h", "/a")).ok());
  ASSERT_TRUE(
      Complete("/h", Now("/h").progress->wanted_revision, I(10)).ok());
  const uint64_t version = Now("/h").version;
  ASSERT_TRUE(Define(Hosted("/h", "/a")).ok());
  EXPECT_EQ(Now("/h").version, version);
  EXPECT_EQ(Read("/h"), Tree(I(10)));
  CommitRequest late;
  late.derivation =
      CompleteTransform{P("/h"), version + 1, 100, nullptr, absl::OkStatus(),
                        I(1)};
  EXPECT_EQ(ReasonOf(Commit(late).status()), "DERIVATION_NOT_FOUND");
  ASSERT_TRUE(Define(Hosted("/h", "/other")).ok());
  EXPECT_EQ(Read("/h"), std::nullopt);
}

TEST_F(DerivationKindsTest, DefinitionsAndValuesAreThereAfterARestart) {
  StartDurable();
  ASSERT_TRUE(Set("/a", I(2)).ok());
  ASSERT_TRUE(Set("/tmp/x", I(1)).ok());
  Definition keep = Lua("/k", {{"a", "/a"}}, "if a > 5 then error('x') end return a");
  keep.on_error = OnError::kKeepLast;
  ASSERT_TRUE(Define(Lua("/b", {{"a", "/a"}}, "{sq = a * a}")).ok());
  ASSERT_TRUE(Define(Lua("/t", {{"x", "/tmp/x"}}, "x + 1")).ok());
  ASSERT_TRUE(Define(Aggregate("/n", "/tmp", Combine::kCount)).ok());
  ASSERT_TRUE(Define(Hosted("/h", "/a")).ok());
  ASSERT_TRUE(Define(keep).ok());
  ASSERT_TRUE(Complete("/h", Now("/h").progress->wanted_revision, I(10)).ok());
  ASSERT_TRUE(Define(Lua("/gone", {}, "1")).ok());
  ASSERT_TRUE(Remove("/gone").ok());
  ASSERT_TRUE(Set("/a", I(7)).ok());
  EXPECT_EQ(Read("/t"), Tree(I(2)));
  Restart();
  EXPECT_EQ(Read("/b"), Tree(M({{"sq", I(49)}})));
  EXPECT_EQ(Read("/h"), Tree(I(10)));
  EXPECT_EQ(StatusOf("/h"), DerivationStatus::kStale);
  EXPECT_EQ(Read("/k"), Tree(I(2)));
  EXPECT_EQ(StatusOf("/k"), DerivationStatus::kError);
  // What was in memory is gone, and what was derived from it too, at once.
  EXPECT_EQ(Read("/t"), std::nullopt);
  EXPECT_EQ(Read("/n"), Tree(I(0)));
  EXPECT_EQ(State()->derivations().Find(P("/gone")), nullptr);
  ASSERT_TRUE(Set("/a", I(3)).ok());
  EXPECT_EQ(Read("/b"), Tree(M({{"sq", I(9)}})));
  ASSERT_TRUE(Set("/tmp/y", I(5)).ok());
  EXPECT_EQ(Read("/n"), Tree(I(1)));
  EXPECT_EQ(ReasonOf(Set("/b", I(1)).status()), "DERIVED_PATH");
}

TEST_F(DerivationKindsTest, TheResetAtStartHasWhatIsDerivedFromIt) {
  StartDurable();
  ASSERT_TRUE(Set("/tmp/x", I(1)).ok());
  ASSERT_TRUE(Define(Lua("/t", {{"x", "/tmp/x"}}, "x + 1")).ok());
  const Revision before = State()->revision();
  Restart();
  Settle();
  const auto page = sequencer_->history().Read(
      before, State()->revision(), size_t{1} << 20);
  ASSERT_TRUE(page.ok());
  ASSERT_EQ(page->commits.size(), 1u);
  const std::vector<Effect>& effects = page->commits[0]->commit.effects;
  ASSERT_EQ(effects.size(), 2u);
  EXPECT_EQ(effects[0].path, P("/tmp"));
  EXPECT_EQ(effects[1].path, P("/t"));
  EXPECT_TRUE(effects[1].derived);
  EXPECT_EQ(effects[1].before, Tree(I(2)));
}

TEST_F(DerivationKindsTest, MountsThatComeAndGoAreSources) {
  Start();
  ASSERT_TRUE(Set("/m/x", I(1)).ok());
  ASSERT_TRUE(Define(Lua("/b", {{"x", "/m/x"}}, "x")).ok());
  ASSERT_TRUE(Define(Aggregate("/n", "/m", Combine::kCount)).ok());
  EXPECT_EQ(Read("/n"), Tree(I(1)));
  Mount mount;
  mount.at = P("/m");
  mount.backend = std::make_unique<MemoryBackend>();
  mount.definition = "memory";
  std::promise<absl::StatusOr<Revision>> mounted;
  sequencer_->AddMount(std::move(mount), [&](absl::StatusOr<Revision> result) {
    mounted.set_value(result);
  });
  ASSERT_TRUE(mounted.get_future().get().ok());
  EXPECT_EQ(Read("/b"), std::nullopt);
  EXPECT_EQ(LastEffects(), (Lines{"0 /m", "1 /b derived", "2 /n derived"}));
  std::promise<absl::StatusOr<Revision>> unmounted;
  sequencer_->RemoveMount(P("/m"), [&](absl::StatusOr<Revision> result) {
    unmounted.set_value(result);
  });
  ASSERT_TRUE(unmounted.get_future().get().ok());
  EXPECT_EQ(Read("/b"), Tree(I(1)));
  EXPECT_EQ(Read("/n"), Tree(I(1)));
}

}  // namespace
}  // namespace restate
