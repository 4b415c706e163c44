// What a tree far larger than memory costs: restated over RocksDB with a block
// cache of a tenth of the tree, as the tree grows.
//
//   bazel run -c opt //tests/benchmark:storage -- --help
//
// This process is the client; the server is a process of its own. What each
// column means is told in README.md.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/benchmark/measured_server.h"
#include "tests/benchmark/scratch_directory.h"
#include "tests/benchmark/storage_load.h"

namespace restate::benchmark {
namespace {

using Clock = std::chrono::steady_clock;

// About what a leaf takes in the tree: key, value and their frames.
constexpr uint64_t kLeafStoredBytes = 100;
// Less is of no use to RocksDB.
constexpr uint64_t kLeastCacheBytes = uint64_t{64} << 10;

struct Options {
  std::vector<uint64_t> leaves = {10'000, 100'000, 1'000'000};
  uint64_t deleted = 1'000'000;
  uint64_t cache_bytes = 0;
  double seconds = 3;
  int threads = 8;
  std::string directory;
  // Relative to where `bazel run` starts this.
  std::string restated = "service/restated";
};

double SecondsSince(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// The server on one data directory, again and again.
class Store {
 public:
  Store(const Options& options, std::string directory, uint64_t leaves)
      : restated_(options.restated), directory_(std::move(directory)) {
    cache_bytes_ = options.cache_bytes;
    if (cache_bytes_ == 0) {
      cache_bytes_ =
          std::max(kLeastCacheBytes, leaves * kLeafStoredBytes / 10);
    }
    std::filesystem::create_directories(directory_);
    std::ofstream(ConfigPath())
        << "limits:\n  block_cache_bytes: " << cache_bytes_ << "\n";
  }
  ~Store() {
    server_ = nullptr;
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }

  // Gives how long it took until it served, in milliseconds.
  absl::StatusOr<double> Start() {
    const Clock::time_point begin = Clock::now();
    auto server = MeasuredServer::Start({restated_, "--listen", "127.0.0.1:0",
                                         "--http-listen", "off", "--log-level",
                                         "warn", "--config", ConfigPath(),
                                         "--data-dir", directory_ + "/data"});
    if (!server.ok()) return server.status();
    server_ = *std::move(server);
    return SecondsSince(begin) * 1e3;
  }

  MeasuredServer& server() { return *server_; }
  const std::string& address() const { return server_->address(); }
  uint64_t cache_bytes() const { return cache_bytes_; }

 private:
  std::string ConfigPath() const { return directory_ + "/restate.yaml"; }

  const std::string restated_;
  const std::string directory_;
  uint64_t cache_bytes_ = 0;
  std::unique_ptr<MeasuredServer> server_;
};

// What one kind of call costs, the server's processor time included.
struct Cost {
  CallTimes times;
  double per_second = 0;
  double cpu_us = 0;
};

absl::StatusOr<Cost> Measure(
    Store& store, const CallLoad& load,
    absl::StatusOr<CallTimes> (*calls)(const CallLoad&)) {
  const double cpu = store.server().CpuSeconds();
  const Clock::time_point begin = Clock::now();
  absl::StatusOr<CallTimes> times = calls(load);
  if (!times.ok()) return times.status();
  Cost cost;
  cost.times = *times;
  const double count = static_cast<double>(std::max<size_t>(1, times->calls));
  cost.per_second = count / SecondsSince(begin);
  cost.cpu_us = (store.server().CpuSeconds() - cpu) * 1e6 / count;
  return cost;
}

double Mebibytes(int64_t bytes) {
  return static_cast<double>(bytes) / (1 << 20);
}

void PrintCost(const char* name, const Cost& cost) {
  std::printf("  %-6s %8.0f/s  cpu %6.0f us  p50 %7.0f us  p99 %7.0f us\n",
              name, cost.per_second, cost.cpu_us, cost.times.p50,
              cost.times.p99);
}

// Writes the tree, and measures it after a clean start.
absl::Status MeasureTree(const Options& options, uint64_t leaves,
                         Store& store) {
  absl::StatusOr<double> started = store.Start();
  if (!started.ok()) return started.status();
  const Clock::time_point begin = Clock::now();
  if (auto status = WriteTree(store.address(), "/tree", leaves,
                              WrittenBy::kMaps);
      !status.ok()) {
    return status;
  }
  const double writing = SecondsSince(begin);
  std::printf("%llu leaves, block cache %.1f MiB\n",
              static_cast<unsigned long long>(leaves),
              Mebibytes(static_cast<int64_t>(store.cache_bytes())));
  std::printf("  load   %8.0f leaves/s, %.1f s; resident %.0f MiB\n",
              static_cast<double>(leaves) / writing, writing,
              Mebibytes(store.server().ResidentBytes()));
  const Clock::time_point stopping = Clock::now();
  store.server().Stop();
  const double stop = SecondsSince(stopping) * 1e3;
  started = store.Start();
  if (!started.ok()) return started.status();
  const double clean = *started;
  const double fresh = Mebibytes(store.server().ResidentBytes());

  CallLoad load;
  load.address = store.address();
  load.leaves = leaves;
  load.threads = options.threads;
  load.duration = std::chrono::duration<double>(options.seconds);
  for (const auto& [name, calls] :
       {std::pair("get", &GetLeaves), std::pair("set", &SetLeaves)}) {
    const absl::StatusOr<Cost> cost = Measure(store, load, calls);
    if (!cost.ok()) return cost.status();
    PrintCost(name, *cost);
  }
  std::printf("  memory resident %.0f MiB at start, %.0f MiB after\n", fresh,
              Mebibytes(store.server().ResidentBytes()));

  store.server().Kill();
  started = store.Start();
  if (!started.ok()) return started.status();
  std::printf("  stop   %.0f ms; start %.0f ms after it, %.0f ms after a kill\n",
              stop, clean, *started);
  std::fflush(stdout);
  return absl::OkStatus();
}

void PrintTimes(const char* when, const CallTimes& times) {
  std::printf("  %-10s %7zu writes, p50 %6.0f us, p99 %7.0f us, "
              "longest %8.0f us\n",
              when, times.calls, times.p50, times.p99, times.longest);
  std::fflush(stdout);
}

// Deletes a subtree while another client writes elsewhere.
absl::Status MeasureDeletion(const Options& options, Store& store) {
  if (auto status = WriteTree(store.address(), "/large", options.deleted,
                              WrittenBy::kLeaves);
      !status.ok()) {
    return status;
  }
  std::printf("a writer, while %llu leaves elsewhere are deleted\n",
              static_cast<unsigned long long>(options.deleted));
  CallLoad load;
  load.address = store.address();
  load.root = "/small";
  load.leaves = 1'000;
  load.duration = std::chrono::duration<double>(options.seconds);
  absl::StatusOr<CallTimes> times = SetLeaves(load);
  if (!times.ok()) return times.status();
  PrintTimes("before", *times);

  // As long as before, with the deletion somewhere in it.
  std::thread writer([&] { times = SetLeaves(load); });
  std::this_thread::sleep_for(load.duration / 3);
  const double cpu = store.server().CpuSeconds();
  const absl::StatusOr<double> took = DeleteTree(store.address(), "/large");
  const double used = store.server().CpuSeconds() - cpu;
  writer.join();
  if (!took.ok()) return took.status();
  if (!times.ok()) return times.status();
  PrintTimes("during", *times);
  std::printf("  the deletion took %.3f s, the server's processors %.3f s\n",
              *took, used);

  times = SetLeaves(load);
  if (!times.ok()) return times.status();
  PrintTimes("after", *times);
  std::printf("  memory resident %.0f MiB\n",
              Mebibytes(store.server().ResidentBytes()));
  return absl::OkStatus();
}

absl::Status Run(const Options& options) {
  const auto scratch = ScratchDirectory::Make(
      options.directory.empty() ? DefaultScratchParent() : options.directory);
  if (!scratch.ok()) return scratch.status();
  for (size_t i = 0; i < options.leaves.size(); ++i) {
    const uint64_t leaves = options.leaves[i];
    Store store(options, absl::StrCat((*scratch)->path(), "/", leaves), leaves);
    absl::Status status = MeasureTree(options, leaves, store);
    if (status.ok() && options.deleted > 0 && i + 1 == options.leaves.size()) {
      status = MeasureDeletion(options, store);
    }
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace restate::benchmark

int main(int argc, char** argv) {
  restate::benchmark::Options options;
  CLI::App app("Measures restated over trees larger than its block cache.");
  app.add_option("--leaves", options.leaves, "sizes of the tree, in turn");
  app.add_option("--deleted", options.deleted,
                 "leaves of the subtree that is deleted; 0 for none");
  app.add_option("--cache_bytes", options.cache_bytes,
                 "block cache; 0 for a tenth of the tree");
  app.add_option("--seconds", options.seconds, "how long each load runs");
  app.add_option("--threads", options.threads, "calls in flight");
  app.add_option("--directory", options.directory,
                 "where the data goes (default: $TMPDIR, else /var/tmp)");
  app.add_option("--restated", options.restated, "the server's binary");
  CLI11_PARSE(app, argc, argv);
  const absl::Status status = restate::benchmark::Run(options);
  if (!status.ok()) {
    std::cerr << status << std::endl;
    return 1;
  }
  return 0;
}
