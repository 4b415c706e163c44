#include "engine/commit/runaway_writes.h"

#include <memory>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"

namespace restate {
namespace {

Path P(std::string_view text) { return *Path::Parse(text); }

std::vector<Operation> Sets(const std::vector<std::string_view>& paths) {
  std::vector<Operation> operations;
  for (std::string_view path : paths) {
    SetOperation set;
    set.path = P(path);
    operations.push_back(std::move(set));
  }
  return operations;
}

// With /sum, which reads /orders and /rate, and /twice, which reads /sum.
DerivationState State() {
  DerivationState state;
  const auto add = [&state](std::string_view dest, std::vector<Path> reads) {
    auto progress = std::make_shared<DerivationProgress>();
    progress->reads = std::move(reads);
    Derivation derivation;
    derivation.progress = std::move(progress);
    state.derivations = state.derivations.Set(P(dest).key(), derivation);
  };
  add("/sum", {P("/orders"), P("/rate")});
  add("/twice", {P("/sum")});
  return state;
}

TEST(RunawayWritesTest, WhatTouchesTheSourceIsExpected) {
  RunawayWrites runaways;
  EXPECT_TRUE(runaways.empty());
  EXPECT_FALSE(runaways.Expects(Sets({"/orders/1"})));
  runaways.Computed(Sets({"/x", "/orders/1"}), {P("/sum")}, State());
  EXPECT_TRUE(runaways.Expects(Sets({"/orders/2"})));
  EXPECT_TRUE(runaways.Expects(Sets({"/orders"})));
  EXPECT_TRUE(runaways.Expects(Sets({"/y", "/"})));
  EXPECT_FALSE(runaways.Expects(Sets({"/rate"}))) << "it was not written";
  EXPECT_FALSE(runaways.Expects(Sets({"/x"})));
  EXPECT_FALSE(runaways.Expects(Sets({"/sum"})));
}

TEST(RunawayWritesTest, BehindOtherDerivationsItIsWhatWasWritten) {
  RunawayWrites runaways;
  runaways.Computed(Sets({"/orders/1"}), {P("/twice")}, State());
  EXPECT_TRUE(runaways.Expects(Sets({"/orders/1/price"})));
  EXPECT_FALSE(runaways.Expects(Sets({"/orders/2"})));
  runaways.Computed(Sets({"/rate"}), {P("/gone")}, State());
  EXPECT_TRUE(runaways.Expects(Sets({"/rate"})));
}

TEST(RunawayWritesTest, OneThatGoesWellIsForgotten) {
  RunawayWrites runaways;
  runaways.Computed(Sets({"/orders/1"}), {P("/sum")}, State());
  runaways.Computed(Sets({"/x"}), {}, State());
  EXPECT_TRUE(runaways.Expects(Sets({"/orders/1"})));
  runaways.Computed(Sets({"/orders/2"}), {}, State());
  EXPECT_TRUE(runaways.empty());
  runaways.Computed(Sets({"/orders/1"}), {P("/sum")}, State());
  runaways.Forget();
  EXPECT_FALSE(runaways.Expects(Sets({"/orders/1"})));
}

TEST(RunawayWritesTest, ItRemembersFew) {
  RunawayWrites runaways;
  for (int i = 0; i < 1000; ++i) {
    const std::string path = "/p" + std::to_string(i);
    runaways.Computed(Sets({path}), {P("/twice")}, State());
  }
  EXPECT_FALSE(runaways.Expects(Sets({"/p0"})));
  EXPECT_TRUE(runaways.Expects(Sets({"/p999"})));
  const std::vector<Operation> many(101, Sets({"/p999"})[0]);
  EXPECT_FALSE(runaways.Expects(many));
}

}  // namespace
}  // namespace restate
