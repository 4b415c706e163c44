#include "engine/commit/commit_view.h"

#include <optional>
#include <string>
#include <vector>

#include "engine/tree/tree.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

Path P(std::string_view text) { return *Path::Parse(text); }

Tree At(std::string_view path, int64_t value) {
  return tree::Replace(std::nullopt, P(path), Value::Int(value));
}

Effect Mark(std::string_view path, Tree after) {
  Effect effect;
  effect.path = P(path);
  effect.complete = false;
  effect.below_unknown = true;
  effect.after = std::move(after);
  return effect;
}

SequencedCommit Commit(std::vector<Effect> effects) {
  SequencedCommit commit;
  commit.effects = std::move(effects);
  return commit;
}

Tree Read(const Effect& effect, std::string_view path) {
  return ViewAfter(effect)->Read(P(path), ReadLimits())->tree;
}

DerivedValues Derived(
    const std::vector<std::pair<std::string, Tree>>& values) {
  DerivedValues derived;
  uint64_t id = 0;
  for (const auto& [dest, value] : values) {
    derived.Add(P(dest), ++id);
    derived.SetValue(P(dest), value);
  }
  return derived;
}

TEST(CommitViewTest, WhatIsDerivedBelowIsKeptWithIt) {
  SequencedCommit commit = Commit({Mark("/m", At("/n", 3))});
  // Below a leaf, beside it, absent; and two that are elsewhere.
  KeepWhatIsBelow(Derived({{"/a", Value::Int(1)},
                           {"/m/n/squared", Value::Int(9)},
                           {"/m/none", std::nullopt},
                           {"/m/sum", At("/x", 4)},
                           {"/n", Value::Int(1)}}),
                  &commit);
  const Effect& effect = commit.effects[0];
  ASSERT_TRUE(effect.keeps_below);
  EXPECT_EQ(effect.derived_below.size(), 3u);
  EXPECT_EQ(Read(effect, "/m/n"), Tree(Value::Int(3)));
  EXPECT_EQ(Read(effect, "/m/n/squared"), Tree(Value::Int(9)));
  EXPECT_EQ(Read(effect, "/m/sum/x"), Tree(Value::Int(4)));
  EXPECT_EQ(Read(effect, "/m/none"), std::nullopt);
  EXPECT_EQ(Read(effect, "/a"), std::nullopt);
  EXPECT_GT(BytesOfViewAfter(effect), 0u);
}

TEST(CommitViewTest, WhatADestinationHidesIsNotShown) {
  SequencedCommit commit = Commit({Mark("/d/m", At("/hidden", 1))});
  KeepWhatIsBelow(Derived({{"/d", tree::Replace(At("/m/x", 2), P("/y"),
                                                Value::Int(3))}}),
                  &commit);
  ASSERT_TRUE(commit.effects[0].keeps_below);
  EXPECT_EQ(Read(commit.effects[0], "/d/m"), At("/x", 2));
  EXPECT_EQ(Read(commit.effects[0], "/d/m/hidden"), std::nullopt);
}

TEST(CommitViewTest, NothingIsKeptOfWhatTheCommitChangesAgain) {
  Effect above;
  above.path = P("/");
  Effect below;
  below.path = P("/m/x");
  Effect beside;
  beside.path = P("/n");
  Effect ping = below;
  ping.kind = Effect::Kind::kPing;
  Effect derived = below;
  derived.derived = true;
  const auto keeps = [](std::vector<Effect> effects) {
    SequencedCommit commit = Commit(std::move(effects));
    KeepWhatIsBelow(DerivedValues(), &commit);
    return commit.effects[0].keeps_below;
  };
  const Effect mark = Mark("/m", At("/x", 1));
  EXPECT_FALSE(keeps({mark, above}));
  EXPECT_FALSE(keeps({mark, below}));
  EXPECT_TRUE(keeps({mark, beside, ping, derived}));
  EXPECT_TRUE(keeps({mark}));
  Effect left_out = mark;
  left_out.after_incomplete = true;
  EXPECT_FALSE(keeps({left_out}));
}

TEST(CommitViewTest, TooMuchThatIsDerivedIsNotKept) {
  std::vector<std::pair<std::string, Tree>> many;
  for (int i = 0; i <= 10'000; ++i) {
    many.emplace_back("/m/" + std::to_string(i), Value::Int(i));
  }
  SequencedCommit commit = Commit({Mark("/m", At("/n", 3))});
  KeepWhatIsBelow(Derived(many), &commit);
  EXPECT_FALSE(commit.effects[0].keeps_below);
  EXPECT_TRUE(commit.effects[0].derived_below.empty());
}

}  // namespace
}  // namespace restate
