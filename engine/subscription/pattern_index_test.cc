#include "engine/subscription/pattern_index.h"

#include <algorithm>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace restate {
namespace {

Path P(std::string_view text) { return *Path::Parse(text); }

// The index never looks into a subscriber: an address stands for one.
Subscriber* Somebody(size_t n) {
  return reinterpret_cast<Subscriber*>(0x1000 + 16 * n);
}

PatternIndex::Listener ListenerOf(size_t who, std::string_view pattern) {
  return {Somebody(who), std::make_shared<const PathPattern>(
                             *PathPattern::Parse(pattern))};
}

std::vector<std::string> At(const PatternIndex& index, std::string_view path) {
  std::vector<std::string> places;
  index.ForEachAtAndAbove(
      P(path), [&](const Path& place,
                   absl::Span<const PatternIndex::Listener* const> listeners) {
        for (const auto* listener : listeners) {
          places.push_back(place.ToText() + " " + listener->pattern->ToText());
        }
      });
  return places;
}

TEST(PatternIndexTest, FindsThePathAndItsAncestorsDeepestFirst) {
  PatternIndex index;
  for (const char* pattern :
       {"/", "/users", "/users/*", "/users/1", "/*/1", "/users/1/name",
        "/users/*/name", "/other"}) {
    index.Add(ListenerOf(1, pattern));
  }
  EXPECT_EQ(At(index, "/users/1/name"),
            (std::vector<std::string>{
                "/users/1/name /users/*/name", "/users/1/name /users/1/name",
                "/users/1 /*/1", "/users/1 /users/*", "/users/1 /users/1",
                "/users /users", "/ /"}));
  EXPECT_EQ(At(index, "/none"), (std::vector<std::string>{"/ /"}));
  EXPECT_TRUE(index.ListensBelow(P("/users")));
  EXPECT_TRUE(index.ListensBelow(P("/users/7")));
  EXPECT_FALSE(index.ListensBelow(P("/users/7/name")));
  EXPECT_TRUE(index.ListensBelow(P("/other"))) << "/*/1 matches there";
  EXPECT_FALSE(index.ListensBelow(P("/other/1")));
}

TEST(PatternIndexTest, RemovingLeavesNothingBehind) {
  PatternIndex index;
  index.Add(ListenerOf(1, "/a/*/b"));
  index.Add(ListenerOf(2, "/a/*/b"));
  index.Add(ListenerOf(1, "/"));
  index.Remove(ListenerOf(1, "/a/*/b"));
  EXPECT_EQ(At(index, "/a/x/b").size(), 2u);
  index.Remove(ListenerOf(2, "/a/*/b"));
  EXPECT_FALSE(index.ListensBelow(P("/")));
  index.Remove(ListenerOf(1, "/"));
  EXPECT_TRUE(index.empty());
  index.Remove(ListenerOf(1, "/never/there"));
}

TEST(PatternIndexTest, ChangesBelowComeDeepestFirstAndOnlyWhereSomethingChanged) {
  PatternIndex index;
  for (const char* pattern : {"/r/*", "/r/*/*", "/r/b/x", "/r"}) {
    index.Add(ListenerOf(1, pattern));
  }
  const auto state = [](int64_t b, int64_t c) {
    Tree tree = tree::Replace(std::nullopt, P("/b/x"), Value::Int(b));
    tree = tree::Replace(tree, P("/a/x"), Value::Int(1));
    return tree::Replace(tree, P("/c"), Value::Int(c));
  };
  std::vector<std::string> seen;
  index.ForEachChangedBelow(
      P("/r"), state(1, 1), state(2, 2),
      [&](const Path& place, const Tree& before, const Tree& after,
          absl::Span<const PatternIndex::Listener* const> listeners) {
        for (const auto* listener : listeners) {
          seen.push_back(place.ToText() + " " + listener->pattern->ToText());
        }
      });
  EXPECT_EQ(seen, (std::vector<std::string>{"/r/b/x /r/*/*", "/r/b/x /r/b/x",
                                            "/r/b /r/*", "/r/c /r/*"}));
}

// Random patterns and states against trying every pattern on every path.
TEST(PatternIndexTest, RandomChangesMatchTryingEverything) {
  for (unsigned seed = 0; seed < 100; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::mt19937 random(seed);
    const auto text = [&](bool wildcards) {
      std::string path;
      for (unsigned depth = random() % 4; depth > 0; --depth) {
        path += wildcards && random() % 3 == 0
                    ? "/*"
                    : "/" + std::string(1, 'a' + random() % 3);
      }
      return path;
    };
    PatternIndex index;
    std::set<std::string> patterns;
    for (unsigned n = random() % 8; n > 0; --n) patterns.insert(text(true));
    for (const std::string& pattern : patterns) {
      index.Add(ListenerOf(1, pattern));
    }
    Tree before, after;
    for (int i = 0; i < 8; ++i) {
      before = tree::ReplaceOwn(before, P(text(false)), Value::Int(i % 2));
    }
    after = before;
    for (int i = 0; i < 3; ++i) {
      after = tree::Replace(after, P(text(false)),
                            i == 0 ? Tree() : Tree(Value::Int(i)));
    }
    const Path root = P("/root");
    std::multiset<std::string> expected, seen;
    std::set<Path> places;
    for (const Tree& state : {before, after}) {
      tree::ForEachOwnValue(state, [&](const Path& path, const Value&) {
        for (size_t depth = 1; depth <= path.depth(); ++depth) {
          places.insert(path.Ancestor(depth));
        }
        return true;
      });
    }
    for (const Path& place : places) {
      if (tree::Get(before, place) == tree::Get(after, place)) continue;
      for (const std::string& pattern : patterns) {
        if (PathPattern::Parse(pattern)->Matches(root.Join(place))) {
          expected.insert(root.Join(place).ToText() + " " + pattern);
        }
      }
    }
    size_t last_depth = 100;
    index.ForEachChangedBelow(
        root, before, after,
        [&](const Path& place, const Tree&, const Tree&,
            absl::Span<const PatternIndex::Listener* const> listeners) {
          EXPECT_LE(place.depth(), last_depth);
          last_depth = place.depth();
          for (const auto* listener : listeners) {
            std::string pattern = listener->pattern->ToText();
            seen.insert(place.ToText() + " " +
                        (pattern == "/" ? "" : pattern));
          }
        });
    EXPECT_EQ(seen, expected);
  }
}

}  // namespace
}  // namespace restate
