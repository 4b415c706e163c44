// Aggregates with functions that use up their budget.
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "engine/derivation/testing/derivation_test.h"

namespace restate {
namespace {

class AggregateBudgetTest : public DerivationTest {};

// A function that never ends for any child costs some budgets, and not one for
// each child.
TEST_F(AggregateBudgetTest, AFewChildrenThatNeverEndAreEnough) {
  limits_.call.instructions = 10'000;
  limits_.commit_instructions = 400'000;
  Start();
  const auto child = [](int number) {
    return "c" + std::to_string(1'000 + number);
  };
  Value::Map many;
  for (int i = 0; i < 1'000; ++i) {
    many = many.Set(child(i), I(i < 20 ? -1 : 1));
  }
  ASSERT_TRUE(Set("/many", Value::MakeMap(many)).ok());
  int64_t calls = 0;
  const auto new_calls = [&] {
    const auto now = static_cast<int64_t>(
        sequencer_->derivation_engine().lua_counters().calls.value());
    return now - std::exchange(calls, now);
  };
  ASSERT_TRUE(Define(Aggregate("/sum", "/many", Combine::kSum,
                               "while value < 0 do end return value"))
                  .ok());
  EXPECT_EQ(new_calls(), 8);
  EXPECT_EQ(StatusOf("/sum"), DerivationStatus::kError);
  EXPECT_EQ(MessageOf("/sum"),
            "child c1000: the Lua function used its budget of 10000 "
            "instructions: make it do less, or derive in steps; so it is with "
            "7 more; others were not looked at");

  // What is not one of the eight changes nothing, and calls nothing.
  ASSERT_TRUE(Set("/many/c1500", I(3)).ok());
  EXPECT_EQ(new_calls(), 0);
  ASSERT_TRUE(Set("/many/c1003", I(-2)).ok());
  EXPECT_EQ(new_calls(), 1);
  EXPECT_EQ(StatusOf("/sum"), DerivationStatus::kError);

  // When none of them is left, the next eight are found.
  for (int i = 0; i < 7; ++i) {
    ASSERT_TRUE(Set("/many/" + child(i), I(1)).ok());
  }
  EXPECT_EQ(new_calls(), 7);
  EXPECT_EQ(MessageOf("/sum").find("child c1007: "), 0u) << MessageOf("/sum");
  ASSERT_TRUE(Delete("/many/c1007").ok());
  // Seven that are well, and eight that are not.
  EXPECT_EQ(new_calls(), 7 + 8);
  EXPECT_EQ(MessageOf("/sum").find("child c1008: "), 0u) << MessageOf("/sum");

  // And when there are none at all, everything is looked at.
  std::vector<Operation> mend;
  for (int i = 8; i < 20; ++i) {
    mend.push_back(SetOf("/many/" + child(i), I(1)));
  }
  ASSERT_TRUE(Do(mend).ok());
  EXPECT_EQ(new_calls(), 8 + 999);
  EXPECT_EQ(StatusOf("/sum"), DerivationStatus::kOk);
  EXPECT_EQ(Read("/sum"), Tree(I(999 + 2)));
  ASSERT_TRUE(Set("/many/c1500", I(1)).ok());
  EXPECT_EQ(new_calls(), 1);
  EXPECT_EQ(Read("/sum"), Tree(I(999)));
}

TEST_F(AggregateBudgetTest, AChildThatNeverEndedIsForgottenWithItsSource) {
  limits_.call.instructions = 10'000;
  Start();
  Value::Map many;
  for (int i = 0; i < 10; ++i) many = many.Set("c" + std::to_string(i), I(-1));
  ASSERT_TRUE(Set("/many", Value::MakeMap(many)).ok());
  ASSERT_TRUE(Define(Aggregate("/sum", "/many", Combine::kSum,
                               "while value < 0 do end return value"))
                  .ok());
  EXPECT_EQ(StatusOf("/sum"), DerivationStatus::kError);
  ASSERT_TRUE(Delete("/many").ok());
  EXPECT_EQ(StatusOf("/sum"), DerivationStatus::kOk);
  EXPECT_EQ(Read("/sum"), Tree(I(0)));
  ASSERT_TRUE(Set("/many/x", I(4)).ok());
  EXPECT_EQ(Read("/sum"), Tree(I(4)));
  // In one commit, too.
  ASSERT_TRUE(Set("/many", Value::MakeMap(many)).ok());
  EXPECT_EQ(StatusOf("/sum"), DerivationStatus::kError);
  ASSERT_TRUE(Set("/many", M({{"x", I(5)}, {"y", I(6)}})).ok());
  EXPECT_EQ(Read("/sum"), Tree(I(11)));
  // A refused commit brings back what was known.
  ASSERT_TRUE(Do({SetOf("/refuse", Value::String("x"))}).ok());
  ASSERT_TRUE(Set("/many", Value::MakeMap(many)).ok());
  std::vector<Operation> refused = {SetOf("/many", M({{"x", I(1)}})),
                                    SetOf("/refuse", I(1), WriteMode::kAdd)};
  EXPECT_EQ(ReasonOf(Do(refused).status()), "KIND_MISMATCH");
  EXPECT_EQ(StatusOf("/sum"), DerivationStatus::kError);
  refused.pop_back();
  ASSERT_TRUE(Do(refused).ok());
  EXPECT_EQ(Read("/sum"), Tree(I(1)));
}

}  // namespace
}  // namespace restate
