// What derivations cost in process, on the memory backend: a set with 0, 1, 10
// and 100 of them on its path, side by side; and one child's change under an
// aggregate, which must cost the same however many children there are, beside
// the set alone and a recomputation of all.
//
//   bazel run -c opt //tests/benchmark:derive

#include <benchmark/benchmark.h>
#include <time.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <latch>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/backend/memory/memory_backend.h"
#include "engine/clock/clock.h"
#include "engine/controller/controller.h"
#include "engine/derivation/definition.h"

namespace restate {
namespace {

// Commits queued at once, so that the hand-over between threads is shared.
constexpr int64_t kPipeline = 256;

Path P(const std::string& text) { return Path::Parse(text).value(); }

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

CommitRequest DefineRequest(Definition definition) {
  CommitRequest request;
  request.derivation = DefineDerivation{std::move(definition), false};
  return request;
}

// Queues `count` commits and waits until all are answered.
template <typename MakeRequest>
void CommitAll(Controller* controller, int64_t count, MakeRequest make) {
  std::latch answered(count);
  for (int64_t i = 0; i < count; ++i) {
    controller->Commit(make(i),
                       [&answered](absl::StatusOr<CommitResult> result) {
                         if (!result.ok()) {
                           std::cerr << result.status() << std::endl;
                           std::abort();
                         }
                         answered.count_down();
                       });
  }
  answered.wait();
}

Definition Lua(const std::string& dest, const std::string& source,
               const std::string& text) {
  Definition definition;
  definition.dest = P(dest);
  definition.sources = {P(source)};
  definition.transform = LuaTransform{{"x"}, text};
  return definition;
}

// Sets of one path, each of which changes it.
void MeasureSets(benchmark::State& state, Controller* controller) {
  const Path path = P("/source");
  int64_t number = 0;
  while (state.KeepRunningBatch(kPipeline)) {
    CommitAll(controller, kPipeline,
              [&](int64_t) { return SetRequest(path, ++number); });
  }
  state.SetItemsProcessed(state.iterations());
}

// So many functions of the path written.
void BM_SetWithDerivations(benchmark::State& state) {
  const std::unique_ptr<Controller> controller = StartController();
  CommitAll(controller.get(), state.range(0), [](int64_t i) {
    return DefineRequest(Lua(absl::StrCat("/derived/", i), "/source",
                             absl::StrCat("x * 2 + ", i)));
  });
  MeasureSets(state, controller.get());
}
BENCHMARK(BM_SetWithDerivations)
    ->ArgName("derivations")
    ->Arg(0)
    ->Arg(1)
    ->Arg(10)
    ->Arg(100)
    ->MeasureProcessCPUTime()
    ->UseRealTime();

// So many elsewhere: they must not count.
void BM_SetBesideDerivations(benchmark::State& state) {
  const std::unique_ptr<Controller> controller = StartController();
  CommitAll(controller.get(), state.range(0), [](int64_t i) {
    return DefineRequest(Lua(absl::StrCat("/derived/", i),
                             absl::StrCat("/others/", i), "x * 2"));
  });
  MeasureSets(state, controller.get());
}
BENCHMARK(BM_SetBesideDerivations)
    ->ArgName("derivations")
    ->Arg(0)
    ->Arg(1'000)
    ->MeasureProcessCPUTime()
    ->UseRealTime();

// One derived from the other.
void BM_SetUnderChain(benchmark::State& state) {
  const std::unique_ptr<Controller> controller = StartController();
  CommitAll(controller.get(), state.range(0), [](int64_t i) {
    return DefineRequest(
        Lua(absl::StrCat("/chain/", i),
            i == 0 ? "/source" : absl::StrCat("/chain/", i - 1), "x + 1"));
  });
  MeasureSets(state, controller.get());
}
BENCHMARK(BM_SetUnderChain)
    ->ArgName("derivations")
    ->Arg(10)
    ->Arg(100)
    ->MeasureProcessCPUTime()
    ->UseRealTime();

Definition AggregateOf(Combine combine) {
  Definition definition;
  definition.dest = P("/sum");
  definition.sources = {P("/children")};
  definition.transform = AggregateTransform{"", combine, ""};
  return definition;
}

// Of all threads of this process.
double ProcessorSeconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) +
         1e-9 * static_cast<double>(now.tv_nsec);
}

void FillChildren(Controller* controller, int64_t children) {
  constexpr int64_t kStep = 10'000;
  for (int64_t first = 0; first < children; first += kStep) {
    CommitAll(controller, std::min(kStep, children - first), [&](int64_t i) {
      return SetRequest(P(absl::StrCat("/children/", first + i)), 1);
    });
  }
}

// Sets of random children, one commit each.
class ChildSets {
 public:
  ChildSets(int64_t children, const Definition* aggregate)
      : children_(children), controller_(StartController()) {
    FillChildren(controller_.get(), children);
    if (aggregate != nullptr) {
      CommitAll(controller_.get(), 1,
                [&](int64_t) { return DefineRequest(*aggregate); });
    }
  }
  // Gives the processor time of `count` sets, in seconds.
  double Run(int64_t count) {
    const double before = ProcessorSeconds();
    CommitAll(controller_.get(), count, [&](int64_t) {
      random_ = random_ * 6364136223846793005u + 1442695040888963407u;
      const uint64_t child = (random_ >> 33) % children_;
      return SetRequest(P(absl::StrCat("/children/", child)), ++number_);
    });
    return ProcessorSeconds() - before;
  }

 private:
  const int64_t children_;
  const std::unique_ptr<Controller> controller_;
  int64_t number_ = 1;
  uint64_t random_ = 1;
};

// One child's change under an aggregate of all, beside the same without: what is
// between the two is the aggregate's own, and must not grow. The plain set
// grows with the tree, whose nodes are in no cache any more.
void BM_AggregateOneChange(benchmark::State& state) {
  const Definition aggregate =
      AggregateOf(static_cast<Combine>(state.range(1)));
  ChildSets plain(state.range(0), nullptr);
  ChildSets under(state.range(0), &aggregate);
  double plain_seconds = 0;
  double under_seconds = 0;
  while (state.KeepRunningBatch(kPipeline)) {
    plain_seconds += plain.Run(kPipeline);
    under_seconds += under.Run(kPipeline);
  }
  const double sets = static_cast<double>(state.iterations());
  state.counters["plain_us"] = 1e6 * plain_seconds / sets;
  state.counters["under_us"] = 1e6 * under_seconds / sets;
  state.counters["aggregate_us"] =
      1e6 * (under_seconds - plain_seconds) / sets;
}
BENCHMARK(BM_AggregateOneChange)
    ->ArgNames({"children", "combine"})
    ->ArgsProduct({{1'000, 10'000, 100'000, 1'000'000},
                   {static_cast<int>(Combine::kSum),
                    static_cast<int>(Combine::kMax)}})
    // Making the trees is what takes long: once is enough.
    ->Iterations(40 * kPipeline)
    ->UseRealTime();

// The sum defined again: all children are looked at.
void BM_AggregateRecompute(benchmark::State& state) {
  const std::unique_ptr<Controller> controller = StartController();
  FillChildren(controller.get(), state.range(0));
  for (auto _ : state) {
    CommitAll(controller.get(), 1,
              [](int64_t) { return DefineRequest(AggregateOf(Combine::kSum)); });
    state.PauseTiming();
    CommitAll(controller.get(), 1, [](int64_t) {
      CommitRequest request;
      request.derivation = RemoveDerivation{P("/sum")};
      return request;
    });
    state.ResumeTiming();
  }
}
BENCHMARK(BM_AggregateRecompute)
    ->ArgName("children")
    ->RangeMultiplier(10)
    ->Range(1'000, 1'000'000)
    ->Iterations(3)
    ->MeasureProcessCPUTime()
    ->UseRealTime();

}  // namespace
}  // namespace restate
