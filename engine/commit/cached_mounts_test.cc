// Mounts with a cache in front: what they keep, flush, and lose.

#include "engine/commit/testing/mounts_fixture.h"
#include "engine/error/error.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

using Happens = FaultPlan::Happens;

TEST_F(MountsTest, ACacheKeepsWritesUntilTheyAreFlushed) {
  for (Kind kind : {Kind::kRocksDb, Kind::kElsewhere, Kind::kMemory}) {
    std::filesystem::remove_all(directory_);
    elsewhere_ = std::make_shared<StoreElsewhere>();
    Start({{"/x", kind, CachePolicy{}}});
    ASSERT_TRUE(Do(Set("/x/a", 1)).ok());
    EXPECT_EQ(Get("/x/a"), Tree(Value::Int(1)));
    EXPECT_FALSE(MountedAt("/x")->applier()->Clean());
    // The interval has not passed since the start.
    clock_.Advance(absl::Seconds(4));
    MountedAt("/x")->applier()->Tick();
    ASSERT_TRUE(Do(Set("/x/b", 1)).ok());
    EXPECT_FALSE(MountedAt("/x")->applier()->Clean());
    clock_.Advance(absl::Seconds(1));
    MountedAt("/x")->applier()->Tick();
    while (!MountedAt("/x")->applier()->Clean()) std::this_thread::yield();
    EXPECT_EQ(Get("/x/b"), Tree(Value::Int(1)));
    sequencer_.reset();
  }
}

TEST_F(MountsTest, ACrashLosesJustWhatACacheHasNotFlushed) {
  for (Kind kind : {Kind::kRocksDb, Kind::kElsewhere}) {
    std::filesystem::remove_all(directory_);
    elsewhere_ = std::make_shared<StoreElsewhere>();
    Start({{"/x", kind, CachePolicy{}}});
    ASSERT_TRUE(Do(Set("/x/a", 1)).ok());
    ASSERT_TRUE(Flush("/x").ok());
    Settle();
    FreezeElsewhere();
    Crash();
    // All was flushed: nothing has changed.
    EXPECT_EQ(Told(), Strings());
    EXPECT_EQ(Get("/x/a"), Tree(Value::Int(1)));
    ASSERT_TRUE(Do(Set("/x/a", 2)).ok());
    ASSERT_TRUE(Do(Set("/x/b", 2)).ok());
    ASSERT_TRUE(Do(Set("/y", 2)).ok());
    const Revision before = sequencer_->publication().Newest()->revision();
    Crash();
    EXPECT_EQ(Get("/x/a"), Tree(Value::Int(1)));
    EXPECT_EQ(Get("/x/b"), std::nullopt);
    EXPECT_EQ(Get("/y"), Tree(Value::Int(2)));
    // Which is a commit.
    auto page = sequencer_->history().Read(before, INT64_MAX, 1 << 20);
    ASSERT_TRUE(page.ok()) << page.status();
    ASSERT_EQ(page->commits.size(), 1u);
    EXPECT_EQ(page->commits[0]->commit.origin, CommitOrigin::kMount);
    EXPECT_EQ(page->commits[0]->commit.effects.at(0).path, P("/x"));
    sequencer_.reset();
  }
}

TEST_F(MountsTest, AStopFlushesCaches) {
  Start({{"/x", Kind::kElsewhere, CachePolicy{absl::Hours(1)}},
         {"/y", Kind::kRocksDb, CachePolicy{absl::Hours(1)}}});
  ASSERT_TRUE(Do(Set("/x/a", 1)).ok());
  ASSERT_TRUE(Do(Set("/y/a", 2)).ok());
  Told();
  ASSERT_TRUE(sequencer_->Stop().ok());
  EXPECT_EQ(Elsewhere("/a"), Tree(Value::Int(1)));
  sequencer_.reset();
  Start(specs_);
  EXPECT_EQ(Get("/y/a"), Tree(Value::Int(2)));
  EXPECT_EQ(Told(), Strings());
  // One that cannot be flushed is said to be lost.
  ASSERT_TRUE(Do(Set("/x/b", 1)).ok());
  elsewhere_->plan.FailWrite(1, Happens::kNot);
  EXPECT_FALSE(sequencer_->Stop().ok());
}

}  // namespace
}  // namespace restate
