#include "engine/backend/rocksdb/tree_changes.h"

#include <string>
#include <utility>
#include <vector>

#include "engine/backend/rocksdb/disk_format.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

// What a batch does, one line an operation, in order.
class Listing : public ::rocksdb::WriteBatch::Handler {
 public:
  ::rocksdb::Status PutCF(uint32_t, const ::rocksdb::Slice& key,
                          const ::rocksdb::Slice& value) override {
    auto leaf = disk_format::DecodeLeaf(value.ToStringView());
    lines.push_back("put " + Text(key) + " " + leaf->value.DebugString() +
                    " @" + std::to_string(leaf->revision));
    return ::rocksdb::Status::OK();
  }
  ::rocksdb::Status DeleteCF(uint32_t, const ::rocksdb::Slice& key) override {
    lines.push_back("delete " + Text(key));
    return ::rocksdb::Status::OK();
  }
  ::rocksdb::Status DeleteRangeCF(uint32_t, const ::rocksdb::Slice& begin,
                                  const ::rocksdb::Slice&) override {
    lines.push_back("delete below " + Text(begin));
    return ::rocksdb::Status::OK();
  }

  std::vector<std::string> lines;

 private:
  static std::string Text(const ::rocksdb::Slice& key) {
    std::string path = key.ToString().substr(disk_format::kMountIdBytes);
    return Path::FromKey(std::move(path)).ToText();
  }
};

std::vector<std::string> Apply(const std::vector<Write>& writes) {
  TreeChanges changes;
  for (const Write& write : writes) changes.Add(1, write);
  ::rocksdb::WriteBatch batch;
  // A null family is the default one.
  changes.AppendTo(&batch, nullptr);
  Listing listing;
  EXPECT_TRUE(batch.Iterate(&listing).ok());
  return listing.lines;
}

Write Set(std::string_view path, Tree value, std::optional<Tree> before,
          Revision revision) {
  return Write{*Path::Parse(path), Write::Scope::kSubtree, std::move(value),
               revision, std::move(before)};
}

Tree MapOf(const std::vector<std::pair<std::string, Value>>& entries) {
  Value::Map map;
  for (const auto& [key, value] : entries) map = map.Set(key, value);
  return Value::MakeMap(std::move(map));
}

using Lines = std::vector<std::string>;

TEST(TreeChangesTest, ALeafOverALeafIsOnePut) {
  EXPECT_EQ(Apply({Set("/a/b", Value::Int(2), Tree(Value::Int(1)), 5)}),
            Lines{"put /a/b " + Value::Int(2).DebugString() + " @5"});
  EXPECT_EQ(Apply({Set("/a/b", Value::Int(2), Tree(), 5)}),
            Lines{"put /a/b " + Value::Int(2).DebugString() + " @5"});
}

TEST(TreeChangesTest, OnlyWhatDiffersIsTouched) {
  const Tree before = MapOf({{"a", Value::Int(1)},
                             {"b", Value::Int(2)},
                             {"c", *MapOf({{"d", Value::Int(3)}})}});
  const Tree after = MapOf({{"a", Value::Int(1)}, {"b", Value::Double(2.0)}});
  EXPECT_EQ(Apply({Set("/x", after, before, 5)}),
            (Lines{"put /x/b " + Value::Double(2.0).DebugString() + " @5",
                   "delete /x/c/d"}));
  EXPECT_EQ(Apply({Set("/x", before, before, 5)}), Lines{});
}

TEST(TreeChangesTest, ALeafWrittenOftenIsPutOnce) {
  std::vector<Write> writes;
  for (int i = 1; i <= 10; ++i) {
    writes.push_back(Set("/n", Value::Int(i), Tree(Value::Int(0)), i));
  }
  EXPECT_EQ(Apply(writes),
            Lines{"put /n " + Value::Int(10).DebugString() + " @10"});
}

TEST(TreeChangesTest, BackToWhatWasThereIsWritten) {
  const Tree zero(Value::Int(0));
  EXPECT_EQ(Apply({Set("/n", Value::Int(1), zero, 1),
                   Set("/n", zero, zero, 2)}),
            Lines{"put /n " + Value::Int(0).DebugString() + " @2"});
}

TEST(TreeChangesTest, WithoutTheHintTheRangeIsDeletedFirst) {
  EXPECT_EQ(Apply({Set("/a/x", Value::Int(1), Tree(), 1),
                   Set("/b", Value::Int(2), Tree(), 2),
                   Set("/a", MapOf({{"y", Value::Int(3)}}), std::nullopt, 3),
                   Set("/a/y", std::nullopt, Tree(), 4)}),
            (Lines{"delete below /a", "delete /a/y",
                   "put /b " + Value::Int(2).DebugString() + " @2"}));
}

TEST(TreeChangesTest, MountsAreApart) {
  TreeChanges changes;
  changes.Add(1, Set("/a", Value::Int(1), Tree(), 1));
  changes.Add(2, Set("/", std::nullopt, Tree(Value::Int(7)), 2));
  ::rocksdb::WriteBatch batch;
  changes.AppendTo(&batch, nullptr);
  Listing listing;
  EXPECT_TRUE(batch.Iterate(&listing).ok());
  EXPECT_EQ(listing.lines,
            (Lines{"put /a " + Value::Int(1).DebugString() + " @1",
                   "delete /"}));
}

}  // namespace
}  // namespace restate
