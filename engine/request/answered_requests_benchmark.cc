// What answers kept for retries cost: finding and keeping one, and reading all
// of them at a start. Needs a directory to write to: TEST_TMPDIR, else the
// current one.
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include "benchmark/benchmark.h"
#include "engine/backend/rocksdb/rocksdb_store.h"
#include "engine/clock/clock.h"
#include "engine/request/answered_requests.h"

namespace restate {
namespace {

CommitResult OneWrite(Revision revision) {
  CommitResult result;
  result.revision = revision;
  result.changed = true;
  result.results.resize(1);
  result.results[0].changed = true;
  return result;
}

// One at a time, without a store, with the default bounds reached.
void BM_FindAndKeep(benchmark::State& state) {
  const SystemClock clock;
  AnsweredRequests answered({}, &clock);
  uint64_t id = 0;
  const auto keep_one = [&] {
    const RequestIdentity request{++id * 0x9e3779b97f4a7c15, id};
    if (!answered.Find(request).ok()) std::abort();
    answered.Stage(request, OneWrite(static_cast<Revision>(id)));
    answered.PublishStaged();
  };
  while (answered.status().count == id) keep_one();
  for (auto _ : state) keep_one();
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_FindAndKeep);

// As many as the default bound holds, after a kill.
void BM_ReadAtStart(benchmark::State& state) {
  const SystemClock clock;
  const char* base = std::getenv("TEST_TMPDIR");
  const std::string directory =
      std::filesystem::path(base == nullptr ? "." : base) /
      "answered_requests_benchmark";
  std::filesystem::remove_all(directory);
  AnsweredRequests answered({}, &clock);
  {
    const auto store = *RocksDbStore::Open({.directory = directory});
    for (uint64_t id = 1; answered.status().count + 1 == id || id == 1;) {
      for (int i = 0; i < 1'000; ++i, ++id) {
        answered.Stage({id * 0x9e3779b97f4a7c15, id},
                       OneWrite(static_cast<Revision>(id)));
      }
      CommitBatch batch{1, 100, {}};
      batch.requests = answered.Staged();
      batch.durable = false;
      if (!store->Commit(batch).ok()) std::abort();
      answered.PublishStaged();
    }
  }
  const auto store = *RocksDbStore::Open({.directory = directory});
  for (auto _ : state) {
    if (!answered.Reload(*store).ok()) std::abort();
  }
  state.counters["answers"] = static_cast<double>(answered.status().count);
  std::filesystem::remove_all(directory);
}
BENCHMARK(BM_ReadAtStart)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace restate
