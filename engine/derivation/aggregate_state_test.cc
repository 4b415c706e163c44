#include "engine/derivation/aggregate_state.h"

#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "gtest/gtest.h"

namespace restate {
namespace {

constexpr int64_t kMost = std::numeric_limits<int64_t>::max();

std::optional<Contribution> Of(Value value, std::string group = "") {
  return Contribution{std::move(group), std::move(value), ""};
}

TEST(AggregateStateTest, OfNothing) {
  EXPECT_EQ(AggregateState(Combine::kCount, false).result().value,
            Tree(Value::Int(0)));
  EXPECT_EQ(AggregateState(Combine::kSum, false).result().value,
            Tree(Value::Int(0)));
  for (Combine combine : {Combine::kMin, Combine::kMax, Combine::kMean,
                          Combine::kCollect}) {
    const AggregateState state(combine, false);
    EXPECT_EQ(state.result().value, std::nullopt);
    EXPECT_EQ(state.result().error, "");
  }
  EXPECT_EQ(AggregateState(Combine::kSum, true).result().value,
            Tree(Value::EmptyMap()));
}

TEST(AggregateStateTest, ASumTooLargeIsAnErrorUntilItFitsAgain) {
  AggregateState state(Combine::kSum, false);
  state.SetChild("a", Of(Value::Int(kMost)));
  state.SetChild("b", Of(Value::Int(1)));
  EXPECT_EQ(state.result().error, "the sum does not fit into an int64");
  EXPECT_EQ(state.result().value, std::nullopt);
  state.SetChild("c", Of(Value::Int(-1)));
  EXPECT_EQ(state.result().value, Tree(Value::Int(kMost)));
  state.SetChild("c", std::nullopt);
  EXPECT_NE(state.result().error, "");
  state.SetChild("a", Of(Value::Int(2)));
  EXPECT_EQ(state.result().value, Tree(Value::Int(3)));
}

TEST(AggregateStateTest, ASumIsAsItsNumbersAre) {
  AggregateState state(Combine::kSum, false);
  state.SetChild("a", Of(Value::Int(1)));
  state.SetChild("b", Of(Value::Double(0.5)));
  EXPECT_TRUE(Value::Identical(*state.result().value, Value::Double(1.5)));
  state.SetChild("b", std::nullopt);
  EXPECT_TRUE(Value::Identical(*state.result().value, Value::Int(1)));
}

TEST(AggregateStateTest, ExtremesAreOfWhatIsLeft) {
  AggregateState least(Combine::kMin, false);
  AggregateState greatest(Combine::kMax, false);
  const auto set = [&](const std::string& name,
                       std::optional<Contribution> one) {
    least.SetChild(name, one);
    greatest.SetChild(name, one);
  };
  set("a", Of(Value::Int(3)));
  set("b", Of(Value::Double(-1.5)));
  set("c", Of(Value::Int(kMost)));
  set("d", Of(Value::Double(9223372036854775808.0)));
  EXPECT_EQ(least.result().value, Tree(Value::Double(-1.5)));
  EXPECT_TRUE(Value::Identical(*greatest.result().value,
                               Value::Double(9223372036854775808.0)));
  set("d", std::nullopt);
  set("b", std::nullopt);
  EXPECT_EQ(least.result().value, Tree(Value::Int(3)));
  EXPECT_TRUE(
      Value::Identical(*greatest.result().value, Value::Int(kMost)));
  set("a", Of(Value::Int(3)));
  set("e", Of(Value::Int(3)));
  set("a", std::nullopt);
  EXPECT_EQ(least.result().value, Tree(Value::Int(3)));
  set("s", Of(Value::String("x")));
  EXPECT_EQ(least.result().error, "numbers and strings do not compare");
  set("e", std::nullopt);
  set("c", std::nullopt);
  EXPECT_EQ(least.result().value, Tree(Value::String("x")));
}

TEST(AggregateStateTest, ChildrenMoveBetweenGroups) {
  AggregateState state(Combine::kSum, true);
  state.SetChild("a", Of(Value::Int(1), "x"));
  state.SetChild("b", Of(Value::Int(2), "x"));
  Value::Map expected;
  EXPECT_EQ(state.result().value,
            Tree(Value::MakeMap(expected.Set("x", Value::Int(3)))));
  state.SetChild("a", Of(Value::Int(1), "y"));
  expected = expected.Set("x", Value::Int(2)).Set("y", Value::Int(1));
  EXPECT_EQ(state.result().value, Tree(Value::MakeMap(expected)));
  state.SetChild("b", std::nullopt);
  EXPECT_EQ(state.result().value,
            Tree(Value::MakeMap(Value::Map().Set("y", Value::Int(1)))));
}

TEST(AggregateStateTest, AChildThatFailsIsNamedAndMayRecover) {
  AggregateState state(Combine::kSum, false);
  state.SetChild("a", Of(Value::Int(1)));
  state.SetChild("b", Of(Value::String("x")));
  EXPECT_EQ(state.result().error, "child b: `each` gives no number");
  state.SetChild("b", Of(Value::Int(2)));
  EXPECT_EQ(state.result().value, Tree(Value::Int(3)));
  state.SetChild("c", Contribution{"", Value(), "it broke"});
  EXPECT_EQ(state.result().error, "child c: it broke");
  state.SetChild("c", std::nullopt);
  EXPECT_EQ(state.result().value, Tree(Value::Int(3)));
}

TEST(AggregateStateTest, CollectIsAMapByChild) {
  AggregateState state(Combine::kCollect, false);
  state.SetChild("a", Of(Value::Int(1)));
  state.SetChild("b", Of(Value::Null()));
  EXPECT_EQ(state.result().value,
            Tree(Value::MakeMap(Value::Map()
                                    .Set("a", Value::Int(1))
                                    .Set("b", Value::Null()))));
}

}  // namespace
}  // namespace restate
