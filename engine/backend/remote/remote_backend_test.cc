// The remote backend over a store in this process: what it asks, what it keeps
// in mind, and what it says when something is wrong.
#include "engine/backend/remote/remote_backend.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/backend/remote/testing/memory_store.h"
#include "engine/error/error.h"
#include "engine/path/path.h"
#include "engine/sync/mutex.h"
#include "engine/threads/testing/shared_pool.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

using State = BackendHealth::State;

Path P(std::string_view text) { return *Path::Parse(text); }

Write Set(std::string_view path, Tree value, Revision revision) {
  return {P(path), Write::Scope::kSubtree, std::move(value), revision, {}};
}

// Hears how the health changes, and waits for it.
class HealthLog {
 public:
  void Heard(const BackendHealth& health) {
    MutexLock lock(&mutex_);
    states_.push_back(health.state);
    changed_.NotifyAll();
  }
  void WaitFor(State state) {
    MutexLock lock(&mutex_);
    while (states_.empty() || states_.back() != state) changed_.Wait(&mutex_);
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::vector<State> states_ ABSL_GUARDED_BY(mutex_);
};

class RemoteBackendTest : public testing::Test {
 protected:
  RemoteBackendOptions Options() {
    RemoteBackendOptions options;
    options.mount = P("/far");
    options.writer = "server-1/far";
    options.jobs = SharedPool();
    options.health_changed = [this](const BackendHealth& health) {
      log_.Heard(health);
    };
    // Probes as fast as it can while it is down, and never while it is up.
    options.probe_interval_down = absl::Milliseconds(1);
    options.probe_interval_up = absl::Hours(1);
    return options;
  }
  std::unique_ptr<RemoteBackend> Open(RemoteBackendOptions options) {
    return std::make_unique<RemoteBackend>(std::make_unique<NearStore>(store_),
                                           std::move(options));
  }
  std::unique_ptr<RemoteBackend> Open() { return Open(Options()); }
  Tree Read(RemoteBackend& backend, std::string_view path) {
    auto snapshot = backend.TakeSnapshot();
    EXPECT_TRUE(snapshot.ok()) << snapshot.status();
    if (!snapshot.ok()) return {};
    auto read = (*snapshot)->Read(P(path), ReadLimits());
    EXPECT_TRUE(read.ok()) << read.status();
    return read.ok() ? read->tree : Tree();
  }

  const std::shared_ptr<MemoryStore> store_ =
      std::make_shared<MemoryStore>("store-1");
  HealthLog log_;
};

TEST_F(RemoteBackendTest, IsKeptApartSlowAndWithoutSnapshots) {
  auto backend = Open();
  EXPECT_EQ(backend->kind(), "remote");
  EXPECT_TRUE(backend->durable());
  EXPECT_TRUE(backend->slow());
  EXPECT_FALSE(backend->keeps_snapshots());
  EXPECT_EQ(backend->commit_store_mount(), std::nullopt);
  EXPECT_EQ(backend->Health().state, State::kUp);
  EXPECT_EQ(backend->applied_revision(), 0);
  EXPECT_FALSE(backend->edited_while_closed());
}

TEST_F(RemoteBackendTest, AppliesAndGoesOnFromWhatTheStoreHas) {
  {
    auto backend = Open();
    ASSERT_EQ(backend->Apply({Set("/a/b", Value::Int(1), 3)}, 3),
              absl::OkStatus());
    EXPECT_EQ(backend->applied_revision(), 3);
    EXPECT_EQ(Read(*backend, "/a/b"), Tree(Value::Int(1)));
  }
  auto backend = Open();
  EXPECT_EQ(backend->applied_revision(), 3);
  EXPECT_FALSE(backend->edited_while_closed());
  // What the store has is not sent again, neither whole nor in part.
  const size_t before = store_->applies();
  ASSERT_EQ(backend->Apply({Set("/a/b", Value::Int(9), 2)}, 2),
            absl::OkStatus());
  EXPECT_EQ(store_->applies(), before);
  ASSERT_EQ(backend->Apply({Set("/a/b", Value::Int(9), 3),
                            Set("/a/c", Value::Int(2), 4)},
                           4),
            absl::OkStatus());
  EXPECT_EQ(Read(*backend, "/a/b"), Tree(Value::Int(1)));
  EXPECT_EQ(Read(*backend, "/a/c"), Tree(Value::Int(2)));
  EXPECT_EQ(store_->GetInfo()->version, (StoreVersion{"server-1/far", 4}));
}

TEST_F(RemoteBackendTest, OpensWhileTheStoreIsDownAndFindsItLater) {
  store_->FailWith(absl::UnavailableError("nobody listens"));
  auto backend = Open();
  EXPECT_EQ(backend->Health().state, State::kDown);
  ASSERT_EQ(backend->Health().problems.size(), 1);
  EXPECT_EQ(backend->Health().problems[0],
            "the store at near: nobody listens");
  const absl::Status down = backend->TakeSnapshot().status();
  EXPECT_EQ(down.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ErrorReason(down), "MOUNT_UNAVAILABLE");
  EXPECT_EQ(ErrorMetadata(down)["mount"], "/far");
  EXPECT_EQ(ErrorReason(backend->CanStore(Set("/a", Value::Int(1), 1))),
            "MOUNT_UNAVAILABLE");
  EXPECT_EQ(backend->Apply({Set("/a", Value::Int(1), 1)}, 1).code(),
            absl::StatusCode::kUnavailable);

  store_->FailWith(absl::OkStatus());
  log_.WaitFor(State::kUp);
  EXPECT_EQ(backend->Apply({Set("/a", Value::Int(1), 1)}, 1),
            absl::OkStatus());
  EXPECT_EQ(Read(*backend, "/a"), Tree(Value::Int(1)));
}

TEST_F(RemoteBackendTest, GoesDownWithTheCallThatFindsItAndFailsFastThen) {
  auto backend = Open();
  auto snapshot = *backend->TakeSnapshot();
  store_->FailWith(absl::UnavailableError("cut off"));
  const absl::Status failed =
      snapshot->Read(P("/a"), ReadLimits()).status();
  EXPECT_EQ(failed.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(ErrorReason(failed), "MOUNT_UNAVAILABLE");
  EXPECT_EQ(failed.message(),
            "the remote mount at /far, the store at near: cut off");
  EXPECT_EQ(backend->Health().state, State::kDown);
  const size_t scans = store_->scans();
  EXPECT_EQ(snapshot->Probe(P("/a")).status().code(),
            absl::StatusCode::kUnavailable);
  EXPECT_EQ(store_->scans(), scans);

  store_->FailWith(absl::OkStatus());
  log_.WaitFor(State::kUp);
  EXPECT_TRUE(snapshot->Probe(P("/a")).ok());
}

TEST_F(RemoteBackendTest, ALostAnswerDoesNoHarm) {
  auto backend = Open();
  store_->LoseNextAnswer(absl::UnavailableError("no answer"));
  EXPECT_EQ(backend->Apply({Set("/a", Value::Int(1), 5)}, 5).code(),
            absl::StatusCode::kUnavailable);
  log_.WaitFor(State::kUp);
  // It came through after all, and is found out by asking.
  EXPECT_EQ(backend->applied_revision(), 5);
  EXPECT_EQ(backend->Apply({Set("/a", Value::Int(9), 5),
                            Set("/b", Value::Int(2), 6)},
                           6),
            absl::OkStatus());
  EXPECT_EQ(Read(*backend, "/a"), Tree(Value::Int(1)));
  EXPECT_EQ(Read(*backend, "/b"), Tree(Value::Int(2)));
}

TEST_F(RemoteBackendTest, AnEarlierCallThatArrivesLateIsNoOtherWriter) {
  auto backend = Open();
  store_->LoseNextAnswer(absl::UnavailableError("no answer"));
  EXPECT_FALSE(backend->Apply({Set("/a", Value::Int(1), 5)}, 5).ok());
  log_.WaitFor(State::kUp);
  // As if the probe had looked before the call arrived.
  store_->Change([](StoreInfo* info) { info->version = {}; });
  auto late = Open();
  EXPECT_EQ(late->applied_revision(), 0);
  store_->LoseNextAnswer(absl::UnavailableError("no answer"));
  EXPECT_FALSE(late->Apply({Set("/a", Value::Int(1), 5)}, 5).ok());
  log_.WaitFor(State::kUp);
  EXPECT_EQ(late->Apply({Set("/a", Value::Int(1), 5),
                         Set("/b", Value::Int(2), 6)},
                        6),
            absl::OkStatus());
  EXPECT_EQ(late->applied_revision(), 6);
}

TEST_F(RemoteBackendTest, AnotherWriterIsAFinalError) {
  auto backend = Open();
  ASSERT_EQ(backend->Apply({Set("/a", Value::Int(1), 5)}, 5),
            absl::OkStatus());
  store_->Change([](StoreInfo* info) { info->version = {"other", 7}; });
  const absl::Status failed =
      backend->Apply({Set("/a", Value::Int(2), 6)}, 6);
  EXPECT_EQ(failed.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ErrorReason(failed), "WRONG_STORE");
  EXPECT_NE(failed.message().find("writer \"other\", revision 7"),
            std::string::npos)
      << failed;
  EXPECT_EQ(backend->Health().state, State::kDown);
  EXPECT_EQ(backend->TakeSnapshot().status().code(),
            absl::StatusCode::kUnavailable);
}

TEST_F(RemoteBackendTest, RevisionsThatWereNeverSentAreAnotherWriters) {
  RemoteBackendOptions options = Options();
  options.last_revision = 10;
  store_->Change(
      [](StoreInfo* info) { info->version = {"server-1/far", 11}; });
  auto backend = Open(options);
  EXPECT_EQ(backend->Health().state, State::kDown);
  EXPECT_EQ(ErrorReason(backend->Apply({Set("/a", Value::Int(1), 12)}, 12)),
            "WRONG_STORE");
  store_->Change(
      [](StoreInfo* info) { info->version = {"server-1/far", 10}; });
  log_.WaitFor(State::kUp);
  EXPECT_EQ(backend->applied_revision(), 10);
}

TEST_F(RemoteBackendTest, AStoreThatWentBackIsNotWrittenTo) {
  auto backend = Open();
  ASSERT_EQ(backend->Apply({Set("/a", Value::Int(1), 5)}, 5),
            absl::OkStatus());
  store_->Change([](StoreInfo* info) { info->version.revision = 4; });
  const absl::Status failed =
      backend->Apply({Set("/a", Value::Int(2), 6)}, 6);
  EXPECT_EQ(ErrorReason(failed), "WRONG_STORE");
  EXPECT_NE(failed.message().find("went back from revision 5 to 4"),
            std::string::npos)
      << failed;
}

TEST_F(RemoteBackendTest, AnotherStoreAtTheAddressIsAFinalError) {
  auto backend = Open();
  auto snapshot = *backend->TakeSnapshot();
  store_->Change([](StoreInfo* info) { info->store_id = "store-2"; });
  EXPECT_FALSE(snapshot->Probe(P("/a")).ok());
  const absl::Status failed =
      backend->Apply({Set("/a", Value::Int(2), 6)}, 6);
  EXPECT_EQ(ErrorReason(failed), "WRONG_STORE");
  EXPECT_EQ(store_->GetInfo()->version, StoreVersion());
  store_->Change([](StoreInfo* info) { info->store_id = "store-1"; });
  log_.WaitFor(State::kUp);
}

TEST_F(RemoteBackendTest, AStoreWithAHistoryIsTakenOver) {
  {
    auto backend = Open();
    ASSERT_EQ(backend->Apply({Set("/a", Value::Int(1), 500)}, 500),
              absl::OkStatus());
  }
  RemoteBackendOptions options = Options();
  options.writer = "server-2/far";
  auto backend = Open(options);
  EXPECT_TRUE(backend->edited_while_closed());
  EXPECT_EQ(backend->applied_revision(), 0);
  EXPECT_EQ(Read(*backend, "/a"), Tree(Value::Int(1)));
  ASSERT_EQ(backend->Apply({Set("/b", Value::Int(2), 3)}, 3),
            absl::OkStatus());
  EXPECT_EQ(store_->GetInfo()->version, (StoreVersion{"server-2/far", 3}));
}

TEST_F(RemoteBackendTest, LargeBatchesGoInPartsAndAreThereAtTheEnd) {
  RemoteBackendOptions options = Options();
  options.max_apply_bytes = 1'000;
  auto backend = Open(options);
  Value::Map map;
  for (int i = 0; i < 200; ++i) {
    map = map.Set(std::to_string(i), Value::Int(i));
  }
  const Value wide = Value::MakeMap(map);
  ASSERT_EQ(backend->Apply({Set("/w", Value::Int(1), 1), Set("/w", wide, 2)},
                           2),
            absl::OkStatus());
  EXPECT_GT(store_->applies(), 5);
  EXPECT_EQ(Read(*backend, "/w"), Tree(wide));
  EXPECT_EQ(backend->applied_revision(), 2);
}

TEST_F(RemoteBackendTest, ReadsPageByPageAndKeepsThePages) {
  auto backend = Open();
  Value::Map map;
  for (int i = 0; i < 1'000; ++i) {
    map = map.Set(std::to_string(i), Value::Int(i));
  }
  const Value wide = Value::MakeMap(map);
  ASSERT_EQ(backend->Apply({Set("/w", wide, 1)}, 1), absl::OkStatus());
  auto snapshot = *backend->TakeSnapshot();
  const size_t before = store_->scans();
  EXPECT_EQ(snapshot->Read(P("/w"), ReadLimits())->tree, Tree(wide));
  // 64, 256 and the rest.
  EXPECT_EQ(store_->scans(), before + 3);
  EXPECT_EQ(snapshot->Read(P("/w"), ReadLimits())->tree, Tree(wide));
  EXPECT_TRUE(snapshot->Probe(P("/w/500"))->exists());
  EXPECT_EQ(store_->scans(), before + 3);
}

TEST_F(RemoteBackendTest, SnapshotsOutliveTheBackend) {
  auto backend = Open();
  ASSERT_EQ(backend->Apply({Set("/a", Value::Int(1), 1)}, 1),
            absl::OkStatus());
  auto snapshot = *backend->TakeSnapshot();
  auto cursor = snapshot->NewCursor(Path());
  backend.reset();
  cursor->Seek("");
  ASSERT_TRUE(cursor->Valid());
  EXPECT_EQ(*cursor->value(), Value::Int(1));
}

}  // namespace
}  // namespace restate
