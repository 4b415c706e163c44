#include "engine/derivation/commit_budget.h"

#include <cstdint>
#include <string>

#include "gtest/gtest.h"

namespace restate {
namespace {

TEST(CommitBudgetTest, EachDefinerHasTheSameShare) {
  CommitBudget budget;
  budget.Share(900, 3);
  EXPECT_EQ(budget.Allowed("a", 1'000), 300);
  EXPECT_EQ(budget.Allowed("a", 200), 200);
  budget.Charge("a", 250);
  EXPECT_EQ(budget.Allowed("a", 200), 50);
  EXPECT_TRUE(budget.Begin("a"));
  budget.Charge("a", 100);
  EXPECT_EQ(budget.Allowed("a", 200), 0);
  EXPECT_FALSE(budget.Begin("a"));
  EXPECT_FALSE(budget.MayRead("a"));
  // What one has not used is nobody else's, and none can use another's.
  EXPECT_EQ(budget.Allowed("b", 1'000), 300);
  budget.Exhaust("b");
  EXPECT_FALSE(budget.Begin("b"));
  EXPECT_EQ(budget.Allowed("c", 1'000), 300);
  EXPECT_EQ(budget.spent(), 350);
}

TEST(CommitBudgetTest, NobodyIsOneDefiner) {
  CommitBudget budget;
  budget.Share(500, 0);
  EXPECT_EQ(budget.Allowed("", 1'000), 500);
}

TEST(CommitBudgetTest, WhatIsBegunInASliceMayEnd) {
  CommitBudget budget;
  budget.Share(10'000, 2);
  budget.GiveSlice("a", 100);
  // A source that takes more than the slice to read.
  EXPECT_TRUE(budget.Begin("a"));
  budget.Charge("a", 3'000);
  EXPECT_EQ(budget.Allowed("a", 8'000), 8'000);
  EXPECT_FALSE(budget.Begin("a"));
  EXPECT_TRUE(budget.MayRead("a"));
  // Others have their shares.
  EXPECT_EQ(budget.Allowed("b", 8'000), 5'000);
}

TEST(CommitBudgetTest, WhoIsRestrictedSharesLittle) {
  CommitBudget budget;
  budget.Share(9'000, 3);
  budget.Restrict({"a", "b"}, 100);
  EXPECT_EQ(budget.Allowed("a", 1'000), 50);
  EXPECT_EQ(budget.Allowed("b", 1'000), 50);
  EXPECT_EQ(budget.Allowed("c", 10'000), 3'000);
  budget.Charge("a", 60);
  EXPECT_FALSE(budget.Begin("a"));
  EXPECT_TRUE(budget.Begin("b"));
  budget.Exhaust("b");
  EXPECT_FALSE(budget.Begin("b"));
}

TEST(CommitBudgetTest, WhatIsSpentHereIsCountedApart) {
  CommitBudget budget;
  budget.Share(1'000, 2);
  budget.Charge("a", 500);
  budget.CountHere("a", 20);
  budget.CountHere("a", 30);
  int64_t here = 0;
  budget.ForEachHere([&](const std::string& definer, int64_t spent) {
    EXPECT_EQ(definer, "a");
    here += spent;
  });
  EXPECT_EQ(here, 50);
  EXPECT_EQ(budget.Allowed("a", 1'000), 0);
}

TEST(CommitBudgetTest, ManyThatAreCheapShareASlice) {
  CommitBudget budget;
  budget.Share(10'000, 1);
  budget.GiveSlice("a", 100);
  int begun = 0;
  while (budget.Begin("a")) {
    ++begun;
    budget.Charge("a", 30);
  }
  EXPECT_EQ(begun, 4);
}

}  // namespace
}  // namespace restate
