#include "engine/backend/rocksdb/dead_ranges.h"

#include <cstdint>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "engine/path/path.h"
#include "engine/tree/tree.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

constexpr char kMount[] = "m";

std::string Key(std::string_view path) {
  return kMount + Path::Parse(path)->key();
}
Write Put(std::string_view path, Tree value,
          Write::Scope scope = Write::Scope::kSubtree) {
  return Write{*Path::Parse(path), scope, std::move(value), 1, std::nullopt};
}

class DeadRangesTest : public testing::Test {
 protected:
  std::string Skip(std::string_view key, uint64_t sequence) {
    std::string storage;
    return std::string(ranges_.Skip(key, sequence, &storage));
  }
  DeadRanges ranges_;
};

TEST_F(DeadRangesTest, AWalkGoesToTheEndOfARange) {
  ranges_.Found(Key("/a"), Key("/c"), 5);
  EXPECT_EQ(Skip(Key("/a"), 5), Key("/c"));
  EXPECT_EQ(Skip(Key("/b"), 9), Key("/c"));
  EXPECT_EQ(Skip(Key("/c"), 9), Key("/c"));
  EXPECT_EQ(Skip(Key("/0"), 9), Key("/0"));
}

TEST_F(DeadRangesTest, AnOlderSnapshotLooksForItself) {
  ranges_.Found(Key("/a"), Key("/c"), 5);
  EXPECT_EQ(Skip(Key("/b"), 4), Key("/b"));
}

TEST_F(DeadRangesTest, WhatIsWrittenIsNotPassed) {
  ranges_.Found(Key("/a"), Key("/z"), 5);
  ranges_.Wrote(kMount, Put("/m", Value::Int(1)), 6);
  EXPECT_EQ(Skip(Key("/b"), 6), Key("/m"));
  EXPECT_EQ(Skip(Key("/m"), 6), Key("/m"));
  EXPECT_EQ(Skip(Key("/n"), 6), Key("/z"));
  // A deletion leaves nothing behind.
  ranges_.Wrote(kMount, Put("/p", std::nullopt), 7);
  EXPECT_EQ(Skip(Key("/n"), 7), Key("/z"));
}

TEST_F(DeadRangesTest, WhatAnOldSnapshotFoundIsOldWhenMoreWasWritten) {
  ranges_.Wrote(kMount, Put("/b", Value::Int(1)), 6);
  ranges_.Found(Key("/a"), Key("/c"), 5);
  EXPECT_EQ(Skip(Key("/a"), 6), Key("/a"));
}

TEST_F(DeadRangesTest, TooManyAreForgotten) {
  for (size_t i = 0; i < DeadRanges::kMost; ++i) {
    const std::string name = "/" + std::to_string(100'000 + i);
    ranges_.Found(Key(name + "/a"), Key(name + "/c"), 5);
  }
  EXPECT_EQ(Skip(Key("/100007/a"), 5), Key("/100007/c"));
  ranges_.Found(Key("/x"), Key("/y"), 5);
  EXPECT_EQ(Skip(Key("/100007/a"), 5), Key("/100007/a"));
  EXPECT_EQ(Skip(Key("/x"), 5), Key("/y"));
}

// Against the keys themselves: a walk that skips comes to where one that does not
// comes to.
TEST_F(DeadRangesTest, NothingThatIsThereIsEverPassed) {
  const uint32_t seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  const auto any_path = [&] {
    std::string path;
    for (int depth = 1 + random() % 2; depth > 0; --depth) {
      path += "/" + std::string(1, 'a' + random() % 12);
    }
    return path;
  };
  std::set<std::string> keys;
  for (uint64_t sequence = 1; sequence < 20'000; ++sequence) {
    switch (random() % 4) {
      case 0: {
        const Write write =
            random() % 2 == 0
                ? Put(any_path(), Value::Int(1), Write::Scope::kOwnValue)
                : Put(any_path(), tree::Replace(std::nullopt,
                                                *Path::Parse(any_path()),
                                                Value::Int(1)));
        const std::string at = kMount + write.path.key();
        if (write.scope == Write::Scope::kSubtree) {
          std::erase_if(keys, [&](const auto& key) {
            return key.starts_with(at);
          });
        }
        tree::ForEachOwnValue(write.value,
                              [&](const Path& path, const Value&) {
                                keys.insert(at + path.key());
                                return true;
                              });
        ranges_.Wrote(kMount, write, sequence);
        break;
      }
      case 1: {
        const Write write = Put(any_path(), std::nullopt);
        std::erase_if(keys, [&](const auto& key) {
          return key.starts_with(kMount + write.path.key());
        });
        ranges_.Wrote(kMount, write, sequence);
        break;
      }
      default: {
        const std::string from = Key(any_path());
        const auto next = keys.lower_bound(from);
        const std::string found = next == keys.end() ? "n" : *next;
        EXPECT_LE(Skip(from, sequence), found);
        ranges_.Found(from, found, sequence);
        EXPECT_EQ(Skip(from, sequence), found);
      }
    }
    ASSERT_FALSE(HasFailure());
  }
}

}  // namespace
}  // namespace restate
