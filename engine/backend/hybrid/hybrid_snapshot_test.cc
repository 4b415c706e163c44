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
// A store that was up when the snapshot was taken and does not answer since;
// from its `answers`-th read on.
class Lost final : public Snapshot {
 public:
  Lost(Tree root, int answers)
      : root_(MakeTreeSnapshot(std::move(root))), answers_(answers) {}

  std::unique_ptr<Cursor> NewCursor(const Path& within) const override {
    return std::make_unique<LostCursor>(this, root_->NewCursor(within));
  }
  int asked() const { return asked_; }

 private:
  class LostCursor final : public Cursor {
   public:
    LostCursor(const Lost* store, std::unique_ptr<Cursor> cursor)
        : store_(*store), cursor_(std::move(cursor)) {}
    void Seek(std::string_view key) override {
      if (Ask()) cursor_->Seek(key);
    }
    void Next() override {
      if (Ask()) cursor_->Next();
    }
    bool Valid() const override { return status_.ok() && cursor_->Valid(); }
    std::string_view key() const override { return cursor_->key(); }
    absl::StatusOr<Value> value() const override { return cursor_->value(); }
    absl::Status status() const override { return status_; }

   private:
    bool Ask() {
      if (++store_.asked_ > store_.answers_) {
        status_ = MakeError(Reason::kMountUnavailable, "no answer");
      }
      return status_.ok();
    }

    const Lost& store_;
    const std::unique_ptr<Cursor> cursor_;
    absl::Status status_;
  };

  const std::shared_ptr<const Snapshot> root_;
  const int answers_;
  mutable int asked_ = 0;
};

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
  auto cursor = snapshot.NewCursor(Path());
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
  auto cursor = snapshot.NewCursor(Path());
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

TEST(HybridSnapshotTest, AWalkAsksNobodyBesideIt) {
  const auto lost = std::make_shared<Lost>(Tree(Value::Int(9)), 0);
  HybridSnapshot snapshot(
      {Up("/", MapOf({{"a", MapOf({{"x", Value::Int(1)}})}})),
       {P("/b"), lost, "remote"}});
  auto cursor = snapshot.NewCursor(P("/a"));
  cursor->Seek("");
  EXPECT_EQ(Walk(*cursor), (std::vector<std::string>{"/a/x"}));
  EXPECT_EQ(cursor->status(), absl::OkStatus());
  cursor->Seek(P("/a").SubtreeEnd());
  EXPECT_FALSE(cursor->Valid());
  cursor->Seek(P("/b").key());
  EXPECT_FALSE(cursor->Valid());
  EXPECT_EQ(cursor->status(), absl::OkStatus());
  EXPECT_EQ(Read(snapshot, "/a"), Tree(MapOf({{"x", Value::Int(1)}})));
  EXPECT_TRUE(snapshot.Probe(P("/a"))->has_children);
  EXPECT_EQ(lost->asked(), 0);
}

TEST(HybridSnapshotTest, AMountThatIsLostOnTheWayShowsAsOneThatIsDown) {
  const auto lost = std::make_shared<Lost>(Tree(Value::Int(9)), 0);
  HybridSnapshot snapshot({Up("/", MapOf({{"a", Value::Int(1)},
                                          {"z", Value::Int(2)}})),
                           {P("/m"), lost, "remote"},
                           Up("/m/in", Value::Int(3))});
  auto cursor = snapshot.NewCursor(Path());
  cursor->Seek("");
  EXPECT_EQ(Walk(*cursor),
            (std::vector<std::string>{"/a", "/m", "/m/in", "/z"}));
  EXPECT_EQ(cursor->status(), absl::OkStatus());
  EXPECT_EQ(lost->asked(), 1) << "a deadline each";
  cursor->Seek(P("/a").SubtreeEnd());
  ASSERT_TRUE(cursor->Valid());
  EXPECT_EQ(ErrorReason(cursor->value().status()), "MOUNT_UNAVAILABLE");
  cursor->Seek(P("/m/deep").key());
  EXPECT_FALSE(cursor->Valid());
  EXPECT_EQ(ErrorReason(cursor->status()), "MOUNT_UNAVAILABLE");
  EXPECT_EQ(lost->asked(), 1);

  EXPECT_EQ(ErrorReason(snapshot.Read(Path(), ReadLimits()).status()),
            "MOUNT_UNAVAILABLE");
  EXPECT_TRUE(snapshot.Probe(Path())->has_children);
  bool left_out = false;
  auto partial = snapshot.ReadPartial(Path(), ReadLimits(), &left_out);
  ASSERT_TRUE(partial.ok()) << partial.status();
  EXPECT_TRUE(left_out);
  EXPECT_EQ(partial->tree,
            Tree(MapOf({{"a", Value::Int(1)},
                        {"m", MapOf({{"in", Value::Int(3)}})},
                        {"z", Value::Int(2)}})));
  partial = snapshot.ReadPartial(P("/m/deep"), ReadLimits(), &left_out);
  ASSERT_TRUE(partial.ok()) << partial.status();
  EXPECT_TRUE(left_out);
  EXPECT_EQ(partial->tree, std::nullopt);
}

TEST(HybridSnapshotTest, AMountThatIsLostInItsMiddleEndsTheWalk) {
  const Value two = MapOf({{"b", Value::Int(1)}, {"y", Value::Int(2)}});
  // After its first entry; and where the walk comes back to it.
  for (int answers : {1, 2}) {
    const auto lost = std::make_shared<Lost>(Tree(two), answers);
    HybridSnapshot snapshot({Up("/", MapOf({{"z", Value::Int(5)}})),
                             {P("/m"), lost, "remote"},
                             Up("/m/in", Value::Int(3))});
    auto cursor = snapshot.NewCursor(Path());
    cursor->Seek("");
    std::vector<std::string> expected = {"/m/b"};
    if (answers == 2) expected.push_back("/m/in");
    EXPECT_EQ(Walk(*cursor), expected);
    EXPECT_EQ(ErrorReason(cursor->status()), "MOUNT_UNAVAILABLE");
    EXPECT_FALSE(snapshot.Read(P("/m"), ReadLimits()).ok());

    const auto again = std::make_shared<Lost>(Tree(two), answers);
    HybridSnapshot partly({Up("/", MapOf({{"z", Value::Int(5)}})),
                           {P("/m"), again, "remote"},
                           Up("/m/in", Value::Int(3))});
    bool left_out = false;
    auto partial = partly.ReadPartial(Path(), ReadLimits(), &left_out);
    ASSERT_TRUE(partial.ok()) << partial.status();
    EXPECT_TRUE(left_out);
    EXPECT_EQ(partial->tree,
              Tree(MapOf({{"m", MapOf({{"b", Value::Int(1)},
                                       {"in", Value::Int(3)}})},
                          {"z", Value::Int(5)}})));
  }
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
