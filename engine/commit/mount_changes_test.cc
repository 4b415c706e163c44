// Mounts that come and go, and stores that others edit.

#include "engine/commit/testing/mounts_fixture.h"
#include "engine/error/error.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

using Happens = FaultPlan::Happens;

TEST_F(MountsTest, MountsComeAndGoInCommits) {
  Start({});
  ASSERT_TRUE(Do(Set("/x/hidden", 1)).ok());
  ASSERT_TRUE(Do(Set("/x/y/deep", 1)).ok());
  Told();
  absl::StatusOr<Revision> mounted =
      AddMount({"/x", Kind::kMemory, {}, "definition"});
  ASSERT_TRUE(mounted.ok()) << mounted.status();
  EXPECT_EQ(sequencer_->publication().Newest()->revision(), *mounted);
  EXPECT_EQ(Told(), (Strings{"/x DELETE MOUNT below"}));
  EXPECT_EQ(Get("/x"), std::nullopt);
  EXPECT_EQ(ErrorReason(AddMount({"/x", Kind::kMemory}).status()),
            "MOUNT_EXISTS");
  EXPECT_EQ(ErrorReason(RemoveMount("/none").status()), "MOUNT_NOT_FOUND");
  EXPECT_EQ(ErrorReason(RemoveMount("/").status()), "CONFIGURED_MOUNT");
  ASSERT_TRUE(Do(Set("/x/new", 2)).ok());
  // A precondition does not reach across.
  CommitRequest request;
  request.preconditions = {UnchangedSince{P("/x/hidden"), *mounted - 1}};
  request.operations = {Set("/z", 1)};
  EXPECT_EQ(ErrorReason(Submit(request).get().status()),
            "PRECONDITION_FAILED");
  Told();
  ASSERT_TRUE(RemoveMount("/x").ok());
  EXPECT_EQ(Told(), (Strings{"/x SET MOUNT below"}));
  EXPECT_EQ(Get("/x/hidden"), Tree(Value::Int(1)));
  EXPECT_EQ(Get("/x/new"), std::nullopt);
  EXPECT_EQ(sequencer_->mounts().size(), 1u);
}

TEST_F(MountsTest, OneThatHasWritesWaitingIsNotUnmounted) {
  Start({});
  ASSERT_TRUE(AddMount({"/x", Kind::kElsewhere, CachePolicy{}, "d"}).ok());
  ASSERT_TRUE(Do(Set("/x/a", 1)).ok());
  EXPECT_EQ(ErrorReason(RemoveMount("/x").status()), "MOUNT_UNAVAILABLE");
  ASSERT_TRUE(Flush("/x").ok());
  ASSERT_TRUE(RemoveMount("/x").ok());
  EXPECT_EQ(Elsewhere("/a"), Tree(Value::Int(1)));
}

TEST_F(MountsTest, WhatItsStoreRefusesIsGivenUpIfAsked) {
  const Spec spec = {"/x", Kind::kElsewhere, {}, "d"};
  Start({});
  ASSERT_TRUE(AddMount(spec).ok());
  elsewhere_->plan.FailWrite(1, Happens::kNot,
                             absl::FailedPreconditionError("never"));
  ASSERT_TRUE(Do(Set("/x/a", 1)).ok());
  EXPECT_FALSE(Flush("/x").ok());
  EXPECT_EQ(ErrorReason(RemoveMount("/x").status()), "MOUNT_UNAVAILABLE");
  EXPECT_EQ(Get("/x/a"), Tree(Value::Int(1)));
  ASSERT_TRUE(RemoveMount("/x", Sequencer::Unapplied::kDiscard).ok());
  EXPECT_EQ(Get("/x/a"), std::nullopt);
  // Nothing of it comes back, neither with the next mount there nor with the
  // next start.
  ASSERT_TRUE(AddMount(spec).ok());
  specs_ = {spec};
  FreezeElsewhere();
  Crash();
  ASSERT_TRUE(Flush("/x").ok());
  EXPECT_EQ(Get("/x/a"), std::nullopt);
  EXPECT_EQ(Elsewhere("/a"), std::nullopt);
}

TEST_F(MountsTest, DefinitionsAreRecordedWithTheirCommit) {
  Start({});
  for (Happens happens : {Happens::kNot, Happens::kAllTheSame}) {
    plan_->FailWrite(1, happens);
    absl::StatusOr<Revision> mounted =
        AddMount({"/x", Kind::kMemory, {}, "definition"});
    // It is found out whether it has happened, and shown as that.
    EXPECT_EQ(mounted.ok(), happens == Happens::kAllTheSame);
    if (!mounted.ok()) {
      EXPECT_EQ(ErrorReason(mounted.status()), "OUTCOME_UNKNOWN");
    }
    EXPECT_EQ(MountedAt("/x") != nullptr, mounted.ok());
    EXPECT_EQ(sequencer_->records().Find("mount/" + P("/x").key()),
              mounted.ok() ? std::optional<std::string>("definition")
                           : std::nullopt);
  }
  ASSERT_TRUE(Do(Set("/x/a", 1)).ok());
  EXPECT_EQ(Get("/x/a"), Tree(Value::Int(1)));
}

TEST_F(MountsTest, AStartThatFailsEndsInOrder) {
  RocksDbOptions options;
  options.directory = directory_.string();
  auto store = RocksDbStore::Open(options);
  ASSERT_TRUE(store.ok()) << store.status();
  rocksdb_ = store->get();
  auto plan = std::make_shared<FaultPlan>();
  plan->FailWrite(1, Happens::kNot);
  SequencerOptions sequencer;
  sequencer.mounts.push_back(MountOf({"/", Kind::kRocksDb}));
  sequencer.commit_store =
      std::make_unique<FaultyCommitStore>(*std::move(store), plan);
  sequencer.clock = &clock_;
  sequencer.listener = &listener_;
  EXPECT_EQ(Sequencer::Start(std::move(sequencer)).status(),
            FaultPlan::DefaultError());
}

TEST_F(MountsTest, EditsByOthersAreCommits) {
  Start({{"/x"}, {"/x/inner", Kind::kMemory}});
  ASSERT_TRUE(Do(Set("/x/a", 1)).ok());
  ASSERT_TRUE(Flush("/x").ok());
  Told();
  std::vector<Write> edits = {
      {P("/a"), Write::Scope::kSubtree, std::nullopt},
      {P("/b/c"), Write::Scope::kSubtree, Tree(Value::Int(2))},
      {P("/b"), Write::Scope::kOwnValue, Tree(Value::Int(3))},
      // Hidden by the mount there.
      {P("/inner/d"), Write::Scope::kSubtree, Tree(Value::Int(4))},
  };
  ASSERT_TRUE(edited_->Edit(edits).ok());
  EXPECT_EQ(Told(), (Strings{"/x/a DELETE FILE", "/x/b/c SET FILE",
                             "/x/b SET FILE"}));
  EXPECT_EQ(Get("/x/inner"), std::nullopt);
  EXPECT_EQ(Get("/x/b/c"), Tree(Value::Int(2)));
  // What is the same is no commit.
  ASSERT_TRUE(edited_->Edit({edits[1]}).ok());
  ASSERT_TRUE(
      edited_->Edit({{P("/b"), Write::Scope::kOwnValue, std::nullopt}}).ok());
  EXPECT_EQ(Told(), (Strings{"/x/b SET FILE"}));
  ASSERT_TRUE(Flush("/x").ok());
  EXPECT_EQ(Elsewhere("/b/c"), Tree(Value::Int(2)));
}

// Every start told everybody that an empty /tmp had been deleted, and began
// again for all who listened to /*/b, with all their values: whether the mount
// had held anything was known to nobody.
TEST_F(MountsTest, AVolatileMountThatHeldNothingIsNotResetByAStart) {
  Start({{"/m", Kind::kMemory}, {"/n", Kind::kMemory, CachePolicy{}}});
  ASSERT_TRUE(Do(Set("/a", 1)).ok());
  const auto told_by_start = [&] {
    const Revision before = sequencer_->publication().Newest()->revision();
    Crash();
    Strings places;
    auto page = sequencer_->history().Read(before, INT64_MAX, 1 << 20);
    EXPECT_TRUE(page.ok()) << page.status();
    for (const auto& past : page->commits) {
      for (const Effect& effect : past->commit.effects) {
        places.push_back(effect.path.ToText());
      }
    }
    return places;
  };
  EXPECT_EQ(told_by_start(), Strings());
  ASSERT_TRUE(Do(Set("/m/x", 1)).ok());
  EXPECT_EQ(told_by_start(), (Strings{"/m"}));
  // It was told, once.
  EXPECT_EQ(told_by_start(), Strings());
  // That there is nothing any more says nothing of what readers know.
  ASSERT_TRUE(Do(Set("/m/x", 1)).ok());
  ASSERT_TRUE(Do(DeleteOperation{.path = P("/m/x")}).ok());
  ASSERT_TRUE(Do(Set("/n/x", 1)).ok());
  EXPECT_EQ(told_by_start(), (Strings{"/m", "/n"}));
  // One that is mounted by a call, and what was there before it.
  ASSERT_TRUE(AddMount({"/a", Kind::kMemory, {}, "d"}).ok());
  specs_.push_back({"/a", Kind::kMemory, {}, "d"});
  EXPECT_EQ(told_by_start(), Strings());
  ASSERT_TRUE(Do(Set("/a/x", 1)).ok());
  EXPECT_EQ(told_by_start(), (Strings{"/a"}));
}

TEST_F(MountsTest, TheFirstWriteIntoAnEmptyMountWaitsForTheDisk) {
  Start({{"/m", Kind::kMemory}});
  ASSERT_TRUE(Do(Set("/m/x", 1)).ok());
  // If the mark cannot be made durable, the write is not shown.
  plan_->FailWrite(1, Happens::kNot);
  EXPECT_EQ(ErrorReason(Do(Set("/a", 1)).status()), "OUTCOME_UNKNOWN");
  ASSERT_TRUE(AddMount({"/v", Kind::kMemory, {}, "d"}).ok());
  plan_->FailWrite(1, Happens::kNot);
  EXPECT_EQ(ErrorReason(Do(Set("/v/x", 1)).status()), "OUTCOME_UNKNOWN");
  EXPECT_EQ(Get("/v"), std::nullopt);
  EXPECT_EQ(sequencer_->records().Find("mounted/" + P("/v").key()),
            "memory, empty");
}

TEST_F(MountsTest, TheRecordHoldsWhatTheMountPointReadsAsAfterwards) {
  Start({});
  ASSERT_TRUE(Do(Set("/x/hidden", 1)).ok());
  const Revision mounted = *AddMount({"/x", Kind::kMemory, {}, "d"});
  ASSERT_TRUE(Do(Set("/x/new", 1)).ok());
  const Revision unmounted = *RemoveMount("/x");
  auto page = sequencer_->history().Read(mounted - 1, INT64_MAX, 1 << 20);
  ASSERT_TRUE(page.ok()) << page.status();
  for (const auto& past : page->commits) {
    const Effect& effect = past->commit.effects.at(0);
    if (past->commit.revision == mounted) {
      EXPECT_EQ(effect.after, std::nullopt);
    } else if (past->commit.revision == unmounted) {
      EXPECT_EQ(effect.after, tree::Replace(std::nullopt, P("/hidden"),
                                            Value::Int(1)));
    } else {
      continue;
    }
    EXPECT_TRUE(effect.keeps_below);
    EXPECT_FALSE(effect.after_incomplete);
    EXPECT_FALSE(effect.complete);
  }
  // What takes long to read is not waited for.
  const Revision slow = *AddMount({"/s", Kind::kNetwork, {}, "d"});
  page = sequencer_->history().Read(slow - 1, INT64_MAX, 1 << 20);
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_TRUE(page->commits.at(0)->commit.effects.at(0).after_incomplete);
  EXPECT_FALSE(page->commits.at(0)->commit.effects.at(0).keeps_below);
}

}  // namespace
}  // namespace restate
