// What every backend must do, case by case.
#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/backend/conformance/conformance_suite.h"
#include "engine/error/error.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

Path P(std::string_view text) { return *Path::Parse(text); }

Value MapOf(std::vector<std::pair<std::string, Value>> entries) {
  Value::Map map;
  for (auto& [key, value] : entries) map = map.Set(key, std::move(value));
  return Value::MakeMap(std::move(map));
}

}  // namespace

void ConformanceTest::Set(std::string_view path, Tree value) {
  Write write{P(path), Write::Scope::kSubtree, std::move(value), 0,
              Read(path)};
  ASSERT_EQ(tree_.Apply({std::move(write)}), absl::OkStatus());
}

void ConformanceTest::SetWithoutHint(std::string_view path, Tree value) {
  Write write{P(path), Write::Scope::kSubtree, std::move(value), 0, {}};
  ASSERT_EQ(tree_.Apply({std::move(write)}), absl::OkStatus());
}

void ConformanceTest::SetOwn(std::string_view path, Tree own) {
  Write write{P(path), Write::Scope::kOwnValue, std::move(own), 0, {}};
  ASSERT_EQ(tree_.Apply({std::move(write)}), absl::OkStatus());
}

ReadResult ConformanceTest::ReadWithin(std::string_view path,
                                       ReadLimits limits) {
  absl::StatusOr<ReadResult> read =
      tree_.TakeSnapshot()->Read(P(path), limits);
  EXPECT_TRUE(read.ok()) << read.status();
  return read.ok() ? *read : ReadResult();
}

Tree ConformanceTest::Read(std::string_view path) {
  return ReadWithin(path, ReadLimits()).tree;
}

NodeProbe ConformanceTest::Probe(std::string_view path) {
  absl::StatusOr<NodeProbe> probe = tree_.TakeSnapshot()->Probe(P(path));
  EXPECT_TRUE(probe.ok()) << probe.status();
  return probe.ok() ? *probe : NodeProbe();
}

std::vector<std::string> ConformanceTest::Walk(Cursor& cursor) {
  std::vector<std::string> paths;
  for (; cursor.Valid(); cursor.Next()) {
    paths.push_back(Path::FromKey(std::string(cursor.key())).ToText());
  }
  EXPECT_EQ(cursor.status(), absl::OkStatus());
  return paths;
}

TEST_P(ConformanceTest, StartsEmpty) {
  EXPECT_EQ(Read("/"), std::nullopt);
  EXPECT_EQ(Read("/a/b"), std::nullopt);
  EXPECT_FALSE(Probe("/").exists());
  auto snapshot = tree_.TakeSnapshot();
  auto cursor = snapshot->NewCursor(Path());
  EXPECT_FALSE(cursor->Valid());
  cursor->Seek("");
  EXPECT_FALSE(cursor->Valid());
  EXPECT_EQ(cursor->status(), absl::OkStatus());
}

TEST_P(ConformanceTest, KeepsOwnValueAndChildren) {
  Set("/a/b", Value::Int(3));
  Set("/a/b/c", Value::Int(9));
  const Value both = MapOf({{"/", Value::Int(3)}, {"c", Value::Int(9)}});
  EXPECT_EQ(Read("/a/b"), Tree(both));
  EXPECT_EQ(Read("/"), Tree(MapOf({{"a", MapOf({{"b", both}})}})));
  EXPECT_EQ(Probe("/a/b").own, Tree(Value::Int(3)));
  EXPECT_TRUE(Probe("/a/b").has_children);
  EXPECT_FALSE(Probe("/a").own.has_value());
  EXPECT_TRUE(Probe("/a").has_children);

  SetOwn("/a/b", Value::Int(4));
  EXPECT_EQ(Read("/a/b"),
            Tree(MapOf({{"/", Value::Int(4)}, {"c", Value::Int(9)}})));
  SetOwn("/a/b", std::nullopt);
  EXPECT_EQ(Read("/a/b"), Tree(MapOf({{"c", Value::Int(9)}})));
  Set("/a/b/c", std::nullopt);
  EXPECT_EQ(Read("/"), std::nullopt);

  Set("/", both);
  EXPECT_EQ(Read("/"), Tree(both));
  EXPECT_EQ(Read("/c"), Tree(Value::Int(9)));
}

TEST_P(ConformanceTest, EmptyMapIsAValueWhileThereIsNothingElse) {
  Set("/a", Value::EmptyMap());
  EXPECT_EQ(Read("/a"), Tree(Value::EmptyMap()));
  EXPECT_EQ(Read("/"), Tree(MapOf({{"a", Value::EmptyMap()}})));
  EXPECT_EQ(Probe("/a").own, Tree(Value::EmptyMap()));
  EXPECT_FALSE(Probe("/a").has_children);

  // The first child takes its place, whether or not the {} was cleared.
  Set("/a/b", Value::Int(1));
  EXPECT_EQ(Read("/a"), Tree(MapOf({{"b", Value::Int(1)}})));
  EXPECT_FALSE(Probe("/a").own.has_value());
  EXPECT_TRUE(Probe("/a").has_children);
  ReadLimits limits;
  limits.max_own_values = 1;
  EXPECT_FALSE(ReadWithin("/a", limits).over_limit);
  limits.depth = 1;
  EXPECT_EQ(ReadWithin("/", limits).tree,
            Tree(MapOf({{"a", Value::EmptyMap()}})));

  SetOwn("/a", std::nullopt);
  Set("/a/b", std::nullopt);
  EXPECT_EQ(Read("/a"), std::nullopt);

  Set("/a/b", Value::Int(1));
  Set("/", Value::EmptyMap());
  EXPECT_EQ(Read("/"), Tree(Value::EmptyMap()));
  EXPECT_EQ(Read("/a"), std::nullopt);

  // To a store it is an own value like any other.
  Set("/e", Value::EmptyMap());
  SetOwn("/e", std::nullopt);
  EXPECT_EQ(Read("/e"), std::nullopt);
  EXPECT_FALSE(Probe("/e").exists());
}

TEST_P(ConformanceTest, KeepsEveryKindExactly) {
  const std::vector<Value> values = {
      Value::Null(),
      Value::Bool(false),
      Value::Int(0),
      Value::Int(std::numeric_limits<int64_t>::min()),
      Value::Int(std::numeric_limits<int64_t>::max()),
      Value::Int((int64_t{1} << 53) + 1),
      Value::Double(-0.0),
      Value::Double(0.1),
      Value::Double(1.0),
      Value::Double(std::nan("")),
      Value::Double(-std::numeric_limits<double>::infinity()),
      Value::String(""),
      Value::String("Zo\xc3\xab \xf0\x9f\x8c\xb3"),
      Value::Bytes(""),
      Value::Bytes(std::string("\0\xff\x80", 3)),
      Value::MakeList({}),
      Value::MakeList({Value::Null(), Value::EmptyMap(),
                       MapOf({{"k", Value::MakeList({Value::Int(1)})}})}),
      Value::EmptyMap(),
  };
  for (const Value& value : values) {
    SCOPED_TRACE(value.DebugString());
    Set("/a/b/x", value);
    Tree read = Read("/a/b/x");
    ASSERT_TRUE(read.has_value());
    EXPECT_TRUE(Value::Identical(*read, value)) << read->DebugString();
  }
  // The same number of another kind is another value.
  Set("/c", Value::Int(1));
  Set("/c", Value::Double(1.0));
  EXPECT_EQ(Read("/c")->kind(), Value::Kind::kDouble);
}

TEST_P(ConformanceTest, KeepsAwkwardNamesInOrder) {
  std::vector<Path> sorted;
  // "~0" stands for "~" and "~1" for "/".
  for (const char* path :
       {"/a/\x01", "/a/ ", "/a/!", "/a/b", "/a/b\x01", "/a/b!", "/a/~0",
        "/a/~1b", "/a/b~1", "/a/\xc3\xa9t\xc3\xa9"}) {
    Set(path, Value::String(path));
    sorted.push_back(P(path));
  }
  std::sort(sorted.begin(), sorted.end());
  std::vector<std::string> expected;
  for (const Path& path : sorted) {
    EXPECT_EQ(Read(path.ToText()), Tree(Value::String(path.ToText())));
    expected.push_back(path.ToText());
  }
  auto snapshot = tree_.TakeSnapshot();
  auto cursor = snapshot->NewCursor(Path());
  cursor->Seek("");
  EXPECT_EQ(Walk(*cursor), expected);
}

TEST_P(ConformanceTest, KeepsAllLevels) {
  std::string path;
  for (size_t i = 0; i < GetParam().levels; ++i) path += i % 2 == 0 ? "/a" : "/b";
  Set(path, Value::Int(30));
  EXPECT_EQ(Read(path), Tree(Value::Int(30)));
  const Tree whole = Read("/");
  Set("/", std::nullopt);
  EXPECT_EQ(Read(path), std::nullopt);
  Set("/", whole);
  EXPECT_EQ(Read(path), Tree(Value::Int(30)));
  EXPECT_EQ(Read("/"), whole);
}

TEST_P(ConformanceTest, DeletesADeepSubtreeWithAndWithoutTheHint) {
  Value subtree = Value::Int(1);
  for (const char* name : {"d", "c", "b", "e"}) {
    subtree = MapOf({{name, subtree}, {"x", Value::Int(2)}});
  }
  for (bool hint : {true, false}) {
    SCOPED_TRACE(hint);
    Set("/a", subtree);
    Set("/a\x01", Value::Int(7));
    Set("/0", Value::Int(8));
    EXPECT_EQ(Read("/a"), Tree(subtree));
    if (hint) {
      Set("/a", std::nullopt);
    } else {
      SetWithoutHint("/a", std::nullopt);
    }
    EXPECT_EQ(Read("/a"), std::nullopt);
    EXPECT_EQ(Read("/"), Tree(MapOf({{"0", Value::Int(8)},
                                     {"a\x01", Value::Int(7)}})));
    EXPECT_FALSE(Probe("/a").exists());
  }
  SetWithoutHint("/", MapOf({{"a", Value::Int(1)}}));
  EXPECT_EQ(Read("/"), Tree(MapOf({{"a", Value::Int(1)}})));
}

TEST_P(ConformanceTest, AppliesABatchInOrder) {
  Set("/a", MapOf({{"old", Value::Int(0)}, {"same", Value::Int(5)}}));
  const Tree before = Read("/a");
  auto write = [&](const char* path, Tree value, std::optional<Tree> hint) {
    return Write{P(path), Write::Scope::kSubtree, std::move(value), 0,
                 std::move(hint)};
  };
  // Each hint is what was there before the batch.
  ASSERT_EQ(tree_.Apply({
                write("/a", MapOf({{"b", Value::Int(1)}}), before),
                write("/a", MapOf({{"c", Value::Int(2)}}), before),
                write("/a/d", Value::Int(3), Tree()),
                write("/a/c", std::nullopt, Tree()),
            }),
            absl::OkStatus());
  EXPECT_EQ(Read("/a"), Tree(MapOf({{"d", Value::Int(3)}})));

  // Back to what was there: not a change, if one looks at the hint alone.
  const Tree now = Read("/a");
  ASSERT_EQ(tree_.Apply({
                write("/a", std::nullopt, now),
                write("/a", now, now),
                write("/b/x", Value::Int(1), Tree()),
                write("/b", std::nullopt, std::nullopt),
                write("/b/y", Value::Int(2), Tree()),
            }),
            absl::OkStatus());
  EXPECT_EQ(Read("/"), Tree(MapOf({{"a", *now},
                                   {"b", MapOf({{"y", Value::Int(2)}})}})));
}

TEST_P(ConformanceTest, KeepsBigValues) {
  const Value big = Value::String(std::string(size_t{1} << 20, 'x'));
  Set("/a/b/big", big);
  EXPECT_EQ(Read("/a/b/big"), Tree(big));
  Value::Map many;
  for (int i = 0; i < 5'000; ++i) {
    many = many.Set(std::to_string(i), Value::Int(i));
  }
  const Value wide = Value::MakeMap(many);
  Set("/c", wide);
  EXPECT_EQ(Read("/c"), Tree(wide));
  ReadLimits limits;
  limits.max_own_values = 4'999;
  EXPECT_TRUE(ReadWithin("/c", limits).over_limit);
  limits.max_own_values = 5'000;
  EXPECT_FALSE(ReadWithin("/c", limits).over_limit);
  limits.max_bytes = 1'000;
  EXPECT_TRUE(ReadWithin("/c", limits).over_limit);
  Set("/c", MapOf({{"0", Value::Int(0)}}));
  EXPECT_EQ(Read("/c"), Tree(MapOf({{"0", Value::Int(0)}})));
}

TEST_P(ConformanceTest, CutsAtTheDepth) {
  Set("/a", MapOf({{"b", MapOf({{"c", Value::Int(1)}})},
                   {"e", Value::EmptyMap()},
                   {"l", Value::Int(2)}}));
  SetOwn("/a/b", Value::Int(9));
  ReadLimits limits;
  limits.depth = 1;
  ReadResult one = ReadWithin("/a", limits);
  EXPECT_EQ(one.tree, Tree(MapOf({{"b", Value::EmptyMap()},
                                  {"e", Value::EmptyMap()},
                                  {"l", Value::Int(2)}})));
  EXPECT_TRUE(one.truncated);
  limits.depth = 2;
  ReadResult two = ReadWithin("/a", limits);
  EXPECT_EQ(two.tree, Read("/a"));
  EXPECT_FALSE(two.truncated);
}

TEST_P(ConformanceTest, CursorsSeekAnywhere) {
  Set("/a/b", Value::Int(1));
  Set("/a/b/c", Value::Int(2));
  Set("/a/b/c/d", Value::Int(3));
  Set("/a/x", Value::Int(4));
  Set("/b", Value::Int(5));
  auto snapshot = tree_.TakeSnapshot();
  auto cursor = snapshot->NewCursor(Path());
  cursor->Seek("");
  EXPECT_EQ(Walk(*cursor),
            (std::vector<std::string>{"/a/b", "/a/b/c", "/a/b/c/d", "/a/x",
                                      "/b"}));
  cursor->Seek(P("/a/b").SubtreeEnd());
  EXPECT_EQ(Walk(*cursor), (std::vector<std::string>{"/a/x", "/b"}));
  cursor->Seek(P("/a/b/c").key());
  EXPECT_EQ(*cursor->value(), Value::Int(2));
  cursor->Seek(P("/a").key());
  EXPECT_EQ(cursor->key(), P("/a/b").key());
  cursor->Seek(P("/a/b/c/d/e/f").key());
  EXPECT_EQ(cursor->key(), P("/a/x").key());
  cursor->Seek(P("/b").SubtreeEnd());
  EXPECT_FALSE(cursor->Valid());
  cursor->Seek("a");
  EXPECT_EQ(cursor->key(), P("/a/b").key());
}

TEST_P(ConformanceTest, SnapshotsDoNotSeeLaterWrites) {
  Set("/a/b", Value::Int(1));
  Set("/c", Value::Int(1));
  auto then = tree_.TakeSnapshot();
  auto cursor = then->NewCursor(Path());
  Set("/a/b", Value::Int(2));
  Set("/c", std::nullopt);
  Set("/d", Value::Int(2));
  EXPECT_EQ(then->Read(Path(), ReadLimits())->tree,
            Tree(MapOf({{"a", MapOf({{"b", Value::Int(1)}})},
                        {"c", Value::Int(1)}})));
  cursor->Seek("");
  EXPECT_EQ(Walk(*cursor), (std::vector<std::string>{"/a/b", "/c"}));
  EXPECT_EQ(Read("/"), Tree(MapOf({{"a", MapOf({{"b", Value::Int(2)}})},
                                   {"d", Value::Int(2)}})));
}

// The one thing about which readers of different stores are told different
// things; docs/storage.md says so.
TEST_P(ConformanceTest, OldViewsStayOrSayThatTheyAreOver) {
  const Value first = MapOf({{"a", MapOf({{"b", Value::Int(1)}})},
                             {"b", MapOf({{"x", Value::Int(1)}})},
                             {"c", Value::Int(1)}});
  Set("/", first);
  tree_.FlushAll();
  const auto then = tree_.TakeSnapshot();
  // Some of it is in whatever keeps no snapshots.
  Set("/a/b", Value::Int(2));
  Set("/b/x", Value::Int(2));
  Set("/c", Value::Int(2));
  tree_.FlushPastOldViews();
  const absl::StatusOr<ReadResult> old = then->Read(Path(), ReadLimits());
  if (GetParam().keeps_old_views) {
    ASSERT_TRUE(old.ok()) << old.status();
    EXPECT_EQ(old->tree, Tree(first));
  } else {
    EXPECT_EQ(old.status().code(), absl::StatusCode::kOutOfRange);
    EXPECT_EQ(ErrorReason(old.status()), "SNAPSHOT_EXPIRED");
  }
  EXPECT_EQ(Read("/"), Tree(MapOf({{"a", MapOf({{"b", Value::Int(2)}})},
                                   {"b", MapOf({{"x", Value::Int(2)}})},
                                   {"c", Value::Int(2)}})));
}

TEST_P(ConformanceTest, IsTheSameAfterOpeningItAgain) {
  const Value all = MapOf({{"a", MapOf({{"/", Value::Int(1)},
                                        {"b", Value::Int(2)}})},
                           {"b", Value::EmptyMap()},
                           {"c", Value::MakeList({Value::Null()})}});
  Set("/", all);
  SetOwn("/a", Value::Double(-0.0));
  const Tree before = Read("/");
  ASSERT_EQ(tree_.Reopen(), absl::OkStatus());
  const Tree after = Read("/");
  ASSERT_TRUE(after.has_value());
  EXPECT_TRUE(Value::Identical(*before, *after)) << after->DebugString();
  Set("/a/b", std::nullopt);
  EXPECT_EQ(Read("/a"), Tree(Value::Double(-0.0)));
}

TEST_P(ConformanceTest, ReadsTheSameHoweverItWasWritten) {
  const Value end = MapOf(
      {{"a", MapOf({{"/", Value::Int(1)},
                    {"b", MapOf({{"c", MapOf({{"d", Value::Int(2)}})}})}})},
       {"c", Value::EmptyMap()},
       {"d", Value::MakeList({Value::Int(3)})}});
  Set("/", end);
  EXPECT_EQ(Read("/"), Tree(end));
  Set("/", std::nullopt);
  for (auto it = end.as_map().begin(); !it.at_end(); ++it) {
    Set("/" + it->key, it->value);
  }
  EXPECT_EQ(Read("/"), Tree(end));
  Set("/", MapOf({{"a", Value::Int(7)}, {"b", Value::Int(8)}}));
  Set("/", end);
  EXPECT_EQ(Read("/"), Tree(end));
  Set("/", std::nullopt);
  SetOwn("/d", Value::MakeList({Value::Int(3)}));
  SetOwn("/c", Value::EmptyMap());
  SetOwn("/a/b/c/d", Value::Int(2));
  SetOwn("/a", Value::Int(1));
  EXPECT_EQ(Read("/"), Tree(end));
}

// Instantiated by those who have arrangements.
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(ConformanceTest);

}  // namespace restate
