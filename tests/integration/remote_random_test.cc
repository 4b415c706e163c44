// Random batches through a mount of each kind of far side, against the plainest
// model of a tree. The connection and the far side are lost now and then. A
// failure prints its seed; RESTATE_SEED runs one again.
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/backend/conformance/model.h"
#include "engine/sync/mutex.h"
#include "engine/threads/testing/shared_pool.h"
#include "engine/tree/testing/random_tree.h"
#include "gtest/gtest.h"
#include "service/remote/remote_mount.h"
#include "service/remote/testing/store_server.h"
#include "tests/support/server_process.h"
#include "tests/support/store_process.h"
#include "tests/support/temp_dir.h"

namespace restate::test {
namespace {

// What is mounted.
class FarSide {
 public:
  virtual ~FarSide() = default;
  virtual std::string address() const = 0;
  virtual Path root() const { return Path(); }
  // Ends it without a goodbye, and starts it again on the same data.
  virtual void Bounce() = 0;
};

class MemoryFarSide : public FarSide {
 public:
  std::string address() const override { return server_.address(); }
  void Bounce() override {
    server_.Stop();
    server_.Start();
  }

 private:
  StoreServer server_{std::make_shared<MemoryStore>("store")};
};

class PythonFarSide : public FarSide {
 public:
  std::string address() const override { return process_->address(); }
  void Bounce() override {
    process_->Kill();
    ASSERT_EQ(process_->Restart(), absl::OkStatus());
  }

 private:
  TempDir directory_;
  const std::unique_ptr<StoreProcess> process_ =
      *StoreProcess::Start(directory_.path() + "/state.db");
};

class RestatedFarSide : public FarSide {
 public:
  RestatedFarSide() {
    const std::string config = config_.path() + "/restate.yaml";
    std::ofstream(config) << "exports: [{path: /s/x}]\n";
    ServerProcess::Options options;
    options.data_dir = directory_.path();
    options.extra_args = {"--config", config};
    process_ = *ServerProcess::Start(options);
  }
  std::string address() const override { return process_->address(); }
  Path root() const override { return *Path::Parse("/s/x"); }
  void Bounce() override {
    process_->Kill();
    ASSERT_EQ(process_->Restart(), absl::OkStatus());
  }

 private:
  TempDir directory_;
  TempDir config_;
  std::unique_ptr<ServerProcess> process_;
};

bool Same(const Tree& a, const Tree& b) {
  return a.has_value() == b.has_value() &&
         (!a.has_value() || Value::Identical(*a, *b));
}

// A batch, and what it does to the model; with the writes that the sequencer
// adds.
std::vector<Write> SomeBatch(RandomTree& random, Revision revision,
                             Model* model) {
  std::vector<Write> batch;
  for (int i = 1 + random.Below(5); i > 0; --i) {
    Write write;
    write.path = random.SomePath();
    std::vector<Write> clears;
    if (random.OneIn(4)) {
      write.scope = Write::Scope::kOwnValue;
      if (!random.OneIn(3)) write.value = random.Leaf();
      if (!model->Probe(write.path).has_children && random.OneIn(4)) {
        write.value = Value::EmptyMap();
      }
      model->ReplaceOwn(write.path, write.value, &clears);
    } else {
      if (!random.OneIn(4)) write.value = random.Subtree(3);
      model->Replace(write.path, write.value, &clears);
    }
    batch.push_back(std::move(write));
    for (Write& clear : clears) batch.push_back(std::move(clear));
  }
  for (Write& write : batch) write.revision = revision;
  return batch;
}

void ExpectSame(const Snapshot& snapshot, const Model& model,
                RandomTree& random) {
  for (int i = 0; i < 4; ++i) {
    const Path path = i == 0 ? Path() : random.SomePath();
    const size_t depth = i == 0 ? 0 : random.Below(3);
    bool truncated = false;
    const Tree expected = model.Read(path, depth, &truncated);
    ReadLimits limits;
    limits.depth = depth;
    const absl::StatusOr<ReadResult> read = snapshot.Read(path, limits);
    ASSERT_TRUE(read.ok()) << read.status();
    ASSERT_TRUE(Same(read->tree, expected))
        << path.ToText() << " depth " << depth << " reads "
        << (read->tree.has_value() ? read->tree->DebugString() : "absent")
        << "\nand should read "
        << (expected.has_value() ? expected->DebugString() : "absent");
    ASSERT_EQ(read->truncated, truncated) << path.ToText();

    const NodeProbe probe = *snapshot.Probe(path);
    ASSERT_TRUE(Same(probe.own, model.Probe(path).own)) << path.ToText();
    ASSERT_EQ(probe.has_children, model.Probe(path).has_children);

    for (const std::string& key :
         {path.key(), path.SubtreeEnd(), path.key() + random.Name(),
          path.key() + "."}) {
      const std::unique_ptr<Cursor> cursor = snapshot.NewCursor(Path());
      cursor->Seek(key);
      ASSERT_EQ(cursor->status(), absl::OkStatus());
      const auto found = model.own_values().lower_bound(key);
      ASSERT_EQ(cursor->Valid(), found != model.own_values().end());
      if (cursor->Valid()) {
        ASSERT_EQ(cursor->key(), found->first);
      }
    }
  }
}

struct Side {
  const char* name;
  std::unique_ptr<FarSide> (*make)();
  int rounds;
};

void PrintTo(const Side& side, std::ostream* os) { *os << side.name; }

class RemoteRandomTest : public testing::TestWithParam<Side> {
 protected:
  std::unique_ptr<Backend> Mount() {
    RemoteMountOptions options;
    options.store.address = far_->address();
    options.store.root = far_->root();
    options.backend.mount = *Path::Parse("/far");
    options.backend.writer = "near";
    options.backend.jobs = SharedPool();
    options.backend.max_apply_bytes = 500;
    options.backend.probe_interval_down = absl::Milliseconds(5);
    options.backend.health_changed = [this](const BackendHealth& health) {
      MutexLock lock(&mutex_);
      changed_.NotifyAll();
    };
    return *OpenRemoteMount(std::move(options));
  }
  void WaitUntilUp(Backend& backend) {
    MutexLock lock(&mutex_);
    while (backend.Health().state != BackendHealth::State::kUp) {
      changed_.Wait(&mutex_);
    }
  }

  const std::unique_ptr<FarSide> far_ = GetParam().make();
  Mutex mutex_;
  CondVar changed_;
};

TEST_P(RemoteRandomTest, ReadsLikeTheModel) {
  const uint64_t seed = TestSeed();
  SCOPED_TRACE("RESTATE_SEED=" + std::to_string(seed));
  RandomTree random(seed);
  Model model;
  std::unique_ptr<Backend> backend = Mount();
  WaitUntilUp(*backend);
  for (int round = 1; round <= GetParam().rounds; ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    const std::vector<Write> batch = SomeBatch(random, round, &model);
    ASSERT_EQ(backend->Apply(batch, round), absl::OkStatus());
    // A replay does no harm.
    if (random.OneIn(5)) {
      ASSERT_EQ(backend->Apply(batch, round), absl::OkStatus());
    }
    ExpectSame(**backend->TakeSnapshot(), model, random);
    if (HasFatalFailure()) return;
    if (random.OneIn(30)) {
      far_->Bounce();
      backend = Mount();
      WaitUntilUp(*backend);
      ASSERT_EQ(backend->applied_revision(), round);
      ExpectSame(**backend->TakeSnapshot(), model, random);
      if (HasFatalFailure()) return;
    }
  }
}

template <typename T>
std::unique_ptr<FarSide> Make() {
  return std::make_unique<T>();
}

INSTANTIATE_TEST_SUITE_P(
    FarSides, RemoteRandomTest,
    testing::Values(Side{"Memory", &Make<MemoryFarSide>, 120},
                    Side{"Restated", &Make<RestatedFarSide>, 80},
                    Side{"PythonSqlite", &Make<PythonFarSide>, 60}),
    [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace restate::test
