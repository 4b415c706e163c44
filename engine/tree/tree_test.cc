#include "engine/tree/tree.h"

#include <map>
#include <random>
#include <string>
#include <vector>

#include "engine/error/error.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

Path P(std::string_view text) { return *Path::Parse(text); }

Value MapOf(
    std::initializer_list<std::pair<std::string_view, Value>> entries) {
  Value::Map map;
  for (const auto& [key, value] : entries) map = map.Set(key, value);
  return Value::MakeMap(map);
}

Value I(int64_t i) { return Value::Int(i); }

TEST(TreeTest, AFirstChildTakesThePlaceOfAnEmptyMap) {
  Tree root = tree::Replace(std::nullopt, P("/a"), Value::EmptyMap());
  EXPECT_EQ(root, Tree(MapOf({{"a", Value::EmptyMap()}})));
  root = tree::Replace(root, P("/a/b"), I(1));
  EXPECT_EQ(root, Tree(MapOf({{"a", MapOf({{"b", I(1)}})}})));
  root = tree::Replace(root, P("/a/b"), std::nullopt);
  EXPECT_EQ(root, std::nullopt) << "a parent that loses its last child is gone";
}

TEST(TreeTest, AnOwnValueStaysBesideChildren) {
  Tree root = tree::Replace(std::nullopt, P("/counter"), I(3));
  root = tree::Replace(root, P("/counter/squared"), I(9));
  EXPECT_EQ(tree::Get(root, P("/counter")),
            Tree(MapOf({{"/", I(3)}, {"squared", I(9)}})));
  EXPECT_EQ(tree::OwnValue(tree::Get(root, P("/counter"))), Tree(I(3)));
  EXPECT_TRUE(tree::HasChildren(tree::Get(root, P("/counter"))));
  root = tree::Replace(root, P("/counter/squared"), std::nullopt);
  EXPECT_EQ(tree::Get(root, P("/counter")), Tree(I(3)));
  EXPECT_FALSE(tree::HasChildren(tree::Get(root, P("/counter"))));
}

TEST(TreeTest, ReplaceOwnKeepsChildren) {
  Tree root(MapOf({{"a", MapOf({{"b", I(1)}})}}));
  root = tree::ReplaceOwn(root, P("/a"), I(7));
  EXPECT_EQ(tree::Get(root, P("/a")),
            Tree(MapOf({{"/", I(7)}, {"b", I(1)}})));
  EXPECT_EQ(tree::ReplaceOwn(root, P("/a"), Value::EmptyMap()),
            Tree(MapOf({{"a", MapOf({{"b", I(1)}})}})));
  EXPECT_EQ(tree::ReplaceOwn(root, P("/a"), std::nullopt),
            Tree(MapOf({{"a", MapOf({{"b", I(1)}})}})));
  EXPECT_EQ(tree::ReplaceOwn(std::nullopt, P("/x"), Value::EmptyMap()),
            Tree(MapOf({{"x", Value::EmptyMap()}})));
}

TEST(TreeTest, RemovingWhatIsAbsentChangesNothing) {
  Tree root(MapOf({{"a", I(1)}}));
  EXPECT_EQ(tree::Replace(root, P("/a/b/c"), std::nullopt), root);
  EXPECT_EQ(tree::Replace(root, P("/x"), std::nullopt), root);
  EXPECT_EQ(tree::Replace(std::nullopt, P("/x/y"), std::nullopt),
            std::nullopt);
}

TEST(TreeTest, TruncateDepthGivesDeeperMapsAsEmpty) {
  Tree node(MapOf({{"a", MapOf({{"b", MapOf({{"c", I(1)}})}})}, {"x", I(2)}}));
  bool truncated = false;
  EXPECT_EQ(tree::TruncateDepth(node, 1, &truncated),
            Tree(MapOf({{"a", Value::EmptyMap()}, {"x", I(2)}})));
  EXPECT_TRUE(truncated);
  truncated = false;
  EXPECT_EQ(tree::TruncateDepth(node, 3, &truncated), node);
  EXPECT_FALSE(truncated);
}

TEST(TreeTest, DiffSkipsWhatIsSharedAndNamesWhatIsNot) {
  Tree before;
  for (int i = 0; i < 2000; ++i) {
    before = tree::Replace(before, P("/users/" + std::to_string(i) + "/n"),
                           I(i));
  }
  Tree after = tree::Replace(before, P("/users/7/n"), I(-1));
  after = tree::Replace(after, P("/users/8"), std::nullopt);
  after = tree::Replace(after, P("/new"), Value::Double(1));
  std::vector<std::string> seen;
  tree::Diff(before, after,
             [&](const Path& path, const Value* a, const Value* b) {
               seen.push_back(path.ToText() + " " +
                              (a == nullptr ? "-" : a->DebugString()) + " " +
                              (b == nullptr ? "-" : b->DebugString()));
             });
  EXPECT_EQ(seen, (std::vector<std::string>{
                      "/new - double(1)", "/users/7/n 7 -1", "/users/8/n 8 -"}));
}

TEST(TreeTest, DiffComparesKindsAndBits) {
  int seen = 0;
  tree::Diff(Tree(I(1)), Tree(Value::Double(1)),
             [&](const Path&, const Value*, const Value*) { ++seen; });
  EXPECT_EQ(seen, 1);
}

// Random changes against a plain map from path keys to own values.
TEST(TreeTest, RandomChangesMatchAModel) {
  using Model = std::map<std::string, Value>;
  for (unsigned seed = 0; seed < 30; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::mt19937 random(seed);
    Tree root;
    Model model;
    auto random_path = [&] {
      Path path;
      for (int depth = static_cast<int>(random() % 4); depth > 0; --depth) {
        path = path.Child(std::string(1, static_cast<char>('!' + random() % 3)) +
                          (random() % 3 == 0 ? "0" : "x"));
      }
      return path;
    };
    auto clear_empty_ancestors = [&](const Path& path) {
      for (size_t depth = 0; depth < path.depth(); ++depth) {
        auto it = model.find(path.Ancestor(depth).key());
        if (it != model.end() && it->second.is_empty_map()) model.erase(it);
      }
    };
    for (int step = 0; step < 300; ++step) {
      const Path path = random_path();
      auto begin = model.lower_bound(path.key());
      const std::string end_key = path.SubtreeEnd();
      auto end = end_key.empty() ? model.end() : model.lower_bound(end_key);
      switch (random() % 4) {
        case 0:
          root = tree::Replace(root, path, std::nullopt);
          model.erase(begin, end);
          break;
        case 1: {
          const Value leaf = I(step);
          root = tree::ReplaceOwn(root, path, leaf);
          clear_empty_ancestors(path);
          model[path.key()] = leaf;
          break;
        }
        default: {
          Value leaf = random() % 4 == 0 ? Value::EmptyMap() : I(step);
          root = tree::Replace(root, path, leaf);
          model.erase(begin, end);
          clear_empty_ancestors(path);
          model[path.key()] = leaf;
        }
      }
      Model contents;
      TreeBuilder builder;
      tree::ForEachOwnValue(root, [&](const Path& p, const Value& own) {
        contents[p.key()] = own;
        builder.Add(p, own);
        return true;
      });
      ASSERT_EQ(contents, model);
      ASSERT_EQ(builder.Finish(), root);
      ASSERT_EQ(tree::CountOwnValues(root), model.size());
    }
  }
}

TEST(CanonicalizeTest, LoneOwnValuesCollapse) {
  Value value = MapOf({{"a", MapOf({{"/", I(1)}})}, {"/", I(2)}});
  EXPECT_EQ(*tree::Canonicalize(value, P("/p"), {}),
            MapOf({{"a", I(1)}, {"/", I(2)}}));
  EXPECT_EQ(*tree::Canonicalize(MapOf({{"/", I(2)}}), P("/p"), {}), I(2));
}

TEST(CanonicalizeTest, NamesWhatIsWrong) {
  const auto reason = [](const Value& value, const Path& path,
                         const tree::WriteLimits& limits = {}) {
    return ErrorReason(tree::Canonicalize(value, path, limits).status());
  };
  EXPECT_EQ(reason(MapOf({{"..", I(1)}}), P("/")), "INVALID_VALUE");
  EXPECT_EQ(reason(MapOf({{"", I(1)}}), P("/")), "INVALID_VALUE");
  EXPECT_EQ(reason(MapOf({{"*", I(1)}}), P("/")), "INVALID_VALUE");
  EXPECT_EQ(reason(MapOf({{"/", Value::EmptyMap()}, {"a", I(1)}}), P("/")),
            "INVALID_VALUE");
  EXPECT_EQ(reason(Value::String(std::string((1 << 20) + 1, 'x')), P("/")),
            "LEAF_TOO_LARGE");
  EXPECT_EQ(reason(Value::String(std::string(1 << 20, 'x')), P("/")), "");
  EXPECT_EQ(reason(MapOf({{"a", I(1)}, {"b", I(1)}}), P("/"),
                   tree::WriteLimits{.max_nodes = 1}),
            "TOO_MANY_NODES");
}

TEST(CanonicalizeTest, PathAndValueTogetherNestAtMostThirty) {
  Value leaf = I(1);
  Value map = leaf;
  Value list = leaf;
  for (int i = 0; i < 29; ++i) {
    map = MapOf({{"k", map}});
    list = Value::MakeList({list});
  }
  for (const Value& nested : {map, list}) {
    EXPECT_TRUE(tree::Canonicalize(nested, P("/a"), {}).ok());
    EXPECT_EQ(
        ErrorReason(tree::Canonicalize(nested, P("/a/b"), {}).status()),
        "INVALID_VALUE");
  }
}

}  // namespace
}  // namespace restate
