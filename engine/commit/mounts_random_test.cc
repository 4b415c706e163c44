// Random writes across mounts of all kinds, and crashes between them.

#include <random>

#include "engine/commit/testing/mounts_fixture.h"
#include "engine/error/error.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

TEST_F(MountsTest, RandomWritesAcrossMountsSurviveCrashes) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  std::mt19937 random(seed);
  const auto pick = [&](int below) {
    return static_cast<int>(random() % static_cast<unsigned>(below));
  };
  Start({{"/x"}});
  Tree model;
  for (int round = 0; round < 12; ++round) {
    const int steps = pick(20);
    const int last_applied = pick(20);
    for (int i = 0; i <= steps; ++i) {
      if (i == last_applied) {
        ASSERT_TRUE(Flush("/x").ok());
        elsewhere_->plan.BlockWrites();
        FreezeElsewhere();
      }
      CommitRequest request;
      for (int k = pick(3); k >= 0; --k) {
        const Path path =
            P(pick(2) == 0 ? "/x" : "/y").Child(std::string(1, 'a' + pick(3)));
        const bool deletes = pick(5) == 0;
        SetOperation set;
        set.path = path;
        set.value = Value::Int(pick(100));
        model = tree::Replace(model, path,
                              deletes ? Tree() : Tree(set.value));
        if (deletes) {
          request.operations.push_back(DeleteOperation{.path = path});
        } else {
          request.operations.push_back(std::move(set));
        }
      }
      ASSERT_TRUE(Submit(std::move(request)).get().ok());
    }
    if (last_applied > steps) {
      ASSERT_TRUE(Flush("/x").ok());
      FreezeElsewhere();
    }
    ASSERT_EQ(Get("/"), model);
    Crash();
    ASSERT_EQ(Get("/"), model);
    ASSERT_TRUE(Flush("/x").ok());
    ASSERT_EQ(elsewhere_->root(), tree::Get(model, P("/x")));
  }
}

}  // namespace
}  // namespace restate
