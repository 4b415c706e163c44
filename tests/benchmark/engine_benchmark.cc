// What the engine costs in process, on the memory backend. Two costs must stay
// flat: a set and a get while the tree grows, and a set while subscriptions
// that do not match it pile up.
//
//   bazel run -c opt //tests/benchmark:engine

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <latch>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/backend/memory/memory_backend.h"
#include "engine/clock/clock.h"
#include "engine/controller/controller.h"

namespace restate {
namespace {

// Leaves are /load/<group>/<name>, a thousand to a group.
constexpr int64_t kGroup = 1'000;
// Commits queued at once, so that the hand-over between threads is shared.
constexpr int64_t kPipeline = 256;

Path LeafPath(int64_t i) {
  return Path::Parse(absl::StrCat("/load/", i / kGroup, "/", i % kGroup))
      .value();
}

// Small steps of a generator with a full period, so that paths come in no
// order that a cache could foresee.
class LeafPicker {
 public:
  explicit LeafPicker(int64_t leaves) : leaves_(leaves) {}
  Path Next() {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return LeafPath(static_cast<int64_t>(state_ >> 33) % leaves_);
  }

 private:
  const int64_t leaves_;
  uint64_t state_ = 1;
};

std::unique_ptr<Controller> StartController() {
  static const SystemClock* const clock = new SystemClock;
  ControllerOptions options;
  options.mounts.push_back({Path(), std::make_unique<MemoryBackend>()});
  options.clock = clock;
  return Controller::Start(std::move(options)).value();
}

CommitRequest SetRequest(Path path, int64_t number) {
  CommitRequest request;
  SetOperation set;
  set.path = std::move(path);
  set.value = Value::Int(number);
  request.operations.emplace_back(std::move(set));
  return request;
}

// Queues `count` commits and waits until all are answered.
template <typename MakeRequest>
void CommitAll(Controller* controller, int64_t count, MakeRequest make) {
  std::latch answered(count);
  for (int64_t i = 0; i < count; ++i) {
    controller->Commit(make(i),
                       [&answered](absl::StatusOr<CommitResult> result) {
                         if (!result.ok()) std::abort();
                         answered.count_down();
                       });
  }
  answered.wait();
}

void Fill(Controller* controller, int64_t leaves) {
  constexpr int64_t kStep = 10'000;
  for (int64_t first = 0; first < leaves; first += kStep) {
    CommitAll(controller, std::min(kStep, leaves - first), [first](int64_t i) {
      return SetRequest(LeafPath(first + i), 0);
    });
  }
}

// Writes to existing leaves, pipelined; each changes something. The processor
// time is that of all threads: most of the work is the sequencer's.
void MeasureSets(benchmark::State& state, Controller* controller,
                 int64_t leaves) {
  LeafPicker picker(leaves);
  int64_t number = 0;
  while (state.KeepRunningBatch(kPipeline)) {
    CommitAll(controller, kPipeline,
              [&](int64_t) { return SetRequest(picker.Next(), ++number); });
  }
  state.SetItemsProcessed(state.iterations());
}

void BM_Get(benchmark::State& state) {
  const std::unique_ptr<Controller> controller = StartController();
  Fill(controller.get(), state.range(0));
  LeafPicker picker(state.range(0));
  for (auto _ : state) {
    const auto read = controller->Published()->tree().Read(picker.Next(), {});
    if (!read.ok() || !read->tree.has_value()) {
      state.SkipWithError("the leaf is not there");
      break;
    }
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_Get)->ArgName("leaves")->RangeMultiplier(10)->Range(1'000,
                                                                 1'000'000);

void BM_Set(benchmark::State& state) {
  const std::unique_ptr<Controller> controller = StartController();
  Fill(controller.get(), state.range(0));
  MeasureSets(state, controller.get(), state.range(0));
}
BENCHMARK(BM_Set)
    ->ArgName("leaves")
    ->RangeMultiplier(10)
    ->Range(1'000, 1'000'000)
    ->MeasureProcessCPUTime()
    ->UseRealTime();

// Sets in a tree of 10,000 leaves, beside as many subscriptions as the argument
// says; `pattern` of the number of each matches nothing that is written.
template <typename MakePattern>
void MeasureUnheardSets(benchmark::State& state, MakePattern make) {
  constexpr int64_t kLeaves = 10'000;
  const std::unique_ptr<Controller> controller = StartController();
  Fill(controller.get(), kLeaves);
  std::vector<std::unique_ptr<EventStream>> streams;
  for (int64_t i = 0; i < state.range(0); ++i) {
    SubscriptionSpec spec;
    spec.patterns.push_back(PathPattern::Parse(make(i)).value());
    streams.push_back(
        controller->Subscribe(std::move(spec), size_t{8} << 20, [] {})
            .value());
  }
  MeasureSets(state, controller.get(), kLeaves);
}

void BM_SetUnheardExact(benchmark::State& state) {
  MeasureUnheardSets(state, [](int64_t i) {
    // In the very groups that are written, at names that are not.
    return absl::StrCat("/load/", i % 10, "/other-", i);
  });
}

void BM_SetUnheardWildcard(benchmark::State& state) {
  MeasureUnheardSets(
      state, [](int64_t i) { return absl::StrCat("/load/*/other-", i); });
}

void Subscriptions(::benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgName("subscriptions")
      ->Arg(0)
      ->RangeMultiplier(10)
      ->Range(1'000, 100'000)
      ->MeasureProcessCPUTime()
      ->UseRealTime();
}
BENCHMARK(BM_SetUnheardExact)->Apply(Subscriptions);
BENCHMARK(BM_SetUnheardWildcard)->Apply(Subscriptions);

}  // namespace
}  // namespace restate
