#include "engine/commit/last_changes.h"

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace restate {
namespace {

Path P(std::string_view text) { return *Path::Parse(text); }

TEST(LastChangesTest, AChangeCountsForThePathAndAboveOnly) {
  LastChanges changes(1 << 20, 0);
  changes.RecordOwnValue(P("/a/b"), 5);
  EXPECT_EQ(changes.LastChangeOf(P("/a/b"), View::kAll), 5);
  EXPECT_EQ(changes.LastChangeOf(P("/a"), View::kAll), 5);
  EXPECT_EQ(changes.LastChangeOf(P("/"), View::kAll), 5);
  EXPECT_EQ(changes.LastChangeOf(P("/a/b/c"), View::kAll), 0);
  EXPECT_EQ(changes.LastChangeOf(P("/a/c"), View::kAll), 0);
  EXPECT_EQ(changes.LastChangeOf(P("/a"), View::kOwnValue), 0);
  EXPECT_EQ(changes.LastChangeOf(P("/a/b"), View::kOwnValue), 5);
}

TEST(LastChangesTest, TellsWhatItTakes) {
  LastChanges changes(2'000, 0);
  EXPECT_EQ(changes.bytes(), 0u);
  changes.RecordOwnValue(P("/a"), 1);
  const size_t one = changes.bytes();
  EXPECT_GT(one, 0u);
  changes.RecordOwnValue(P("/a"), 2);
  EXPECT_EQ(changes.bytes(), one);
  for (int i = 0; i < 1'000; ++i) {
    changes.RecordOwnValue(Path().Child(std::to_string(i)), 3 + i);
    EXPECT_LE(changes.bytes(), 2'500u);
  }
  EXPECT_GT(changes.bytes(), 1'000u);
}

TEST(LastChangesTest, AWholeSubtreeCountsBelowToo) {
  LastChanges changes(1 << 20, 0);
  changes.RecordSubtree(P("/a"), 7);
  EXPECT_EQ(changes.LastChangeOf(P("/a/b/c"), View::kAll), 7);
  EXPECT_EQ(changes.LastChangeOf(P("/a/b/c"), View::kOwnValue), 7);
  EXPECT_EQ(changes.LastChangeOf(P("/"), View::kAll), 7);
  EXPECT_EQ(changes.LastChangeOf(P("/b"), View::kAll), 0);
}

// Within the floor the answers are those of a list of everything; below it
// nothing is claimed.
TEST(LastChangesTest, ForgettingOnlyRaisesTheFloor) {
  std::mt19937 random(1);
  LastChanges changes(20'000, 0);
  std::vector<std::pair<Path, Revision>> all;
  for (Revision revision = 1; revision <= 3000; ++revision) {
    Path path = P("/" + std::to_string(random() % 30) + "/" +
                  std::to_string(random() % 30));
    changes.RecordOwnValue(path, revision);
    all.emplace_back(path, revision);
    Path asked = P("/" + std::to_string(random() % 30));
    if (random() % 2 == 0) {
      asked = asked.Child(std::to_string(random() % 30));
    }
    Revision last = 0;
    for (const auto& [changed, at] : all) {
      if (asked.Contains(changed)) last = at;
    }
    const Revision told = changes.LastChangeOf(asked, View::kAll);
    if (last > changes.floor()) {
      ASSERT_EQ(told, last) << asked.ToText();
    } else {
      ASSERT_LE(told, changes.floor());
    }
  }
  EXPECT_GT(changes.floor(), 0);
  EXPECT_LT(changes.floor(), 3000);
}

}  // namespace
}  // namespace restate
