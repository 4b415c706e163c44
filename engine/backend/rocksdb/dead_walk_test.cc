// Story: two clients with 3,000 leases of two seconds each made the write of
// somebody else wait for 5.7 s. Each write of a new path looked at the marks of all
// paths beside it that had been deleted, and at those behind it in other subtrees.
// RocksDB counts what an iterator passes, and so does this.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/backend/rocksdb/dead_ranges.h"
#include "engine/backend/rocksdb/rocksdb_store.h"
#include "gtest/gtest.h"
#include "rocksdb/perf_context.h"

namespace restate {
namespace {

constexpr int kChildren = 2'000;

Path P(std::string_view text) { return *Path::Parse(text); }

class DeadWalkTest : public testing::Test {
 protected:
  DeadWalkTest() {
    directory_ = testing::TempDir() + "/dead_walk";
    std::filesystem::remove_all(directory_);
    auto store = RocksDbStore::Open({.directory = directory_});
    EXPECT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    mount_ = *store_->OpenMount(Path());
  }
  ~DeadWalkTest() override {
    mount_ = nullptr;
    store_ = nullptr;
    std::filesystem::remove_all(directory_);
  }

  // `leaf_before`: what the path is known to have read as; null if not.
  void Set(std::string_view path, Tree value,
           const Value* leaf_before = nullptr) {
    ++revision_;
    Write write;
    write.path = P(path);
    write.scope = Write::Scope::kSubtree;
    write.value = std::move(value);
    write.revision = revision_;
    if (leaf_before != nullptr) write.before.emplace(*leaf_before);
    CommitBatch batch{revision_, revision_ + 100, {}};
    batch.mounts.push_back(
        {*mount_->commit_store_mount(), {std::move(write)}});
    ASSERT_EQ(store_->Commit(batch), absl::OkStatus());
  }
  static std::string Child(int i) {
    return absl::StrCat("/queue/", 100'000 + i);
  }
  // All come, and all go.
  void FillAndEmpty() {
    for (int i = 0; i < kChildren; ++i) Set(Child(i), Value::Int(i));
    for (int i = 0; i < kChildren; ++i) {
      const Value before = Value::Int(i);
      Set(Child(i), std::nullopt, &before);
    }
  }
  // Returns the number of dead keys that `read` passes.
  template <typename Read>
  static uint64_t Passed(Read read) {
    const auto passed = [] {
      const ::rocksdb::PerfContext& context = *::rocksdb::get_perf_context();
      return context.internal_delete_skipped_count +
             context.internal_key_skipped_count;
    };
    const uint64_t before = passed();
    read();
    return passed() - before;
  }
  NodeProbe Probe(std::string_view path) {
    return *(*mount_->TakeSnapshot())->Probe(P(path));
  }
  Tree Read(std::string_view path) {
    return (*mount_->TakeSnapshot())->Read(P(path), ReadLimits())->tree;
  }

  std::string directory_;
  std::unique_ptr<RocksDbStore> store_;
  std::unique_ptr<Backend> mount_;
  Revision revision_ = 0;
};

TEST_F(DeadWalkTest, OnlyTheFirstLooksAtAllThatIsGone) {
  FillAndEmpty();
  EXPECT_GE(Passed([&] { EXPECT_FALSE(Probe("/queue").exists()); }),
            uint64_t{kChildren});
  EXPECT_LT(Passed([&] { EXPECT_FALSE(Probe("/queue").exists()); }),
            DeadRanges::kMany);
  EXPECT_LT(Passed([&] { EXPECT_EQ(Read("/queue"), std::nullopt); }),
            DeadRanges::kMany);
}

TEST_F(DeadWalkTest, WhatComesAmongTheDeadIsFound) {
  FillAndEmpty();
  EXPECT_FALSE(Probe("/queue").exists());
  Set(Child(1'000), Value::Int(7));
  EXPECT_LT(Passed([&] { EXPECT_TRUE(Probe("/queue").has_children); }),
            DeadRanges::kMany);
  EXPECT_LT(Passed([&] { EXPECT_EQ(Read(Child(1'000)), Tree(Value::Int(7))); }),
            DeadRanges::kMany);
  const Value before = Value::Int(7);
  Set(Child(1'000), std::nullopt, &before);
  EXPECT_FALSE(Probe("/queue").exists());
}

TEST_F(DeadWalkTest, AReadEndsWhereItsSubtreeEnds) {
  FillAndEmpty();
  Set("/a", Value::Int(1));
  // All keys behind it are dead.
  EXPECT_LT(Passed([&] { EXPECT_EQ(Read("/a"), Tree(Value::Int(1))); }),
            DeadRanges::kMany);
  EXPECT_LT(Passed([&] { EXPECT_EQ(Read("/b"), std::nullopt); }),
            DeadRanges::kMany);
}

TEST_F(DeadWalkTest, AnOlderSnapshotReadsWhatItHas) {
  for (int i = 0; i < 100; ++i) Set(Child(i), Value::Int(i));
  const std::shared_ptr<const Snapshot> old = *mount_->TakeSnapshot();
  for (int i = 0; i < 100; ++i) Set(Child(i), std::nullopt);
  EXPECT_FALSE(Probe("/queue").exists());
  EXPECT_TRUE(old->Probe(P("/queue"))->has_children);
  EXPECT_EQ(old->Read(P(Child(50)), ReadLimits())->tree, Tree(Value::Int(50)));
}

}  // namespace
}  // namespace restate
