#include "engine/derivation/aggregate_state.h"

#include <limits>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
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
    AggregateState state(combine, false);
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

// The same by a change at a time and all at once; and back again.
class AggregateStateUndoTest : public testing::TestWithParam<Combine> {};

TEST_P(AggregateStateUndoTest, EveryKeptVersionIsFoundAgain) {
  std::mt19937_64 random(
      testing::UnitTest::GetInstance()->random_seed());
  for (const bool grouped : {false, true}) {
    SCOPED_TRACE(testing::Message()
                 << "grouped " << grouped << ", seed "
                 << testing::UnitTest::GetInstance()->random_seed());
    const auto contribution = [&]() -> std::optional<Contribution> {
      switch (random() % 6) {
        case 0:
          return std::nullopt;
        case 1:
          return Contribution{"", Value(), "it broke"};
        default:
          return Of(random() % 2 == 0
                        ? Value::Int(static_cast<int64_t>(random() % 5))
                        : Value::Double(0.1 * static_cast<double>(random() %
                                                                  7)),
                    grouped ? absl::StrCat("g", random() % 3) : "");
      }
    };
    const auto name = [](uint64_t i) { return absl::StrCat("c", i % 8); };
    // What each child adds, by name; and what comes of that, computed anew.
    using Children = std::map<std::string, Contribution>;
    const auto expected = [&](const Children& children) {
      AggregateState fresh(GetParam(), grouped);
      fresh.BeginFilling(children.size());
      for (const auto& [child, one] : children) fresh.SetChild(child, one);
      fresh.EndFilling();
      return fresh.result();
    };
    const auto expect_same = [&](AggregateState& state,
                                 const Children& children) {
      const AggregateState::Result got = state.result();
      const AggregateState::Result want = expected(children);
      EXPECT_TRUE(tree::Identical(got.value, want.value));
      EXPECT_EQ(got.error, want.error);
      EXPECT_EQ(state.size(), children.size());
    };

    AggregateState state(GetParam(), grouped);
    Children now;
    std::vector<std::pair<uint64_t, Children>> kept;
    uint64_t version = 0;
    state.KeepAs(++version);
    kept.emplace_back(version, now);
    for (int i = 0; i < 400; ++i) {
      const uint64_t what = random() % 10;
      if (what == 0) {
        const size_t to = random() % kept.size();
        ASSERT_TRUE(state.GoBackTo(kept[to].first));
        kept.resize(to + 1);
        now = kept.back().second;
        expect_same(state, now);
      } else if (what == 1) {
        state.ForgetOlder();
        kept.erase(kept.begin(), kept.end() - 1);
      } else if (what == 2) {
        expect_same(state, now);
        state.KeepAs(++version);
        kept.emplace_back(version, now);
      } else {
        const std::string child = name(random());
        const std::optional<Contribution> one = contribution();
        state.SetChild(child, one);
        if (one.has_value()) {
          now[child] = *one;
        } else {
          now.erase(child);
        }
        if (random() % 2 == 0) expect_same(state, now);
      }
    }
    EXPECT_FALSE(state.GoBackTo(version + 1));
  }
}

INSTANTIATE_TEST_SUITE_P(Combines, AggregateStateUndoTest,
                         testing::Values(Combine::kCount, Combine::kSum,
                                         Combine::kMin, Combine::kMax,
                                         Combine::kMean, Combine::kCollect));

}  // namespace
}  // namespace restate
