#include "engine/backend/hybrid/hybrid_snapshot.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/backend/memory/memory_backend.h"
#include "engine/error/error.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

Path P(std::string_view text) { return *Path::Parse(text); }

Value MapOf(const std::vector<std::pair<std::string, Value>>& entries) {
  Value::Map map;
  for (const auto& [key, value] : entries) map = map.Set(key, value);
  return Value::MakeMap(std::move(map));
}

MountedSnapshot Up(std::string_view at, Tree root) {
  return {P(at), MakeTreeSnapshot(std::move(root)), "memory"};
}
MountedSnapshot Down(std::string_view at) {
  return {P(at), absl::UnavailableError("no route"), "remote"};
}

Tree Read(const Snapshot& snapshot, std::string_view path) {
  absl::StatusOr<ReadResult> read = snapshot.Read(P(path), ReadLimits());
  EXPECT_TRUE(read.ok()) << read.status();
  return read.ok() ? read->tree : Tree();
}

std::vector<std::string> Walk(Cursor& cursor) {
  std::vector<std::string> paths;
  for (; cursor.Valid(); cursor.Next()) {
    paths.push_back(Path::FromKey(std::string(cursor.key())).ToText());
  }
  return paths;
}

void ExpectDown(const absl::Status& status, const std::string& mount) {
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable) << status;
  EXPECT_EQ(ErrorReason(status), "MOUNT_UNAVAILABLE");
  EXPECT_EQ(ErrorMetadata(status)["mount"], mount);
  EXPECT_NE(status.message().find("mount at " + mount + " is down: no route"),
            absl::string_view::npos)
      << status;
}

TEST(HybridSnapshotTest, HiddenDataNeverShows) {
  HybridSnapshot snapshot(
      {Up("/", MapOf({{"a", MapOf({{"m", MapOf({{"hidden", Value::Int(1)}})},
                                   {"x", Value::Int(2)}})},
                      {"b", MapOf({{"n", Value::Int(3)}})}})),
       Up("/a/m", Value::Int(4)), Up("/b/n", std::nullopt)});
  EXPECT_EQ(Read(snapshot, "/"),
            Tree(MapOf({{"a", MapOf({{"m", Value::Int(4)},
                                     {"x", Value::Int(2)}})}})));
  EXPECT_EQ(Read(snapshot, "/a/m/hidden"), std::nullopt);
  // All that /b has is hidden.
  EXPECT_EQ(Read(snapshot, "/b"), std::nullopt);
  EXPECT_FALSE(snapshot.Probe(P("/b"))->exists());
  EXPECT_TRUE(snapshot.Probe(P("/a"))->has_children);
  auto cursor = snapshot.NewCursor();
  cursor->Seek("");
  EXPECT_EQ(Walk(*cursor), (std::vector<std::string>{"/a/m", "/a/x"}));
}

TEST(HybridSnapshotTest, ChildrenInMountsTakeThePlaceOfAnEmptyMap) {
  const Value host = MapOf({{"a", Value::EmptyMap()}});
  HybridSnapshot with({Up("/", host), Up("/a/m", Value::Int(4))});
  EXPECT_EQ(Read(with, "/a"), Tree(MapOf({{"m", Value::Int(4)}})));
  EXPECT_FALSE(with.Probe(P("/a"))->own.has_value());
  EXPECT_TRUE(with.Probe(P("/a"))->has_children);
  HybridSnapshot without({Up("/", host), Up("/a/m", std::nullopt)});
  EXPECT_EQ(Read(without, "/a"), Tree(Value::EmptyMap()));
  EXPECT_EQ(without.Probe(P("/a"))->own, Tree(Value::EmptyMap()));
  EXPECT_FALSE(without.Probe(P("/a"))->has_children);
}

TEST(HybridSnapshotTest, ADeadMountIsUnavailableAndNotAbsent) {
  HybridSnapshot snapshot({Up("/", MapOf({{"a", MapOf({{"x", Value::Int(1)}})},
                                          {"z", Value::Int(2)}})),
                           Down("/a/m"), Up("/b", Value::Int(3))});
  for (const char* path : {"/a/m", "/a/m/deep"}) {
    ExpectDown(snapshot.Probe(P(path)).status(), "/a/m");
    ExpectDown(snapshot.Read(P(path), ReadLimits()).status(), "/a/m");
  }
  ExpectDown(snapshot.Read(P("/a"), ReadLimits()).status(), "/a/m");
  ExpectDown(snapshot.Read(P("/"), ReadLimits()).status(), "/a/m");
  // Others go on.
  EXPECT_EQ(Read(snapshot, "/a/x"), Tree(Value::Int(1)));
  EXPECT_EQ(Read(snapshot, "/z"), Tree(Value::Int(2)));
  EXPECT_EQ(Read(snapshot, "/b"), Tree(Value::Int(3)));
  // A probe that can be answered without it is.
  EXPECT_TRUE(snapshot.Probe(P("/a"))->has_children);
}

TEST(HybridSnapshotTest, AProbeThatDependsOnADeadMountFails) {
  HybridSnapshot snapshot(
      {Up("/", MapOf({{"a", Value::EmptyMap()}})), Down("/a/m")});
  ExpectDown(snapshot.Probe(P("/a")).status(), "/a/m");
  EXPECT_TRUE(snapshot.Probe(P("/"))->has_children);
}

TEST(HybridSnapshotTest, CursorsShowADeadMountAsAnEntry) {
  HybridSnapshot snapshot({Up("/", MapOf({{"a", Value::Int(1)},
                                          {"z", Value::Int(2)}})),
                           Down("/m"), Up("/m/in", Value::Int(3))});
  auto cursor = snapshot.NewCursor();
  cursor->Seek("");
  EXPECT_EQ(Walk(*cursor),
            (std::vector<std::string>{"/a", "/m", "/m/in", "/z"}));
  EXPECT_EQ(cursor->status(), absl::OkStatus());
  cursor->Seek(P("/a").SubtreeEnd());
  ASSERT_TRUE(cursor->Valid());
  ExpectDown(cursor->value().status(), "/m");
  cursor->Seek(P("/m/deep").key());
  EXPECT_FALSE(cursor->Valid());
  ExpectDown(cursor->status(), "/m");
  cursor->Seek(P("/m").SubtreeEnd());
  EXPECT_EQ(*cursor->value(), Value::Int(2));
}

TEST(HybridSnapshotTest, PartialReadsLeaveDeadMountsOut) {
  HybridSnapshot snapshot({Up("/", MapOf({{"a", MapOf({{"x", Value::Int(1)}})},
                                          {"z", Value::Int(2)}})),
                           Down("/a/m"), Up("/a/m/in", Value::Int(3))});
  auto read = [&snapshot](std::string_view path, bool expect_left_out) {
    bool left_out = !expect_left_out;
    auto result = snapshot.ReadPartial(P(path), ReadLimits(), &left_out);
    EXPECT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(left_out, expect_left_out) << path;
    return result->tree;
  };
  const Value m = MapOf({{"in", Value::Int(3)}});
  EXPECT_EQ(read("/a", true),
            Tree(MapOf({{"m", m}, {"x", Value::Int(1)}})));
  EXPECT_EQ(read("/a/m", true), Tree(m));
  EXPECT_EQ(read("/a/m/out", true), std::nullopt);
  EXPECT_EQ(read("/a/m/in", false), Tree(Value::Int(3)));
  EXPECT_EQ(read("/z", false), Tree(Value::Int(2)));
}

TEST(HybridSnapshotTest, DamageIsNotMistakenForAnOutage) {
  HybridSnapshot snapshot(
      {Up("/", std::nullopt),
       {P("/m"), MakeError(Reason::kCorrupt, "bad block"), "rocksdb"}});
  const absl::Status status = snapshot.Probe(P("/m/x")).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(ErrorReason(status), "CORRUPT");
  EXPECT_EQ(ErrorMetadata(status)["mount"], "/m");
}

}  // namespace
}  // namespace restate
