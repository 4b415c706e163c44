#include "engine/value/persistent_map.h"

#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace restate {
namespace {

using Map = PersistentMap<int>;
using Model = std::map<std::string, int>;

Model Contents(const Map& map) {
  Model model;
  std::string last;
  for (auto it = map.begin(); !it.at_end(); ++it) {
    EXPECT_TRUE(model.empty() || last < it->key) << "out of order: " << it->key;
    last = it->key;
    model[it->key] = it->value;
  }
  EXPECT_EQ(model.size(), map.size());
  return model;
}

std::string Key(int i) { return "k" + std::to_string(i); }

TEST(PersistentMapTest, EmptyMapHasNothing) {
  Map map;
  EXPECT_TRUE(map.empty());
  EXPECT_EQ(map.size(), 0u);
  EXPECT_EQ(map.Find("a"), nullptr);
  EXPECT_EQ(map.FindLastAtOrBefore("a"), nullptr);
  EXPECT_TRUE(map.begin().at_end());
  EXPECT_TRUE(map.LowerBound("a").at_end());
  EXPECT_TRUE(map.Erase("a").empty());
}

TEST(PersistentMapTest, ChangesLeaveTheOriginalAlone) {
  Map one = Map().Set("a", 1);
  Map two = one.Set("a", 2).Set("b", 3);
  Map three = two.Erase("a");
  EXPECT_EQ(Contents(one), (Model{{"a", 1}}));
  EXPECT_EQ(Contents(two), (Model{{"a", 2}, {"b", 3}}));
  EXPECT_EQ(Contents(three), (Model{{"b", 3}}));
}

TEST(PersistentMapTest, RandomOperationsMatchAModel) {
  for (unsigned seed = 0; seed < 20; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::mt19937 random(seed);
    Map map;
    Model model;
    const int keys = 1 + static_cast<int>(random() % 500);
    for (int step = 0; step < 3000; ++step) {
      std::string key = Key(random() % keys);
      switch (random() % 4) {
        case 0:
          map = map.Erase(key);
          model.erase(key);
          break;
        case 1: {
          if (random() % 50 != 0) break;
          std::string end = Key(random() % keys);
          if (end < key) std::swap(end, key);
          map = map.EraseRange(key, end);
          model.erase(model.lower_bound(key), model.lower_bound(end));
          break;
        }
        default:
          map = map.Set(key, step);
          model[key] = step;
      }
      std::string probe = Key(random() % keys);
      auto found = model.find(probe);
      ASSERT_EQ(map.Find(probe) != nullptr, found != model.end());
      if (found != model.end()) {
        ASSERT_EQ(*map.Find(probe), found->second);
      }
      auto above = model.upper_bound(probe);
      const Map::Entry* before = map.FindLastAtOrBefore(probe);
      ASSERT_EQ(before == nullptr, above == model.begin());
      if (before != nullptr) {
        ASSERT_EQ(before->key, std::prev(above)->first);
      }
      auto at = map.LowerBound(probe);
      auto expected = model.lower_bound(probe);
      ASSERT_EQ(at.at_end(), expected == model.end());
      if (!at.at_end()) {
        ASSERT_EQ(at->key, expected->first);
      }
    }
    EXPECT_EQ(Contents(map), model);
  }
}

TEST(PersistentMapTest, BuilderGivesWhatSetGives) {
  for (int n : {0, 1, 15, 16, 17, 255, 256, 257, 5000}) {
    Model model;
    for (int i = 0; i < n; ++i) model[Key(i)] = i;
    Map::Builder builder;
    for (const auto& [key, value] : model) builder.Append(key, value);
    Map map = builder.Finish();
    EXPECT_EQ(Contents(map), model) << n;
    // The built tree takes changes as any other.
    map = map.Set("zzz", 7).Erase(Key(n / 2));
    model["zzz"] = 7;
    model.erase(Key(n / 2));
    EXPECT_EQ(Contents(map), model) << n;
    EXPECT_TRUE(builder.empty());
  }
}

TEST(PersistentMapTest, DiffNamesExactlyWhatDiffers) {
  std::mt19937 random(1);
  Map a;
  for (int i = 0; i < 3000; ++i) a = a.Set(Key(random() % 4000), i);
  for (int round = 0; round < 50; ++round) {
    Map b = a;
    for (int i = static_cast<int>(random() % 20); i > 0; --i) {
      std::string key = Key(random() % 4000);
      b = random() % 2 == 0 ? b.Erase(key) : b.Set(key, -i);
    }
    Model in_a = Contents(a), in_b = Contents(b);
    Model::size_type differing = 0;
    for (const auto& [key, value] : in_a) {
      differing += !in_b.contains(key) || in_b[key] != value;
    }
    for (const auto& [key, value] : in_b) differing += !in_a.contains(key);
    Model::size_type seen = 0;
    size_t visited = 0;
    std::string last;
    Map::Diff(a, b, [&](const std::string& key, const int* x, const int* y) {
      EXPECT_LT(last, key);
      last = key;
      ++visited;
      ASSERT_EQ(x != nullptr, in_a.contains(key));
      ASSERT_EQ(y != nullptr, in_b.contains(key));
      if (x == nullptr || y == nullptr || *x != *y) ++seen;
    });
    EXPECT_EQ(seen, differing);
    // A change copies one leaf of at most 16 and may shift its neighbours.
    EXPECT_LE(visited, 20u * 3 * 16);
  }
}

TEST(PersistentMapTest, DiffOfSharedMapsVisitsNothing) {
  Map a;
  for (int i = 0; i < 1000; ++i) a = a.Set(Key(i), i);
  Map b = a;
  int visited = 0;
  Map::Diff(a, b, [&](const std::string&, const int*, const int*) {
    ++visited;
  });
  EXPECT_EQ(visited, 0);
  EXPECT_TRUE(a.SharesRootWith(b));
}

}  // namespace
}  // namespace restate
