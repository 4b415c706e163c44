#include "engine/derivation/long_calls.h"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/derivation/lua_calls.h"
#include "engine/error/error.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

Value I(int64_t number) { return Value::Int(number); }

// One commit that is computed again and again until no call is left to be made.
class LongCallsTest : public testing::Test {
 protected:
  void Define(std::vector<std::string> parameters, std::string source) {
    function_ = *runtime_.Compile(std::move(parameters), std::move(source));
  }

  // One attempt. ABORTED if the commit is given up.
  absl::StatusOr<LuaOutcome> Attempt(std::vector<Tree> arguments,
                                     bool tracked = false) {
    CommitBudget commit;
    commit.Share(100'000'000, 1);
    LuaCalls calls(&runtime_, budget_, &commit, 1'000, &long_calls_);
    reads_.clear();
    const auto read = [this](const Path& path) -> absl::StatusOr<Tree> {
      reads_.push_back(path.ToText());
      return tree_[path.ToText()];
    };
    const LuaReader reader = read;
    absl::StatusOr<LuaOutcome> outcome = calls.Call(
        "definer", *function_, arguments, tracked ? &reader : nullptr);
    EXPECT_EQ(calls.left(), !outcome.ok());
    EXPECT_EQ(long_calls_ != nullptr && long_calls_->TakeGivenUp(),
              !outcome.ok());
    return outcome;
  }
  // What the other thread does.
  int MakeCalls() {
    int made = 0;
    while (LongCall* const call = long_calls_->next()) {
      MakeLongCall(other_, call);
      ++made;
    }
    return made;
  }
  uint64_t counted() const { return runtime_.counters().calls.value(); }

  LuaBudget budget_;
  LuaRuntime runtime_;
  LuaRuntime other_;
  std::unique_ptr<LuaFunction> function_;
  std::shared_ptr<LongCalls> long_calls_;
  std::map<std::string, Tree> tree_;
  // What was read in the last attempt.
  std::vector<std::string> reads_;
};

TEST_F(LongCallsTest, AShortCallIsMadeAtOnce) {
  Define({"x"}, "x + 1");
  EXPECT_EQ(*Attempt({I(1)})->result, Tree(I(2)));
  EXPECT_EQ(long_calls_, nullptr);
  EXPECT_EQ(counted(), 1u);
}

TEST_F(LongCallsTest, ALongOneIsLeftAndFound) {
  Define({"x"}, "for i = 1, 10000 do x = x + 1 end return x");
  EXPECT_TRUE(absl::IsAborted(Attempt({I(1)}).status()));
  EXPECT_EQ(counted(), 0u);
  EXPECT_EQ(MakeCalls(), 1);
  for (int again = 0; again < 2; ++again) {
    const auto outcome = Attempt({I(1)});
    ASSERT_TRUE(outcome.ok());
    EXPECT_EQ(*outcome->result, Tree(I(10'001)));
    EXPECT_GT(outcome->instructions, 10'000);
    EXPECT_EQ(counted(), static_cast<uint64_t>(again + 1));
  }
  // Other bits are other arguments.
  EXPECT_TRUE(absl::IsAborted(Attempt({Value::Double(1)}).status()));
  EXPECT_EQ(MakeCalls(), 1);
  EXPECT_EQ(*Attempt({Value::Double(1)})->result, Tree(Value::Double(10'001)));
}

TEST_F(LongCallsTest, WhatItFailsWithIsTheSame) {
  Define({"x"}, "while true do end");
  ASSERT_TRUE(absl::IsAborted(Attempt({I(1)}).status()));
  EXPECT_EQ(MakeCalls(), 1);
  const auto outcome = Attempt({I(1)});
  ASSERT_TRUE(outcome.ok());
  LuaRuntime third;
  const auto function = *third.Compile({"x"}, "while true do end");
  const Tree argument = I(1);
  const LuaOutcome direct = third.Call(*function, {&argument, 1}, budget_);
  EXPECT_EQ(outcome->result.status(), direct.result.status());
  EXPECT_EQ(outcome->instructions, direct.instructions);
  EXPECT_EQ(runtime_.counters().over_budget.value(), 1u);
}

TEST_F(LongCallsTest, WhatItReadsIsReadBetweenItsCalls) {
  Define({}, "local sum = get('/a') for i = 1, 10000 do sum = sum + 1 end "
             "return sum + get('/b')");
  tree_["/a"] = I(1);
  tree_["/b"] = I(2);
  ASSERT_TRUE(absl::IsAborted(Attempt({}, true).status()));
  MakeCalls();
  ASSERT_TRUE(absl::IsAborted(Attempt({}, true).status()));
  EXPECT_EQ(reads_, (std::vector<std::string>{"/a", "/b"}));
  MakeCalls();
  EXPECT_EQ(*Attempt({}, true)->result, Tree(I(10'003)));
  EXPECT_EQ(reads_, (std::vector<std::string>{"/a", "/b"}));
  EXPECT_EQ(counted(), 1u);
}

TEST_F(LongCallsTest, WhereAReadHasChangedItIsCalledAnew) {
  Define({}, "local other = get('/a') for i = 1, 10000 do end "
             "return get(other)");
  tree_["/a"] = Value::String("/b");
  tree_["/b"] = I(2);
  tree_["/c"] = I(3);
  ASSERT_TRUE(absl::IsAborted(Attempt({}, true).status()));
  MakeCalls();
  ASSERT_TRUE(absl::IsAborted(Attempt({}, true).status()));
  MakeCalls();
  tree_["/a"] = Value::String("/c");
  // This one has read what may not be read at all any more.
  ASSERT_TRUE(absl::IsAborted(Attempt({}, true).status()));
  EXPECT_EQ(MakeCalls(), 0);
  ASSERT_TRUE(absl::IsAborted(Attempt({}, true).status()));
  MakeCalls();
  ASSERT_TRUE(absl::IsAborted(Attempt({}, true).status()));
  MakeCalls();
  EXPECT_EQ(*Attempt({}, true)->result, Tree(I(3)));
  EXPECT_EQ(reads_, (std::vector<std::string>{"/a", "/c"}));
}

TEST_F(LongCallsTest, ItEndsWhereItsSourcesChangeAllTheTime) {
  Define({"x"}, "for i = 1, 10000 do x = x + 1 end return x");
  int attempts = 0;
  for (int64_t x = 0;; ++x) {
    const auto outcome = Attempt({I(x)});
    if (outcome.ok()) {
      EXPECT_EQ(*outcome->result, Tree(I(x + 10'000)));
      break;
    }
    ++attempts;
    MakeCalls();
  }
  EXPECT_EQ(attempts, LongCalls::kMostTimes);
  EXPECT_EQ(counted(), 1u);
}

TEST_F(LongCallsTest, SoDoesOneThatReadsSomethingElseAllTheTime) {
  Define({}, "local other = get('/a') for i = 1, 10000 do end "
             "return get(other)");
  int attempts = 0;
  for (int64_t number = 0;; ++number) {
    const std::string other = "/b" + std::to_string(number);
    tree_["/a"] = Value::String(other);
    tree_[other] = I(number);
    const auto outcome = Attempt({}, true);
    if (outcome.ok()) {
      EXPECT_EQ(*outcome->result, Tree(I(number)));
      EXPECT_EQ(reads_, (std::vector<std::string>{"/a", other}));
      break;
    }
    ++attempts;
    MakeCalls();
  }
  EXPECT_EQ(attempts, LongCalls::kMostTimes);
}

}  // namespace
}  // namespace restate
