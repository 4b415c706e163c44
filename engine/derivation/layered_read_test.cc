#include "engine/derivation/layered_read.h"

#include <memory>
#include <string>
#include <vector>

#include "engine/backend/memory/memory_backend.h"
#include "engine/derivation/layered_snapshot.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

Path P(std::string_view text) { return *Path::Parse(text); }

Value M(std::vector<std::pair<std::string, Value>> items) {
  Value::Map map;
  for (auto& [key, value] : items) map = map.Set(key, value);
  return Value::MakeMap(map);
}

class LayeredReadTest : public testing::Test {
 protected:
  void Write(std::string_view path, Tree value) {
    root_ = tree::Replace(root_, P(path), value);
  }
  void Derive(std::string_view dest, Tree value) {
    derived_.Add(P(dest), ++ids_);
    derived_.SetValue(P(dest), value);
  }
  Tree Read(std::string_view path, View view = View::kAll, size_t depth = 0) {
    const auto snapshot = MakeTreeSnapshot(root_);
    SnapshotReader client(snapshot.get());
    ReadLimits limits;
    limits.depth = depth;
    return ReadLayered(client, derived_, P(path), view, limits)->tree;
  }
  NodeProbe Probe(std::string_view path, View view) {
    const auto snapshot = MakeTreeSnapshot(root_);
    SnapshotReader client(snapshot.get());
    return *ProbeLayered(client, derived_, P(path), view);
  }
  size_t Seen(std::string_view dest) {
    const auto snapshot = MakeTreeSnapshot(root_);
    SnapshotReader client(snapshot.get());
    return *SeenFrom(client, derived_, P(dest));
  }
  // Every own value that a cursor shows.
  std::vector<std::string> Walk() {
    const auto snapshot = MakeTreeSnapshot(root_);
    const LayeredSnapshot layered(snapshot.get(), derived_);
    std::vector<std::string> seen;
    const std::unique_ptr<Cursor> cursor = layered.NewCursor(Path());
    for (cursor->Seek(""); cursor->Valid(); cursor->Next()) {
      seen.push_back(Path::FromKey(std::string(cursor->key())).ToText() + "=" +
                     cursor->value()->DebugString());
    }
    return seen;
  }

  Tree root_;
  DerivedValues derived_;
  uint64_t ids_ = 0;
};

TEST_F(LayeredReadTest, ALeafReadsAsThatLeafWithDerivedChildren) {
  Write("/counter", Value::Int(3));
  Derive("/counter/squared", Value::Int(9));
  EXPECT_EQ(Read("/counter"), Tree(Value::Int(3)));
  EXPECT_EQ(Read("/counter", View::kWithoutDerived), Tree(Value::Int(3)));
  EXPECT_EQ(Read("/"), Tree(M({{"counter", Value::Int(3)}})));
  EXPECT_EQ(Read("/counter/squared"), Tree(Value::Int(9)));
  EXPECT_EQ(Read("/counter/squared", View::kWithoutDerived),
            Tree(Value::Int(9)));
  EXPECT_EQ(Walk(), (std::vector<std::string>{"/counter=3",
                                              "/counter/squared=9"}));
  EXPECT_EQ(Seen("/counter/squared"), 2u);
}

TEST_F(LayeredReadTest, AnEmptyMapIsNotDisplaced) {
  Write("/a", Value::EmptyMap());
  Derive("/a/x", Value::Int(1));
  EXPECT_EQ(Read("/a", View::kWithoutDerived), Tree(Value::EmptyMap()));
  EXPECT_EQ(Read("/a"), Tree(M({{"x", Value::Int(1)}})));
  EXPECT_EQ(Probe("/a", View::kAll).own, Tree(Value::EmptyMap()));
  EXPECT_TRUE(Probe("/a", View::kAll).has_children);
  EXPECT_FALSE(Probe("/a", View::kWithoutDerived).has_children);
  EXPECT_EQ(Seen("/a/x"), 0u);
}

TEST_F(LayeredReadTest, WhatIsDerivedAloneMakesNothingExistWithoutIt) {
  Derive("/a/b/x", Value::Int(1));
  EXPECT_EQ(Read("/a"), Tree(M({{"b", M({{"x", Value::Int(1)}})}})));
  EXPECT_EQ(Read("/a", View::kWithoutDerived), std::nullopt);
  EXPECT_FALSE(Probe("/a", View::kWithoutDerived).exists());
  EXPECT_TRUE(Probe("/a", View::kAll).exists());
}

TEST_F(LayeredReadTest, NestedDestinationsAreApart) {
  Derive("/a", M({{"b", Value::Int(1)}}));
  Derive("/a/c", Value::Int(2));
  EXPECT_EQ(Read("/a"), Tree(M({{"b", Value::Int(1)}, {"c", Value::Int(2)}})));
  EXPECT_EQ(Read("/a", View::kWithoutDerived),
            Tree(M({{"b", Value::Int(1)}})));
  EXPECT_EQ(Read("/a/b", View::kWithoutDerived), Tree(Value::Int(1)));
  derived_.SetValue(P("/a"), Value::Int(5));
  EXPECT_EQ(Read("/a"), Tree(Value::Int(5)));
  EXPECT_EQ(Seen("/a/c"), 2u);
}

TEST_F(LayeredReadTest, WhatAMountShowsAtADestinationIsHidden) {
  Write("/a/x", M({{"old", Value::Int(1)}}));
  Write("/a/y", Value::Int(2));
  Derive("/a/x", Value::Int(9));
  EXPECT_EQ(Read("/a"), Tree(M({{"x", Value::Int(9)}, {"y", Value::Int(2)}})));
  EXPECT_EQ(Read("/a/x/old"), std::nullopt);
  EXPECT_EQ(Read("/a", View::kWithoutDerived),
            Tree(M({{"y", Value::Int(2)}})));
  EXPECT_EQ(Walk(), (std::vector<std::string>{"/a/x=9", "/a/y=2"}));
}

TEST_F(LayeredReadTest, DepthCutsDerivedPartsToo) {
  Write("/a/b", Value::Int(1));
  Derive("/a/c", M({{"d", Value::Int(2)}}));
  Derive("/a/e/f/g", Value::Int(3));
  EXPECT_EQ(Read("/a", View::kAll, 1),
            Tree(M({{"b", Value::Int(1)},
                    {"c", Value::EmptyMap()},
                    {"e", Value::EmptyMap()}})));
  EXPECT_EQ(Read("/a", View::kAll, 2),
            Tree(M({{"b", Value::Int(1)},
                    {"c", M({{"d", Value::Int(2)}})},
                    {"e", M({{"f", Value::EmptyMap()}})}})));
}

TEST_F(LayeredReadTest, KeysOfDestinationsAreTakenOutOfWhatIsWritten) {
  Derive("/a/x", Value::Int(1));
  Derive("/a/b/y", Value::Int(2));
  EXPECT_EQ(derived_.WithoutDerivedKeys(
                P("/a"), M({{"x", Value::Int(7)}, {"z", Value::Int(8)}})),
            M({{"z", Value::Int(8)}}));
  EXPECT_EQ(derived_.WithoutDerivedKeys(P("/a"), M({{"x", Value::Int(7)}})),
            Value::EmptyMap());
  EXPECT_EQ(derived_.WithoutDerivedKeys(
                P("/a"), M({{"/", Value::Int(3)}, {"x", Value::Int(7)}})),
            Value::Int(3));
  EXPECT_EQ(derived_.WithoutDerivedKeys(
                P("/"), M({{"a", M({{"b", M({{"y", Value::Int(1)}})}})}})),
            M({{"a", M({{"b", Value::EmptyMap()}})}}));
}

}  // namespace
}  // namespace restate
