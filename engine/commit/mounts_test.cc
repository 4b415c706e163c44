// Mounts whose writes are applied later: over a store that fails or is slow, and
// a server that is killed.

#include <thread>

#include "absl/strings/str_cat.h"
#include "engine/commit/testing/mounts_fixture.h"
#include "engine/error/error.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

using Happens = FaultPlan::Happens;

TEST_F(MountsTest, WritesAreReadAtOnceAndAppliedLater) {
  Start({{"/x"}});
  elsewhere_->plan.BlockWrites();
  ASSERT_TRUE(Do(Set("/x/a", 1)).ok());
  elsewhere_->plan.WaitForBlockedWrite();
  // Nobody waits for it, whatever they write.
  ASSERT_TRUE(Do(Set("/x/a", 2)).ok());
  ASSERT_TRUE(Do(Set("/x/b/c", 3)).ok());
  ASSERT_TRUE(Do(Set("/y", 4)).ok());
  EXPECT_EQ(Get("/x/a"), Tree(Value::Int(2)));
  EXPECT_EQ(Get("/x/b/c"), Tree(Value::Int(3)));
  EXPECT_EQ(elsewhere_->root(), std::nullopt);
  EXPECT_EQ(MountedAt("/x")->Status().applier->pending_writes, 2u);
  elsewhere_->plan.ReleaseWrites();
  ASSERT_TRUE(Flush("/x").ok());
  EXPECT_EQ(Elsewhere("/a"), Tree(Value::Int(2)));
  EXPECT_EQ(Elsewhere("/b/c"), Tree(Value::Int(3)));
  EXPECT_EQ(Get("/x/b/c"), Tree(Value::Int(3)));
  EXPECT_EQ(MountedAt("/x")->Status().applier->pending_writes, 0u);
}

TEST_F(MountsTest, WhatWasNotAppliedAtACrashIsAppliedAgain) {
  Start({{"/x"}});
  ASSERT_TRUE(Do(Set("/x/before", 1)).ok());
  ASSERT_TRUE(Flush("/x").ok());
  FreezeElsewhere();
  elsewhere_->plan.BlockWrites();
  FreezeElsewhere();
  ASSERT_TRUE(Do(Set("/x/a", 1)).ok());
  CommitRequest both;
  both.operations = {Set("/x/b", 2), DeleteOperation{.path = P("/x/before")},
                     Set("/here", 3)};
  ASSERT_TRUE(Submit(std::move(both)).get().ok());
  Crash();
  // Read before it is applied, and applied.
  EXPECT_EQ(Get("/x/a"), Tree(Value::Int(1)));
  EXPECT_EQ(Get("/x/b"), Tree(Value::Int(2)));
  EXPECT_EQ(Get("/x/before"), std::nullopt);
  EXPECT_EQ(Get("/here"), Tree(Value::Int(3)));
  ASSERT_TRUE(Flush("/x").ok());
  EXPECT_EQ(Elsewhere("/a"), Tree(Value::Int(1)));
  EXPECT_EQ(Elsewhere("/b"), Tree(Value::Int(2)));
  EXPECT_EQ(Elsewhere("/before"), std::nullopt);
  // Nothing that others might take for a change.
  EXPECT_EQ(Told(), Strings());
}

TEST_F(MountsTest, AnOlderStoreInItsPlaceIsNotTakenForIt) {
  Start({{"/x"}});
  ASSERT_TRUE(Do(Set("/x/a", 1)).ok());
  ASSERT_TRUE(Flush("/x").ok());
  FreezeElsewhere();
  ASSERT_TRUE(Do(Set("/x/a", 2)).ok());
  ASSERT_TRUE(Flush("/x").ok());
  // The journal forgets with the next commit.
  ASSERT_TRUE(Do(Set("/y", 1)).ok());
  const Revision before = sequencer_->publication().Newest()->revision();
  Crash();
  EXPECT_EQ(Get("/x/a"), Tree(Value::Int(1)));
  auto page = sequencer_->history().Read(before, INT64_MAX, 1 << 20);
  ASSERT_TRUE(page.ok()) << page.status();
  ASSERT_EQ(page->commits.size(), 1u);
  EXPECT_EQ(page->commits[0]->commit.origin, CommitOrigin::kMount);
  EXPECT_EQ(page->commits[0]->commit.effects.at(0).path, P("/x"));
}

TEST_F(MountsTest, AMountThatIsDownRefusesBeforeAnythingIsDecided) {
  Start({{"/x"}});
  elsewhere_->plan.FailWrite(1, Happens::kNot);
  elsewhere_->plan.FailWrite(2, Happens::kNot);
  elsewhere_->plan.FailWrite(3, Happens::kNot);
  elsewhere_->plan.BlockWrites();
  ASSERT_TRUE(Do(Set("/x/a", 1)).ok());
  elsewhere_->plan.WaitForBlockedWrite();
  elsewhere_->plan.ReleaseWrites();
  EXPECT_FALSE(Flush("/x").ok());
  const Revision before = sequencer_->publication().Newest()->revision();
  // Until the next attempt succeeds.
  while (MountedAt("/x")->Status().applier->failed_attempts < 3) {
    absl::StatusOr<CommitResult> refused = Do(Set("/x/b", 1));
    if (refused.ok()) break;
    EXPECT_EQ(ErrorReason(refused.status()), "MOUNT_UNAVAILABLE");
    EXPECT_EQ(ErrorMetadata(refused.status()).at("mount"), "/x");
    ASSERT_TRUE(Do(Set("/y", 1)).ok());
  }
  EXPECT_LE(sequencer_->publication().Newest()->revision(), before + 2);
  // What was decided is still read, and gets there.
  EXPECT_EQ(Get("/x/a"), Tree(Value::Int(1)));
  while (!Flush("/x").ok()) {
  }
  EXPECT_EQ(Elsewhere("/a"), Tree(Value::Int(1)));
  ASSERT_TRUE(Do(Set("/x/b", 1)).ok());
}

TEST_F(MountsTest, ARefusalForGoodIsSaidAndReadsGoOn) {
  Start({{"/x"}});
  elsewhere_->plan.FailWrite(1, Happens::kNot,
                             MakeError(Reason::kNotStorable, "too odd"));
  absl::StatusOr<CommitResult> decided = Do(Set("/x/a", 1));
  ASSERT_TRUE(decided.ok());
  EXPECT_FALSE(Flush("/x").ok());
  const MountStatus status = MountedAt("/x")->Status();
  EXPECT_TRUE(status.applier->failed);
  EXPECT_EQ(status.health.state, BackendHealth::State::kDown);
  EXPECT_EQ(ErrorMetadata(status.applier->health).at("revision"),
            absl::StrCat(decided->revision));
  EXPECT_EQ(ErrorReason(Do(Set("/x/b", 1)).status()), "MOUNT_UNAVAILABLE");
  EXPECT_EQ(Get("/x/a"), Tree(Value::Int(1)));
  ASSERT_TRUE(Do(Set("/y", 1)).ok());
}

// One path that cannot be stored, decided all the same.
TEST_F(MountsTest, OnePathThatIsStuckKeepsNoOtherFromTheStore) {
  Start({{"/x"}});
  ASSERT_TRUE(Do(Set("/x/readme/old", 1)).ok());
  ASSERT_TRUE(Flush("/x").ok());
  elsewhere_->Obstruct(P("/readme"));
  const absl::StatusOr<CommitResult> stuck = Do(Set("/x/readme/new", 2));
  ASSERT_TRUE(stuck.ok());
  const absl::Status told = Flush("/x");
  EXPECT_EQ(ErrorReason(told), "MOUNT_UNAVAILABLE") << told;
  EXPECT_NE(told.message().find("/x/readme/new (in the way)"),
            std::string::npos)
      << told;
  // Others go on.
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(Do(Set("/x/other", i)).ok());
    EXPECT_FALSE(Flush("/x").ok());
    EXPECT_EQ(Elsewhere("/other"), Tree(Value::Int(i)));
  }
  // It is shown, and told of.
  EXPECT_EQ(Get("/x/readme/new"), Tree(Value::Int(2)));
  EXPECT_EQ(Get("/x/readme/old"), Tree(Value::Int(1)));
  EXPECT_EQ(Elsewhere("/readme/new"), std::nullopt);
  const MountStatus status = MountedAt("/x")->Status();
  EXPECT_EQ(status.health.state, BackendHealth::State::kDegraded);
  ASSERT_EQ(status.health.problems.size(), 1u);
  EXPECT_NE(status.health.problems[0].find(absl::StrCat(
                "the write of /x/readme/new by revision ", stuck->revision)),
            std::string::npos)
      << status.health.problems[0];
  EXPECT_EQ(status.applier->stuck_writes, 1u);
  EXPECT_EQ(status.applier->pending_writes, 1u);
  EXPECT_FALSE(status.applier->failed);
  // Once nothing is in the way it gets there.
  elsewhere_->Obstruct(std::nullopt);
  ASSERT_TRUE(Flush("/x").ok());
  EXPECT_EQ(Elsewhere("/readme/new"), Tree(Value::Int(2)));
  EXPECT_EQ(MountedAt("/x")->Status().health.state, BackendHealth::State::kUp);
}

TEST_F(MountsTest, ALaterWriteTakesThePlaceOfOneThatIsStuck) {
  Start({{"/x"}});
  elsewhere_->Obstruct(P("/a"));
  ASSERT_TRUE(Do(Set("/x/a/b", 1)).ok());
  ASSERT_TRUE(Do(Set("/x/a/c", 1)).ok());
  EXPECT_FALSE(Flush("/x").ok());
  EXPECT_EQ(MountedAt("/x")->Status().applier->stuck_writes, 2u);
  ASSERT_TRUE(Do(Set("/x/a/b", 2)).ok());
  EXPECT_FALSE(Flush("/x").ok());
  EXPECT_EQ(MountedAt("/x")->Status().applier->stuck_writes, 2u);
  EXPECT_EQ(Get("/x/a/b"), Tree(Value::Int(2)));
  // The whole, which can be stored.
  ASSERT_TRUE(Do(DeleteOperation{.path = P("/x")}).ok());
  ASSERT_TRUE(Flush("/x").ok());
  EXPECT_EQ(Get("/x/a"), std::nullopt);
  EXPECT_EQ(MountedAt("/x")->Status().applier->pending_writes, 0u);
}

TEST_F(MountsTest, WhatIsStuckKeepsNobodyFromUnmounting) {
  Start({{"/x", Kind::kElsewhere, {}, "by a call"}});
  elsewhere_->Obstruct(P("/a"));
  ASSERT_TRUE(Do(Set("/x/a", 1)).ok());
  ASSERT_TRUE(Do(Set("/x/b", 2)).ok());
  EXPECT_FALSE(Flush("/x").ok());
  EXPECT_TRUE(MountedAt("/x")->OnlyStuckWaits());
  const absl::StatusOr<Revision> removed = RemoveMount("/x");
  ASSERT_TRUE(removed.ok()) << removed.status();
  EXPECT_EQ(Elsewhere("/b"), Tree(Value::Int(2)));
}

// The journal keeps what is stuck, and forgets what is not: otherwise it would
// bring back old values after a crash.
TEST_F(MountsTest, WhatIsStuckIsAppliedAfterACrash) {
  Start({{"/x"}});
  elsewhere_->Obstruct(P("/a"));
  ASSERT_TRUE(Do(Set("/x/a", 1)).ok());
  EXPECT_FALSE(Flush("/x").ok());
  ASSERT_TRUE(Do(Set("/x/b", 2)).ok());
  EXPECT_FALSE(Flush("/x").ok());
  // With this the journal forgets what has been applied.
  ASSERT_TRUE(Do(Set("/here", 3)).ok());
  FreezeElsewhere();
  Crash();
  EXPECT_EQ(Get("/x/a"), Tree(Value::Int(1)));
  EXPECT_EQ(MountedAt("/x")->Status().applier->pending_writes, 1u);
  EXPECT_FALSE(Flush("/x").ok());
  EXPECT_EQ(Get("/x/a"), Tree(Value::Int(1)));
  EXPECT_EQ(Elsewhere("/b"), Tree(Value::Int(2)));
  FreezeElsewhere();
  Crash();
  EXPECT_EQ(Get("/x/a"), Tree(Value::Int(1)));
  elsewhere_->Obstruct(std::nullopt);
  ASSERT_TRUE(Flush("/x").ok());
  EXPECT_EQ(Elsewhere("/a"), Tree(Value::Int(1)));
  ASSERT_TRUE(Do(Set("/here", 4)).ok());
  FreezeElsewhere();
  Crash();
  EXPECT_EQ(MountedAt("/x")->Status().applier->pending_writes, 0u);
  // Nobody was told of a change that was none.
  EXPECT_EQ(Told(), Strings());
}

TEST_F(MountsTest, TooMuchThatWaitsIsRefused) {
  Start({{"/x"}});
  elsewhere_->plan.BlockWrites();
  SetOperation large = Set("/x/a", 0);
  large.value = Value::String(std::string(30 << 20, 'x'));
  ASSERT_TRUE(Do(large).ok());
  large.path = P("/x/b");
  ASSERT_TRUE(Do(large).ok());
  large.path = P("/x/c");
  EXPECT_EQ(ErrorReason(Do(large).status()), "MOUNT_UNAVAILABLE");
  large.path = P("/elsewhere");
  EXPECT_TRUE(Do(large).ok());
  elsewhere_->plan.ReleaseWrites();
  ASSERT_TRUE(Flush("/x").ok());
  large.path = P("/x/c");
  EXPECT_TRUE(Do(large).ok());
}

TEST_F(MountsTest, ASlowMountIsReadBeforeItsCommitsAreSequenced) {
  Start({{"/x", Kind::kNetwork}});
  ASSERT_TRUE(Do(Set("/x/n", 0)).ok());
  std::vector<std::thread> writers;
  for (int i = 0; i < 8; ++i) {
    writers.emplace_back([&, i] {
      for (int k = 0; k < 25; ++k) {
        EXPECT_TRUE(Do(Set("/x/n", 1, WriteMode::kAdd)).ok());
        EXPECT_TRUE(Do(Set(absl::StrCat("/x/own/", i), k)).ok());
        if (k % 10 == 0) {
          EXPECT_TRUE(Flush("/x").ok());
        }
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  EXPECT_EQ(Get("/x/n"), Tree(Value::Int(200)));
  ASSERT_TRUE(Flush("/x").ok());
  EXPECT_EQ(Elsewhere("/n"), Tree(Value::Int(200)));
  EXPECT_EQ(Elsewhere("/own/7"), Tree(Value::Int(24)));
  // Above it, and with preconditions.
  CommitRequest request;
  request.preconditions = {Equals{P("/x/n"), Value::Int(200)},
                           Exists{P("/x/none"), false}};
  request.operations = {DeleteOperation{.path = P("/x/own")}};
  ASSERT_TRUE(Submit(std::move(request)).get().ok());
  ASSERT_TRUE(Do(DeleteOperation{.path = P("/")}).ok());
  EXPECT_EQ(Get("/"), Tree());
  ASSERT_TRUE(Flush("/x").ok());
  EXPECT_EQ(elsewhere_->root(), std::nullopt);
}

TEST_F(MountsTest, NothingIsAppliedUnderAViewThatIsInUse) {
  Start({{"/x", Kind::kNetwork}});
  ASSERT_TRUE(Do(Set("/x/a", 1)).ok());
  ASSERT_TRUE(Flush("/x").ok());
  std::shared_ptr<const PublishedState> view =
      sequencer_->publication().Newest();
  ASSERT_TRUE(Do(Set("/x/a", 2)).ok());
  ASSERT_TRUE(Do(Set("/x/a", 3)).ok());
  EXPECT_EQ(view->tree().Read(P("/x/a"), {})->tree, Tree(Value::Int(1)));
  EXPECT_EQ(Elsewhere("/a"), Tree(Value::Int(1)));
  EXPECT_EQ(Get("/x/a"), Tree(Value::Int(3)));
  view.reset();
  ASSERT_TRUE(Flush("/x").ok());
  EXPECT_EQ(Elsewhere("/a"), Tree(Value::Int(3)));
  // But not for ever.
  view = sequencer_->publication().Newest();
  ASSERT_TRUE(Do(Set("/x/a", 4)).ok());
  for (int i = 5; Elsewhere("/a") == Tree(Value::Int(3)); ++i) {
    clock_.Advance(absl::Seconds(61));
    ASSERT_TRUE(Do(Set("/x/a", i)).ok());
  }
  EXPECT_EQ(ErrorReason(view->tree().Read(P("/x/a"), {}).status()),
            "SNAPSHOT_EXPIRED");
}

}  // namespace
}  // namespace restate
