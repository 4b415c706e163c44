#include "engine/commit/leaf_cache.h"

#include <random>
#include <string>

#include "engine/tree/tree.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

Write WriteOf(Path path, Write::Scope scope, Tree value) {
  Write write;
  write.path = std::move(path);
  write.scope = scope;
  write.value = std::move(value);
  return write;
}

// Whatever is written, what the cache knows is what the state reads.
TEST(LeafCacheTest, KnowsNothingThatTheStateDoesNotRead) {
  for (unsigned seed = 0; seed < 50; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::mt19937 random(seed);
    const auto random_path = [&] {
      Path path;
      for (unsigned depth = random() % 4; depth > 0; --depth) {
        path = path.Child(std::string(1, 'a' + random() % 2));
      }
      return path;
    };
    Tree state;
    LeafCache cache(3000);
    size_t hits = 0;
    for (int step = 0; step < 500; ++step) {
      const Path path = random_path();
      Tree value;
      switch (random() % 5) {
        case 0:
          break;
        case 1:
          value = Value::MakeMap(Value::Map().Set("a", Value::Int(step)));
          break;
        default:
          value = Value::Int(step);
      }
      if (random() % 3 == 0) {
        if (value.has_value() && value->is_map()) value.reset();
        state = tree::ReplaceOwn(state, path, value);
        cache.Wrote(WriteOf(path, Write::Scope::kOwnValue, value));
      } else {
        state = tree::Replace(state, path, value);
        cache.Wrote(WriteOf(path, Write::Scope::kSubtree, value));
      }
      for (int i = 0; i < 5; ++i) {
        const Path asked = random_path();
        const Value* leaf = cache.Find(asked);
        if (leaf == nullptr) continue;
        ++hits;
        ASSERT_EQ(tree::Get(state, asked), Tree(*leaf)) << asked.ToText();
      }
    }
    EXPECT_GT(hits, 0u);
  }
}

TEST(LeafCacheTest, IsEmptiedWhenItIsFull) {
  LeafCache cache(1000);
  Path path = *Path::Parse("/a");
  cache.Wrote(WriteOf(path, Write::Scope::kSubtree, Value::Int(1)));
  EXPECT_NE(cache.Find(path), nullptr);
  cache.Wrote(WriteOf(*Path::Parse("/b"), Write::Scope::kSubtree,
                      Value::String(std::string(2000, 'x'))));
  EXPECT_EQ(cache.Find(path), nullptr);
}

TEST(LeafCacheTest, IsEmptiedWhenManyLeavesGo) {
  LeafCache cache(1 << 20);
  const auto leaf = [](std::string_view root, int number) {
    return *Path::Parse(std::string(root) + std::to_string(number));
  };
  const auto fill = [&](std::string_view root, int count) {
    for (int i = 0; i < count; ++i) {
      cache.Wrote(
          WriteOf(leaf(root, i), Write::Scope::kSubtree, Value::Int(i)));
    }
  };
  fill("/kept/", 10);
  fill("/few/", 900);
  cache.Wrote(WriteOf(*Path::Parse("/few"), Write::Scope::kSubtree, Tree()));
  EXPECT_EQ(cache.Find(leaf("/few/", 5)), nullptr);
  EXPECT_NE(cache.Find(leaf("/kept/", 5)), nullptr);
  fill("/many/", 2'000);
  cache.Wrote(WriteOf(*Path::Parse("/many"), Write::Scope::kSubtree, Tree()));
  EXPECT_EQ(cache.Find(leaf("/many/", 5)), nullptr);
  fill("/kept/", 10);
  EXPECT_NE(cache.Find(leaf("/kept/", 5)), nullptr);
  EXPECT_EQ(cache.Find(leaf("/many/", 1'999)), nullptr);
}

}  // namespace
}  // namespace restate
