#ifndef RESTATE_ENGINE_COMMIT_TESTING_MOUNTS_FIXTURE_H_
#define RESTATE_ENGINE_COMMIT_TESTING_MOUNTS_FIXTURE_H_

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
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

inline Path P(std::string_view text) { return *Path::Parse(text); }

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
                                                   "EXPIRED", "FILE",
                                                   "DERIVATION"};
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

inline SetOperation Set(std::string_view path, int64_t value,
                 WriteMode mode = WriteMode::kSet) {
  SetOperation set;
  set.path = P(path);
  set.value = Value::Int(value);
  set.mode = mode;
  return set;
}

using Answer = std::future<absl::StatusOr<CommitResult>>;
using Strings = std::vector<std::string>;

// A sequencer over RocksDB and other mounts, which can be killed and started
// again.
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
    elsewhere_->Obstruct(old->obstructed());
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
  absl::StatusOr<Revision> RemoveMount(
      std::string_view at,
      Sequencer::Unapplied unapplied = Sequencer::Unapplied::kRefuse) {
    std::promise<absl::StatusOr<Revision>> done;
    sequencer_->RemoveMount(
        P(at),
        [&](absl::StatusOr<Revision> revision) {
          done.set_value(std::move(revision));
        },
        unapplied);
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

}  // namespace restate

#endif  // RESTATE_ENGINE_COMMIT_TESTING_MOUNTS_FIXTURE_H_
