#include "engine/backend/hybrid/mount_table.h"

#include <string>
#include <utility>
#include <vector>

#include "engine/backend/hybrid/hybrid_snapshot.h"
#include "engine/backend/memory/memory_backend.h"
#include "engine/error/error.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

Path P(std::string_view text) { return *Path::Parse(text); }

std::vector<Path> Paths(const std::vector<std::string>& texts) {
  std::vector<Path> paths;
  for (const std::string& text : texts) paths.push_back(P(text));
  return paths;
}

Tree MapOf(const std::vector<std::pair<std::string, Value>>& entries) {
  Value::Map map;
  for (const auto& [key, value] : entries) map = map.Set(key, value);
  return Value::MakeMap(std::move(map));
}

TEST(MountTableTest, ChecksTheMountPoints) {
  EXPECT_EQ(MountTable::Check(Paths({"/tmp", "/", "/tmp/x"})),
            absl::OkStatus());
  const absl::Status none = MountTable::Check(Paths({"/tmp"}));
  EXPECT_EQ(ErrorReason(none), "INVALID_REQUEST");
  EXPECT_EQ(MountTable::Check({}).code(), absl::StatusCode::kInvalidArgument);
  const absl::Status twice = MountTable::Check(Paths({"/", "/t~1", "/t~1"}));
  EXPECT_EQ(ErrorReason(twice), "INVALID_REQUEST");
  EXPECT_EQ(ErrorMetadata(twice)["mount"], "/t~1");
}

TEST(MountTableTest, FindsTheLongestMatch) {
  // In no order; names that only begin the same are other places.
  MountTable table(Paths({"/a/b", "/", "/a/b/c/d", "/ab", "/z"}));
  EXPECT_EQ(table.Find(P("/")), 1u);
  EXPECT_EQ(table.Find(P("/a")), 1u);
  EXPECT_EQ(table.Find(P("/a/b")), 0u);
  EXPECT_EQ(table.Find(P("/a/b/c")), 0u);
  EXPECT_EQ(table.Find(P("/a/b/c/d/e")), 2u);
  EXPECT_EQ(table.Find(P("/a/b/c/dd")), 0u);
  EXPECT_EQ(table.Find(P("/a/bb")), 1u);
  EXPECT_EQ(table.Find(P("/ab/x")), 3u);
  EXPECT_EQ(table.Find(P("/abc")), 1u);
  EXPECT_EQ(table.Find(P("/z/1")), 4u);
}

TEST(MountTableTest, KnowsTheMountsBelow) {
  MountTable table(Paths({"/a/b", "/", "/a/b/c/d", "/ab"}));
  EXPECT_TRUE(table.HasMountBelow(P("/")));
  EXPECT_TRUE(table.HasMountBelow(P("/a")));
  EXPECT_TRUE(table.HasMountBelow(P("/a/b")));
  EXPECT_FALSE(table.HasMountBelow(P("/a/b/c/d")));
  EXPECT_FALSE(table.HasMountBelow(P("/ab")));
  EXPECT_FALSE(table.HasMountBelow(P("/b")));
  EXPECT_EQ(table.MountsBelow(P("/")), (std::vector<size_t>{0, 2, 3}));
  EXPECT_EQ(table.MountsBelow(P("/a/b")), (std::vector<size_t>{2}));
}

TEST(MountTableTest, CutsTheKeysIntoRanges) {
  MountTable table(Paths({"/", "/a/b", "/a/b/c", "/d"}));
  const std::string b = P("/a/b").key();
  const std::string c = P("/a/b/c").key();
  const std::string d = P("/d").key();
  struct Expected {
    size_t mount;
    std::string begin;
    std::string end;
  };
  const std::vector<Expected> expected = {
      {0, "", b},
      {1, b, c},
      {2, c, P("/a/b/c").SubtreeEnd()},
      {1, P("/a/b/c").SubtreeEnd(), P("/a/b").SubtreeEnd()},
      {0, P("/a/b").SubtreeEnd(), d},
      {3, d, P("/d").SubtreeEnd()},
      {0, P("/d").SubtreeEnd(), ""},
  };
  const auto ranges = table.KeyRanges();
  ASSERT_EQ(ranges.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(ranges[i].mount, expected[i].mount) << i;
    EXPECT_EQ(ranges[i].begin, expected[i].begin) << i;
    EXPECT_EQ(ranges[i].end, expected[i].end) << i;
  }
}

// Splitting over a host at the root and a mount at /a/m.
class SplitTest : public testing::Test {
 protected:
  // What the host has; the mount has nothing.
  void HostHas(Tree root) { host_ = std::move(root); }

  // The writes for each mount, as text.
  std::vector<std::vector<std::string>> Split(std::vector<Write> writes) {
    HybridSnapshot before(
        {{Path(), MakeTreeSnapshot(host_), "memory"},
         {P("/a/m"), MakeTreeSnapshot(std::nullopt), "memory"}});
    auto parts = table_.Split(writes, before);
    EXPECT_TRUE(parts.ok()) << parts.status();
    std::vector<std::vector<std::string>> lines(parts->size());
    for (size_t i = 0; i < parts->size(); ++i) {
      for (const Write& write : (*parts)[i]) {
        lines[i].push_back(
            std::string(write.scope == Write::Scope::kSubtree ? "set "
                                                              : "own ") +
            write.path.ToText() + " " + Show(write.value) +
            (write.before ? " was " + Show(*write.before) : ""));
        EXPECT_EQ(write.revision, 7);
      }
    }
    return lines;
  }
  static std::string Show(const Tree& tree) {
    return tree.has_value() ? tree->DebugString() : "nothing";
  }
  static Write Set(std::string_view path, Tree value,
                   std::optional<Tree> before = std::nullopt) {
    return {P(path), Write::Scope::kSubtree, std::move(value), 7,
            std::move(before)};
  }

  const MountTable table_{Paths({"/", "/a/m"})};
  const std::string one_ = Value::Int(1).DebugString();
  const std::string two_ = Value::Int(2).DebugString();
  Tree host_;
};

using Lines = std::vector<std::string>;

TEST_F(SplitTest, WritesGoToTheirMount) {
  const auto lines = Split(
      {Set("/a/x", Value::Int(1), Tree()), Set("/a/m/y", Value::Int(2)),
       Set("/a/m", std::nullopt),
       Write{P("/a"), Write::Scope::kOwnValue, Value::Int(1), 7, {}}});
  EXPECT_EQ(lines[0],
            (Lines{"set /a/x " + one_ + " was nothing", "own /a " + one_}));
  EXPECT_EQ(lines[1], (Lines{"set /y " + two_, "set / nothing"}));
}

TEST_F(SplitTest, AWriteAboveIsTakenApart) {
  HostHas(MapOf({{"a", *MapOf({{"/", Value::Int(2)},
                               {"gone", Value::Int(1)},
                               {"same", Value::Int(1)}})}}));
  const auto value = MapOf({{"a", *MapOf({{"m", *MapOf({{"x", Value::Int(1)}})},
                                          {"new", Value::Int(2)},
                                          {"same", Value::Int(1)}})},
                            {"b", Value::Int(1)}});
  // Without the hint nothing is known to be the same.
  auto lines = Split({Set("/", value)});
  EXPECT_EQ(lines[0], (Lines{"set /a/gone nothing", "set /a/new " + two_,
                             "set /a/same " + one_, "own /a nothing",
                             "set /b " + one_}));
  EXPECT_EQ(lines[1],
            (Lines{"set / " + Show(MapOf({{"x", Value::Int(1)}}))}));
  lines = Split({Set("/", value, host_)});
  EXPECT_EQ(lines[0],
            (Lines{"set /a/gone nothing was " + one_,
                   "set /a/new " + two_ + " was nothing", "own /a nothing",
                   "set /b " + one_ + " was nothing"}));
  EXPECT_EQ(lines[1], (Lines{"set / " + Show(MapOf({{"x", Value::Int(1)}})) +
                             " was nothing"}));
}

TEST_F(SplitTest, WhatAMountHidesIsLeftAlone) {
  HostHas(MapOf({{"a", *MapOf({{"m", *MapOf({{"old", Value::Int(1)}})},
                               {"x", Value::Int(1)}})}}));
  for (bool hint : {false, true}) {
    std::optional<Tree> before;
    if (hint) before = MapOf({{"x", Value::Int(1)}});
    const auto lines = Split({Set("/a", std::nullopt, before)});
    EXPECT_EQ(lines[0].size(), 1u);
    EXPECT_EQ(lines[0].front().substr(0, 16), "set /a/x nothing");
    EXPECT_EQ(lines[1].size(), 1u);
  }
}

TEST_F(SplitTest, AnEmptyMapThatDoesNotShowIsReplacedToo) {
  // The host's {} at /a shows again if the mount becomes empty.
  HostHas(MapOf({{"a", Value::EmptyMap()}}));
  const Tree shown = MapOf({{"a", *MapOf({{"m", Value::Int(1)}})}});
  const auto lines = Split({Set("/", std::nullopt, shown)});
  EXPECT_EQ(lines[0], Lines{"own /a nothing"});
}

TEST_F(SplitTest, EarlierWritesOfTheBatchCount) {
  const auto lines =
      Split({Set("/a/x/y", Value::Int(1), Tree()),
             Write{P("/a"), Write::Scope::kOwnValue, Value::Int(1), 7, {}},
             Set("/", Value::EmptyMap(), Tree())});
  EXPECT_EQ(lines[0],
            (Lines{"set /a/x/y " + one_ + " was nothing", "own /a " + one_,
                   "set /a/x nothing was nothing", "own /a nothing",
                   "own / " + Value::EmptyMap().DebugString()}));
}

}  // namespace
}  // namespace restate
