// What Lua transforms that never end, fill the memory or fail cost those who
// have nothing to do with them.
//
//   bazel run -c opt //tests/benchmark:runaway -- --help
//
// This process is the clients; the server is a process of its own, with RocksDB
// at / and the limits that it has by default. Windows without such writers and
// with each kind of them alternate. What each column means is told in README.md.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/benchmark/measured_server.h"
#include "tests/benchmark/median.h"
#include "tests/benchmark/runaway_load.h"
#include "tests/benchmark/scratch_directory.h"
#include "tests/support/scrape.h"

namespace restate::benchmark {
namespace {

struct Options {
  std::vector<size_t> writers = {1, 8};
  size_t getters = 2;
  size_t setters = 2;
  double seconds = 2;
  int rounds = 5;
  std::string directory;
  // Relative to where `bazel run` starts this.
  std::string restated = "service/restated";
};

// What the writers' sets run into.
struct Kind {
  const char* name;
  // None if nobody writes.
  const char* function;
};
constexpr Kind kKinds[] = {
    {"quiet", nullptr},
    {"ordinary", "x + 1"},
    {"loop", "while true do end"},
    {"allocate",
     "local held, text = {}, string.rep('x', 400) "
     "while true do held[#held + 1] = text .. #held end"},
    {"throw", "error('no')"},
};
constexpr size_t kKindCount = std::size(kKinds);

std::string SourceOf(const Kind& kind) {
  return absl::StrCat("/runaway/", kind.name);
}

// Why transforms have failed, as the server counts it.
constexpr const char* kReasons[] = {"budget", "memory", "error", "other"};
using Failures = std::array<double, std::size(kReasons)>;

absl::StatusOr<Failures> ReadFailures(const std::string& http_address) {
  const auto scrape = test::Scrape::Of(http_address);
  if (!scrape.ok()) return scrape.status();
  Failures failures = {};
  for (size_t i = 0; i < failures.size(); ++i) {
    failures[i] = scrape
                      ->Value("restate_derivation_failures_total",
                              {{"kind", "lua"}, {"reason", kReasons[i]}})
                      .value_or(0);
  }
  return failures;
}

// One window.
struct Measured {
  RunawayLoad::Figures figures;
  double server_cores = 0;
  Failures failures = {};
  int64_t resident_before = 0;
  int64_t resident_after = 0;
  int64_t resident_peak = 0;
};
using Rounds = std::vector<Measured>;

// The median over the rounds of what `figure` gives for one.
template <typename Figure>
double MedianIn(const Rounds& rounds, Figure figure) {
  std::vector<double> numbers;
  for (const Measured& round : rounds) {
    numbers.push_back(static_cast<double>(figure(round)));
  }
  return Median(std::move(numbers));
}

absl::StatusOr<Measured> MeasureWindow(const Options& options, const Kind& kind,
                                       size_t writers, RunawayLoad& load,
                                       MeasuredServer& server,
                                       const std::string& http_address) {
  RunawayLoad::Window window;
  window.duration = std::chrono::duration<double>(options.seconds);
  window.written = SourceOf(kind);
  window.writers = kind.function == nullptr ? 0 : writers;
  const absl::StatusOr<Failures> before = ReadFailures(http_address);
  if (!before.ok()) return before.status();
  Measured measured;
  server.ForgetPeak();
  measured.resident_before = server.ResidentBytes();
  const double cpu = server.CpuSeconds();
  auto figures = load.Run(window);
  if (!figures.ok()) return figures.status();
  measured.figures = *figures;
  measured.server_cores = (server.CpuSeconds() - cpu) / options.seconds;
  measured.resident_after = server.ResidentBytes();
  measured.resident_peak = server.PeakResidentBytes();
  const absl::StatusOr<Failures> after = ReadFailures(http_address);
  if (!after.ok()) return after.status();
  for (size_t i = 0; i < after->size(); ++i) {
    measured.failures[i] = (*after)[i] - (*before)[i];
  }
  return measured;
}

// How one kind of call of the others went, beside the quiet windows.
void PrintTimes(const char* title, const std::vector<Rounds>& kinds,
                double seconds, CallTimes RunawayLoad::Figures::*of) {
  std::printf("  %-10s %9s %8s %8s %9s %12s %9s %9s\n", title, "a second",
              "p50 us", "p99 us", "longest", "of quiet: /s", "p50", "p99");
  const auto rate = [&](const Measured& one) {
    return static_cast<double>((one.figures.*of).calls) / seconds;
  };
  const auto p50 = [&](const Measured& one) { return (one.figures.*of).p50; };
  const auto p99 = [&](const Measured& one) { return (one.figures.*of).p99; };
  const Rounds& quiet = kinds.front();
  for (size_t i = 0; i < kinds.size(); ++i) {
    double longest = 0;
    for (const Measured& one : kinds[i]) {
      longest = std::max(longest, (one.figures.*of).longest);
    }
    const auto ratio = [&](const auto& figure) {
      return MedianIn(kinds[i], figure) / MedianIn(quiet, figure);
    };
    std::printf("  %-10s %9.0f %8.0f %8.0f %9.0f %12.2f %9.2f %9.2f\n",
                kKinds[i].name, MedianIn(kinds[i], rate),
                MedianIn(kinds[i], p50), MedianIn(kinds[i], p99), longest,
                ratio(rate), ratio(p50), ratio(p99));
  }
}

double Mebibytes(double bytes) { return bytes / (1 << 20); }

void PrintWriters(const std::vector<Rounds>& kinds, double seconds) {
  std::printf("  %-10s %9s %8s %8s %8s %8s %8s %8s %8s %6s  %s\n", "writers",
              "a second", "p50 us", "p99 us", "writes", "budget", "memory",
              "error", "other", "cores", "resident MiB: before, after, peak");
  for (size_t i = 0; i < kinds.size(); ++i) {
    size_t writes = 0;
    int64_t peak = 0;
    Failures failures = {};
    for (const Measured& one : kinds[i]) {
      writes += one.figures.writes.calls;
      // What the kernel counts for each thread may be a little behind.
      peak = std::max({peak, one.resident_peak, one.resident_before,
                       one.resident_after});
      for (size_t f = 0; f < failures.size(); ++f) {
        failures[f] += one.failures[f];
      }
    }
    const auto median = [&](auto figure) { return MedianIn(kinds[i], figure); };
    std::printf(
        "  %-10s %9.0f %8.0f %8.0f %8zu %8.0f %8.0f %8.0f %8.0f %6.2f  "
        "%.0f %.0f %.0f\n",
        kKinds[i].name, median([&](const Measured& one) {
          return static_cast<double>(one.figures.writes.calls) / seconds;
        }),
        median([](const Measured& one) { return one.figures.writes.p50; }),
        median([](const Measured& one) { return one.figures.writes.p99; }),
        writes, failures[0], failures[1], failures[2], failures[3],
        median([](const Measured& one) { return one.server_cores; }),
        Mebibytes(
            median([](const Measured& one) { return one.resident_before; })),
        Mebibytes(
            median([](const Measured& one) { return one.resident_after; })),
        Mebibytes(static_cast<double>(peak)));
  }
  std::fflush(stdout);
}

absl::Status Run(const Options& options) {
  const auto scratch = ScratchDirectory::Make(
      options.directory.empty() ? DefaultScratchParent() : options.directory);
  if (!scratch.ok()) return scratch.status();
  auto server = MeasuredServer::Start(
      {options.restated, "--listen", "127.0.0.1:0", "--http-listen",
       "127.0.0.1:0", "--log-level", "warn", "--data-dir",
       (*scratch)->path() + "/data"});
  if (!server.ok()) return server.status();
  const auto http_address = (*server)->ReadHttpAddress();
  if (!http_address.ok()) return http_address.status();
  const std::string& address = (*server)->address();
  for (const Kind& kind : kKinds) {
    if (kind.function == nullptr) continue;
    absl::Status status =
        DeriveLua(address, absl::StrCat("/derived/", kind.name), SourceOf(kind),
                  kind.function);
    if (!status.ok()) return status;
  }
  const auto load = RunawayLoad::Start(
      address, options.getters, options.setters,
      *std::max_element(options.writers.begin(), options.writers.end()));
  if (!load.ok()) return load.status();
  for (const size_t writers : options.writers) {
    std::vector<Rounds> kinds(kKindCount);
    for (int round = 0; round < options.rounds; ++round) {
      for (size_t i = 0; i < kKindCount; ++i) {
        auto measured = MeasureWindow(options, kKinds[i], writers, **load,
                                      **server, *http_address);
        if (!measured.ok()) return measured.status();
        kinds[i].push_back(*std::move(measured));
      }
    }
    std::printf("%zu writing, beside %zu that get, %zu that set\n", writers,
                options.getters, options.setters);
    PrintTimes("GetState", kinds, options.seconds, &RunawayLoad::Figures::gets);
    PrintTimes("SetState", kinds, options.seconds, &RunawayLoad::Figures::sets);
    PrintTimes("events", kinds, options.seconds, &RunawayLoad::Figures::events);
    PrintWriters(kinds, options.seconds);
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace restate::benchmark

int main(int argc, char** argv) {
  restate::benchmark::Options options;
  CLI::App app("Measures what runaway transforms cost others.");
  app.option_defaults()->always_capture_default();
  app.add_option("--writers", options.writers,
                 "How many write, each with one call in flight; in turn");
  app.add_option("--getters", options.getters, "Others that read")
      ->check(CLI::PositiveNumber);
  app.add_option("--setters", options.setters, "Others that write")
      ->check(CLI::PositiveNumber);
  app.add_option("--seconds", options.seconds, "Length of a window")
      ->check(CLI::PositiveNumber);
  app.add_option("--rounds", options.rounds, "Windows of each kind")
      ->check(CLI::PositiveNumber);
  app.add_option("--directory", options.directory,
                 "Where the data goes (default: $TMPDIR, else /var/tmp)");
  app.add_option("--restated", options.restated, "The server's binary");
  CLI11_PARSE(app, argc, argv);
  const absl::Status status = restate::benchmark::Run(options);
  if (!status.ok()) {
    std::cerr << "runaway: " << status << std::endl;
    return 1;
  }
  return 0;
}
