#include "engine/backend/rocksdb/hot_leaves.h"

#include <atomic>
#include <cstdint>
#include <deque>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "engine/path/path.h"
#include "engine/tree/testing/random_tree.h"
#include "engine/tree/tree.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

constexpr std::string_view kMount = "m";

std::string KeyOf(const std::string& path) {
  return std::string(kMount) + Path::Parse(path)->key();
}
Value I(int64_t number) { return Value::Int(number); }

Write WriteOf(const std::string& path, Tree value,
              std::optional<Tree> before = std::nullopt) {
  Write write;
  write.path = *Path::Parse(path);
  write.value = std::move(value);
  write.before = std::move(before);
  return write;
}

TEST(HotLeavesTest, WhatWasWrittenIsThereForSnapshotsWithIt) {
  HotLeaves leaves;
  leaves.Wrote(kMount, WriteOf("/a", I(1), Tree()), 10);
  EXPECT_EQ(leaves.Find(KeyOf("/a"), 9), std::nullopt);
  EXPECT_EQ(leaves.Find(KeyOf("/a"), 10), I(1));
  EXPECT_EQ(leaves.Find(KeyOf("/a"), 99), I(1));
  EXPECT_EQ(leaves.Find(KeyOf("/b"), 99), std::nullopt);
  leaves.Wrote(kMount, WriteOf("/a", I(2), Tree(I(1))), 11);
  EXPECT_EQ(leaves.Find(KeyOf("/a"), 10), std::nullopt);
  EXPECT_EQ(leaves.Find(KeyOf("/a"), 11), I(2));
  leaves.Wrote(kMount, WriteOf("/a", Tree(), Tree(I(2))), 12);
  EXPECT_EQ(leaves.Find(KeyOf("/a"), 11), std::nullopt);
  EXPECT_EQ(leaves.Find(KeyOf("/a"), 12), std::nullopt);
}

TEST(HotLeavesTest, WhatWasReadIsThereUnlessItIsOld) {
  HotLeaves leaves;
  leaves.Read(KeyOf("/a"), I(1), 10);
  EXPECT_EQ(leaves.Find(KeyOf("/a"), 10), I(1));
  EXPECT_EQ(leaves.Find(KeyOf("/a"), 9), std::nullopt);
  leaves.Wrote(kMount, WriteOf("/b", Tree(), Tree(I(1))), 20);
  // Read before that, and told only now.
  leaves.Read(KeyOf("/b"), I(1), 19);
  EXPECT_EQ(leaves.Find(KeyOf("/b"), 20), std::nullopt);
}

TEST(HotLeavesTest, AWriteBelowMakesItNoLeaf) {
  HotLeaves leaves;
  leaves.Wrote(kMount, WriteOf("/a", I(1), Tree()), 10);
  leaves.Wrote(kMount, WriteOf("/a/b/c", I(2), Tree()), 11);
  EXPECT_EQ(leaves.Find(KeyOf("/a"), 11), std::nullopt);
  leaves.Read(KeyOf("/a"), I(1), 10);
  EXPECT_EQ(leaves.Find(KeyOf("/a"), 11), std::nullopt);
  EXPECT_EQ(leaves.Find(KeyOf("/a/b/c"), 11), I(2));
}

TEST(HotLeavesTest, AWriteAboveTakesWhatIsBelow) {
  const Tree before = tree::Replace(Tree(), *Path::Parse("/b"), Tree(I(1)));
  for (const bool known : {true, false}) {
    HotLeaves leaves;
    leaves.Wrote(kMount, WriteOf("/a/b", I(1), Tree()), 10);
    leaves.Wrote(kMount, WriteOf("/c", I(3), Tree()), 10);
    leaves.Wrote(kMount,
                 WriteOf("/a", I(2),
                         known ? std::optional<Tree>(before) : std::nullopt),
                 11);
    EXPECT_EQ(leaves.Find(KeyOf("/a/b"), 11), std::nullopt);
    leaves.Read(KeyOf("/a/b"), I(1), 10);
    EXPECT_EQ(leaves.Find(KeyOf("/a/b"), 11), std::nullopt);
    EXPECT_EQ(leaves.Find(KeyOf("/a"), 11), I(2));
    EXPECT_EQ(leaves.Find(KeyOf("/c"), 11),
              known ? std::optional<Value>(I(3)) : std::nullopt);
  }
}

TEST(HotLeavesTest, WhatABatchHasWrittenItselfIsTakenToo) {
  HotLeaves leaves;
  leaves.Wrote(kMount, WriteOf("/a/b", I(1), Tree()), 10);
  leaves.Wrote(kMount, WriteOf("/a", I(2), Tree()), 10);
  EXPECT_EQ(leaves.Find(KeyOf("/a/b"), 10), std::nullopt);
  EXPECT_EQ(leaves.Find(KeyOf("/a"), 10), I(2));
}

TEST(HotLeavesTest, LargeOnesAreNotKept) {
  HotLeaves leaves;
  const Value large = Value::String(std::string(600, 'x'));
  leaves.Wrote(kMount, WriteOf("/a", large, Tree()), 10);
  leaves.Read(KeyOf("/b"), large, 10);
  EXPECT_EQ(leaves.Find(KeyOf("/a"), 10), std::nullopt);
  EXPECT_EQ(leaves.Find(KeyOf("/b"), 10), std::nullopt);
  // Nor is what was there before.
  leaves.Wrote(kMount, WriteOf("/c", I(1), Tree()), 11);
  leaves.Wrote(kMount, WriteOf("/c", large, Tree(I(1))), 12);
  EXPECT_EQ(leaves.Find(KeyOf("/c"), 12), std::nullopt);
}

// Random batches; readers of the last few states, who tell of what they have read
// at once, or when other batches have come between. Places that few keys share, and
// that many do.
TEST(HotLeavesTest, NobodyFindsAnythingElseThanWhatIsThere) {
  const uint64_t seed = TestSeed();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937_64 random(seed);
  const auto below = [&](size_t end) { return random() % end; };
  struct State {
    uint64_t sequence;
    Tree tree;
  };
  struct Late {
    std::string key;
    Value value;
    uint64_t sequence;
  };
  size_t found = 0;
  for (int round = 0; round < 200; ++round) {
    HotLeaves leaves(round % 2 == 0 ? HotLeaves::kManyPlaces : 1 + below(6));
    std::deque<State> states = {{1, Tree()}};
    std::vector<Late> late;
    const auto any_path = [&] {
      static const char* const kNames[] = {"a", "b", "c"};
      std::string path;
      for (size_t depth = below(4); depth > 0; --depth) {
        path += std::string("/") + kNames[below(3)];
      }
      return *Path::Parse(path.empty() ? "/" : path);
    };
    int64_t value = 0;
    for (int i = 0; i < 200; ++i) {
      State next = states.back();
      next.sequence += 1 + below(3);
      std::vector<Write> writes;
      for (size_t n = 1 + below(4); n > 0; --n) {
        Write write;
        write.path = any_path();
        const Tree present = tree::Get(next.tree, write.path);
        if (below(5) == 0 && present.has_value()) {
          write.scope = Write::Scope::kOwnValue;
          if (below(2) == 0 || write.path.is_root()) {
            if (write.path.is_root()) continue;
            write.value = I(++value);
          }
          next.tree = tree::ReplaceOwn(next.tree, write.path, write.value);
        } else {
          switch (below(4)) {
            case 0:
              break;
            case 1:
              ++value;
              write.value = tree::Replace(
                  tree::Replace(Tree(), *Path::Parse("/a"), Tree(I(value))),
                  *Path::Parse("/b/c"), Tree(I(-value)));
              break;
            default:
              if (write.path.is_root()) continue;
              write.value = I(++value);
          }
          if (below(4) != 0) {
            write.before = tree::Get(states.back().tree, write.path);
          }
          next.tree = tree::Replace(next.tree, write.path, write.value);
        }
        writes.push_back(std::move(write));
      }
      for (const Write& write : writes) {
        leaves.Wrote(kMount, write, next.sequence);
      }
      states.push_back(std::move(next));
      if (states.size() > 4) states.pop_front();
      for (size_t n = below(12); n > 0; --n) {
        const State& state = states[below(states.size())];
        const Path path = any_path();
        const std::string key = std::string(kMount) + path.key();
        const Tree reading = tree::Get(state.tree, path);
        if (const auto leaf = leaves.Find(key, state.sequence)) {
          ++found;
          ASSERT_TRUE(reading.has_value() && Value::Identical(*leaf, *reading))
              << path.ToText() << " at " << state.sequence << ": "
              << leaf->DebugString();
        } else if (reading.has_value() && reading->is_leaf()) {
          if (below(2) == 0) {
            leaves.Read(key, *reading, state.sequence);
          } else {
            late.push_back({key, *reading, state.sequence});
          }
        }
      }
      while (!late.empty() && below(3) == 0) {
        leaves.Read(late.back().key, late.back().value, late.back().sequence);
        late.pop_back();
      }
    }
  }
  EXPECT_GT(found, 1'000u);
}

// For the thread sanitizer.
TEST(HotLeavesTest, ReadersAndTheWriterAtOnce) {
  HotLeaves leaves(8);
  std::atomic<uint64_t> published = 1;
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      uint64_t sequence;
      while ((sequence = published) < 2'000) {
        const std::string key = KeyOf("/" + std::to_string(sequence % 20));
        const std::optional<Value> leaf = leaves.Find(key, sequence);
        // Each batch writes its own number everywhere.
        if (leaf.has_value()) {
          EXPECT_EQ(*leaf, I(static_cast<int64_t>(sequence)));
        }
        leaves.Read(key, I(static_cast<int64_t>(sequence)), sequence);
      }
    });
  }
  for (uint64_t sequence = 2; sequence <= 2'000; ++sequence) {
    for (int i = 0; i < 20; ++i) {
      leaves.Wrote(kMount,
                   WriteOf("/" + std::to_string(i),
                           I(static_cast<int64_t>(sequence)),
                           Tree(I(static_cast<int64_t>(sequence - 1)))),
                   sequence);
    }
    published = sequence;
  }
  for (std::thread& reader : readers) reader.join();
}

}  // namespace
}  // namespace restate
