// What storage costs the sequencer: reading what is there before a write, and
// the batch that writes it. Needs a directory to write to: TEST_TMPDIR, else
// the current one.
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "benchmark/benchmark.h"
#include "engine/backend/rocksdb/rocksdb_store.h"

namespace restate {
namespace {

Path PathOf(int64_t number) {
  return Path()
      .Child("users")
      .Child("user-" + std::to_string(number))
      .Child("name");
}

// A store with `leaves` leaves, most of them in files.
class Fixture {
 public:
  explicit Fixture(int64_t leaves) : leaves_(leaves) {
    const char* base = std::getenv("TEST_TMPDIR");
    directory_ = std::filesystem::path(base == nullptr ? "." : base) /
                 "rocksdb_benchmark";
    std::filesystem::remove_all(directory_);
    store_ = *RocksDbStore::Open({.directory = directory_.string()});
    mount_ = *store_->OpenMount(Path());
    for (int64_t i = 0; i < leaves;) {
      CommitBatch batch = EmptyBatch();
      for (int64_t end = std::min(leaves, i + 10'000); i < end; ++i) {
        batch.mounts[0].writes.push_back(WriteOf(i, std::nullopt));
      }
      Commit(batch);
    }
    if (!store_->Close(revision_).ok()) std::abort();
    mount_ = nullptr;
    store_ = nullptr;
    store_ = *RocksDbStore::Open({.directory = directory_.string()});
    mount_ = *store_->OpenMount(Path());
  }
  ~Fixture() {
    mount_ = nullptr;
    store_ = nullptr;
    std::filesystem::remove_all(directory_);
  }

  CommitBatch EmptyBatch() {
    ++revision_;
    return {.last_committed = revision_,
            .reserved = revision_,
            .mounts = {{*mount_->commit_store_mount(), {}}}};
  }
  Write WriteOf(int64_t number, Tree before) {
    return Write{PathOf(number), Write::Scope::kSubtree,
                 Value::String(std::string(56, 'x') +
                               std::to_string(revision_)),
                 revision_, before};
  }
  void Commit(const CommitBatch& batch) {
    if (!store_->Commit(batch).ok()) std::abort();
  }
  std::shared_ptr<const Snapshot> TakeSnapshot() {
    return *mount_->TakeSnapshot();
  }
  int64_t RandomLeaf() { return random_() % leaves_; }

 private:
  const int64_t leaves_;
  std::filesystem::path directory_;
  std::unique_ptr<RocksDbStore> store_;
  std::unique_ptr<Backend> mount_;
  Revision revision_ = 0;
  std::mt19937_64 random_{1};
};

// Reads the old value and writes a new one, `range(1)` of them a batch.
void BM_ReadAndWriteLeaf(benchmark::State& state) {
  Fixture fixture(state.range(0));
  for (auto _ : state) {
    std::shared_ptr<const Snapshot> snapshot = fixture.TakeSnapshot();
    CommitBatch batch = fixture.EmptyBatch();
    for (int64_t i = 0; i < state.range(1); ++i) {
      const int64_t leaf = fixture.RandomLeaf();
      absl::StatusOr<NodeProbe> probe = snapshot->Probe(PathOf(leaf));
      if (!probe.ok()) std::abort();
      batch.mounts[0].writes.push_back(fixture.WriteOf(leaf, probe->own));
    }
    fixture.Commit(batch);
  }
  state.SetItemsProcessed(state.iterations() * state.range(1));
}
BENCHMARK(BM_ReadAndWriteLeaf)
    ->Args({100'000, 1})
    ->Args({100'000, 16})
    ->Args({100'000, 64})
    ->Args({100'000, 256});

// `range(1)` probes on each snapshot.
void BM_Probe(benchmark::State& state) {
  Fixture fixture(state.range(0));
  for (auto _ : state) {
    std::shared_ptr<const Snapshot> snapshot = fixture.TakeSnapshot();
    for (int64_t i = 0; i < state.range(1); ++i) {
      benchmark::DoNotOptimize(
          snapshot->Probe(PathOf(fixture.RandomLeaf())));
    }
  }
  state.SetItemsProcessed(state.iterations() * state.range(1));
}
BENCHMARK(BM_Probe)->Args({100'000, 1})->Args({100'000, 64});

void BM_ReadLeaf(benchmark::State& state) {
  Fixture fixture(state.range(0));
  for (auto _ : state) {
    std::shared_ptr<const Snapshot> snapshot = fixture.TakeSnapshot();
    for (int64_t i = 0; i < state.range(1); ++i) {
      benchmark::DoNotOptimize(
          snapshot->Read(PathOf(fixture.RandomLeaf()), ReadLimits()));
    }
  }
  state.SetItemsProcessed(state.iterations() * state.range(1));
}
BENCHMARK(BM_ReadLeaf)->Args({100'000, 1})->Args({100'000, 64});

}  // namespace
}  // namespace restate
