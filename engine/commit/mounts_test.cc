// Mounts whose writes are applied later, caches, and mounts that come and go:
// over a store that fails, and a server that is killed.
#include <atomic>
#include <filesystem>
#include <future>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/backend/faulty/fault_plan.h"
#include "engine/backend/faulty/faulty_commit_store.h"
#include "engine/backend/memory/memory_backend.h"
#include "engine/backend/rocksdb/rocksdb_store.h"
#include "engine/backend/rocksdb/testing/crashed_copy.h"
#include "engine/clock/clock.h"
#include "engine/commit/sequencer.h"
#include "engine/error/error.h"
#include "engine/mount/testing/store_elsewhere.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

using Happens = FaultPlan::Happens;

Path P(std::string_view text) { return *Path::Parse(text); }

class ManualClock final : public Clock {
 public:
  absl::Time Now() const override { return absl::UnixEpoch() + Monotonic(); }
  absl::Duration Monotonic() const override {
    return absl::Milliseconds(millis_.load());
  }
  void Advance(absl::Duration by) { millis_ += absl::ToInt64Milliseconds(by); }

 private:
  std::atomic<int64_t> millis_ = 1'000;
};

// What was published, as text: "/x SET FILE".
class Listener final : public CommitListener {
 public:
  void OnPublished(absl::Span<const SequencedCommit> commits) override {
    for (const SequencedCommit& commit : commits) {
      for (const Effect& effect : commit.effects) {
        static constexpr const char* kKinds[] = {"SET", "DELETE", "PING"};
        static constexpr const char* kOrigins[] = {"CLIENT", "MOUNT",
                                                   "EXPIRED", "FILE"};
        told.push_back(absl::StrCat(
            effect.path.ToText(), " ",
            kKinds[static_cast<int>(effect.kind)], " ",
            kOrigins[static_cast<int>(commit.origin)],
            effect.below_unknown ? " below" : ""));
      }
    }
  }
  std::vector<std::string> told;
};

SetOperation Set(std::string_view path, int64_t value,
                 WriteMode mode = WriteMode::kSet) {
  SetOperation set;
  set.path = P(path);
  set.value = Value::Int(value);
  set.mode = mode;
  return set;
}

using Answer = std::future<absl::StatusOr<CommitResult>>;
using Strings = std::vector<std::string>;

class MountsTest : public testing::Test {
 protected:
  MountsTest()
      : directory_(std::filesystem::path(testing::TempDir()) /
                   absl::StrCat("mounts_", testing::UnitTest::GetInstance()
                                               ->current_test_info()
                                               ->name())) {
    std::filesystem::remove_all(directory_);
  }
  ~MountsTest() override {
    sequencer_.reset();
    std::filesystem::remove_all(directory_);
  }

  // RocksDB at the root, and what `mounts` says.
  struct Spec {
    enum class Kind { kMemory, kRocksDb, kElsewhere, kNetwork };
    std::string at;
    Kind kind = Kind::kElsewhere;
    std::optional<CachePolicy> cache;
    std::string definition;
  };
  Mount MountOf(const Spec& spec) {
    Mount mount;
    mount.at = P(spec.at);
    mount.cache = spec.cache;
    mount.definition = spec.definition;
    switch (spec.kind) {
      case Spec::Kind::kMemory:
        mount.backend = std::make_unique<MemoryBackend>();
        break;
      case Spec::Kind::kRocksDb: {
        auto backend = rocksdb_->OpenMount(mount.at);
        EXPECT_TRUE(backend.ok()) << backend.status();
        mount.backend = *std::move(backend);
        break;
      }
      case Spec::Kind::kElsewhere:
      case Spec::Kind::kNetwork: {
        auto backend = std::make_unique<ElsewhereBackend>(
            elsewhere_, spec.kind == Spec::Kind::kNetwork);
        edited_ = backend.get();
        mount.backend = std::move(backend);
        break;
      }
    }
    return mount;
  }
  void Start(std::vector<Spec> specs) {
    specs_ = specs;
    plan_ = std::make_shared<FaultPlan>();
    RocksDbOptions options;
    options.directory = directory_.string();
    auto store = RocksDbStore::Open(options);
    ASSERT_TRUE(store.ok()) << store.status();
    rocksdb_ = store->get();
    SequencerOptions sequencer;
    sequencer.mounts.push_back(MountOf({"/", Spec::Kind::kRocksDb}));
    for (const Spec& spec : specs) {
      sequencer.mounts.push_back(MountOf(spec));
    }
    sequencer.commit_store =
        std::make_unique<FaultyCommitStore>(*std::move(store), plan_);
    sequencer.clock = &clock_;
    sequencer.listener = &listener_;
    auto started = Sequencer::Start(std::move(sequencer));
    ASSERT_TRUE(started.ok()) << started.status();
    sequencer_ = *std::move(started);
  }
  // As after kill -9; what the old process still does to the store elsewhere
  // happens before.
  void Crash() {
    auto copy = directory_;
    copy += "_crashed";
    CopyAsCrashed(directory_, copy);
    elsewhere_->plan.ReleaseWrites();
    std::shared_ptr<StoreElsewhere> old = elsewhere_;
    elsewhere_ = std::make_shared<StoreElsewhere>();
    elsewhere_->Apply({{Write{Path(), Write::Scope::kSubtree, crash_root_}}},
                      crash_revision_);
    // The old one goes down its own way, seen by nobody.
    sequencer_.reset();
    std::filesystem::remove_all(directory_);
    std::filesystem::rename(copy, directory_);
    listener_.told.clear();
    Start(specs_);
  }
  // What of the store elsewhere there is after the crash.
  void FreezeElsewhere() {
    crash_root_ = elsewhere_->root();
    crash_revision_ = elsewhere_->revision();
  }

  Answer Submit(CommitRequest request) {
    auto done = std::make_shared<std::promise<absl::StatusOr<CommitResult>>>();
    sequencer_->Submit(std::move(request),
                       [done](absl::StatusOr<CommitResult> result) {
                         done->set_value(std::move(result));
                       });
    return done->get_future();
  }
  absl::StatusOr<CommitResult> Do(Operation operation) {
    CommitRequest request;
    request.operations.push_back(std::move(operation));
    return Submit(std::move(request)).get();
  }
  Tree Get(std::string_view path) {
    auto read = sequencer_->publication().Newest()->tree().Read(P(path), {});
    EXPECT_TRUE(read.ok()) << read.status();
    return read.ok() ? read->tree : Tree();
  }
  Tree Elsewhere(std::string_view path) {
    return tree::Get(elsewhere_->root(), P(path));
  }
  std::shared_ptr<MountedBackend> MountedAt(std::string_view at) {
    for (auto& mounted : sequencer_->mounts()) {
      if (mounted->at() == P(at)) return mounted;
    }
    return nullptr;
  }
  absl::Status Flush(std::string_view at) {
    std::promise<absl::Status> done;
    MountedAt(at)->Flush(
        [&](absl::Status status) { done.set_value(std::move(status)); });
    return done.get_future().get();
  }
  // Everything that was asked for by now has happened on the sequencer's
  // thread.
  void Settle() {
    std::promise<void> done;
    ASSERT_TRUE(sequencer_->AtBoundary([&] { done.set_value(); }).ok());
    done.get_future().get();
  }
  Strings Told() {
    std::promise<Strings> told;
    EXPECT_TRUE(sequencer_
                    ->AtBoundary([&] {
                      told.set_value(std::exchange(listener_.told, {}));
                    })
                    .ok());
    return told.get_future().get();
  }
  absl::StatusOr<Revision> AddMount(const Spec& spec) {
    std::promise<absl::StatusOr<Revision>> done;
    sequencer_->AddMount(MountOf(spec), [&](absl::StatusOr<Revision> revision) {
      done.set_value(std::move(revision));
    });
    return done.get_future().get();
  }
  absl::StatusOr<Revision> RemoveMount(std::string_view at) {
    std::promise<absl::StatusOr<Revision>> done;
    sequencer_->RemoveMount(P(at), [&](absl::StatusOr<Revision> revision) {
      done.set_value(std::move(revision));
    });
    return done.get_future().get();
  }

  using Kind = Spec::Kind;
  std::filesystem::path directory_;
  ManualClock clock_;
  Listener listener_;
  std::shared_ptr<FaultPlan> plan_;
  std::shared_ptr<StoreElsewhere> elsewhere_ =
      std::make_shared<StoreElsewhere>();
  Tree crash_root_;
  Revision crash_revision_ = 0;
  std::vector<Spec> specs_;
  RocksDbStore* rocksdb_ = nullptr;
  ElsewhereBackend* edited_ = nullptr;
  std::unique_ptr<Sequencer> sequencer_;
};

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

TEST_F(MountsTest, RandomWritesAcrossMountsSurviveCrashes) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  std::mt19937 random(seed);
  const auto pick = [&](int below) {
    return static_cast<int>(random() % static_cast<unsigned>(below));
  };
  Start({{"/x"}});
  Tree model;
  for (int round = 0; round < 12; ++round) {
    const int steps = pick(20);
    const int last_applied = pick(20);
    for (int i = 0; i <= steps; ++i) {
      if (i == last_applied) {
        ASSERT_TRUE(Flush("/x").ok());
        elsewhere_->plan.BlockWrites();
        FreezeElsewhere();
      }
      CommitRequest request;
      for (int k = pick(3); k >= 0; --k) {
        const Path path =
            P(pick(2) == 0 ? "/x" : "/y").Child(std::string(1, 'a' + pick(3)));
        const bool deletes = pick(5) == 0;
        SetOperation set;
        set.path = path;
        set.value = Value::Int(pick(100));
        model = tree::Replace(model, path,
                              deletes ? Tree() : Tree(set.value));
        if (deletes) {
          request.operations.push_back(DeleteOperation{.path = path});
        } else {
          request.operations.push_back(std::move(set));
        }
      }
      ASSERT_TRUE(Submit(std::move(request)).get().ok());
    }
    if (last_applied > steps) {
      ASSERT_TRUE(Flush("/x").ok());
      FreezeElsewhere();
    }
    ASSERT_EQ(Get("/"), model);
    Crash();
    ASSERT_EQ(Get("/"), model);
    ASSERT_TRUE(Flush("/x").ok());
    ASSERT_EQ(elsewhere_->root(), tree::Get(model, P("/x")));
  }
}

}  // namespace
}  // namespace restate
