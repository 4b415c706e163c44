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

PathPattern Pattern(std::string_view text) {
  return *PathPattern::Parse(text);
}

// The index never looks into a subscription: an address stands for one.
Subscription* Somebody(size_t n) {
  return reinterpret_cast<Subscription*>(0x1000 + 16 * n);
}

std::vector<std::string> At(const PatternIndex& index, std::string_view path) {
  std::vector<std::string> places;
  index.ForEachAtAndAbove(
      P(path), [&](const Path& place,
                   absl::Span<const PatternIndex::Group* const> groups) {
        for (const auto* group : groups) {
          places.push_back(place.ToText() + " " + group->pattern->ToText());
        }
      });
  return places;
}

TEST(PatternIndexTest, FindsThePathAndItsAncestorsDeepestFirst) {
  PatternIndex index;
  for (const char* pattern :
       {"/", "/users", "/users/*", "/users/1", "/*/1", "/users/1/name",
        "/users/*/name", "/other"}) {
    index.Add(Pattern(pattern), Somebody(1));
  }
  EXPECT_EQ(At(index, "/users/1/name"),
            (std::vector<std::string>{
                "/users/1/name /users/*/name", "/users/1/name /users/1/name",
                "/users/1 /*/1", "/users/1 /users/*", "/users/1 /users/1",
                "/users /users", "/ /"}));
  EXPECT_EQ(At(index, "/none"), (std::vector<std::string>{"/ /"}));
}

TEST(PatternIndexTest, RemovingLeavesNothingBehind) {
  PatternIndex index;
  index.Add(Pattern("/a/*/b"), Somebody(1));
  index.Add(Pattern("/a/*/b"), Somebody(2));
  index.Add(Pattern("/"), Somebody(1));
  index.Remove(Pattern("/a/*/b"), Somebody(1));
  EXPECT_EQ(At(index, "/a/x/b"),
            (std::vector<std::string>{"/a/x/b /a/*/b", "/ /"}));
  index.Remove(Pattern("/a/*/b"), Somebody(2));
  EXPECT_FALSE(index.empty());
  index.Remove(Pattern("/"), Somebody(1));
  EXPECT_TRUE(index.empty());
  index.Remove(Pattern("/never/there"), Somebody(1));
}

TEST(PatternIndexTest, ChangesBelowComeDeepestFirstAndOnlyWhereSomethingChanged) {
  PatternIndex index;
  for (const char* pattern : {"/r/*", "/r/*/*", "/r/b/x", "/r"}) {
    index.Add(Pattern(pattern), Somebody(1));
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
          absl::Span<const PatternIndex::Group* const> groups) {
        for (const auto* group : groups) {
          seen.push_back(place.ToText() + " " + group->pattern->ToText());
        }
      });
  EXPECT_EQ(seen, (std::vector<std::string>{"/r/b/x /r/*/*", "/r/b/x /r/b/x",
                                            "/r/b /r/*", "/r/c /r/*"}));
}

TEST(PatternIndexTest, FindsEverybodyWhoCouldListenBelow) {
  PatternIndex index;
  index.Add(Pattern("/a/*/c"), Somebody(1));
  index.Add(Pattern("/a/b"), Somebody(2));
  index.Add(Pattern("/x"), Somebody(3));
  index.Add(Pattern("/"), Somebody(4));
  const auto below = [&](std::string_view path) {
    std::set<Subscription*> found;
    index.ForEachListenerBelow(P(path), [&](Subscription* subscription) {
      found.insert(subscription);
    });
    return found;
  };
  EXPECT_EQ(below("/"), (std::set{Somebody(1), Somebody(2), Somebody(3)}));
  EXPECT_EQ(below("/a"), (std::set{Somebody(1), Somebody(2)}));
  EXPECT_EQ(below("/a/b"), (std::set{Somebody(1)}));
  EXPECT_EQ(below("/a/b/c"), (std::set<Subscription*>{}));
  EXPECT_EQ(below("/x"), (std::set<Subscription*>{}));
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
      index.Add(Pattern(pattern), Somebody(1));
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
            absl::Span<const PatternIndex::Group* const> groups) {
          EXPECT_LE(place.depth(), last_depth);
          last_depth = place.depth();
          for (const auto* group : groups) {
            std::string pattern = group->pattern->ToText();
            seen.insert(place.ToText() + " " +
                        (pattern == "/" ? "" : pattern));
          }
        });
    EXPECT_EQ(seen, expected);
  }
}

}  // namespace
}  // namespace restate
