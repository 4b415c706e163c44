// How fast restated answers, beside an echo service on the same machine in the
// same minute: only their ratio travels from one machine to another.
//
//   bazel run -c opt //tests/benchmark:unary -- --help
//
// This process is the client of both; each server is a process of its own.
// Rounds alternate between the two, and medians over the rounds are shown.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <functional>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/benchmark/load.h"
#include "tests/benchmark/measured_server.h"
#include "tests/benchmark/median.h"
#include "tests/benchmark/scratch_directory.h"

namespace restate::benchmark {
namespace {

struct Options {
  double seconds = 2;
  int rounds = 3;
  size_t channels = 2;
  size_t streams = 1;
  std::vector<size_t> in_flight = {1, 16, 64, 256};
  std::vector<size_t> batches = {1, 16, 256};
  size_t commits_in_flight = 64;
  std::string directory;
  // Relative to where `bazel run` starts this.
  std::string echo = "tests/benchmark/echo_server";
  std::string restated = "service/restated";
};

// What the rounds of one kind of load came to.
class Tally {
 public:
  void Add(const Figures& figures, double server_cpu_seconds, double seconds) {
    rates_.push_back(figures.calls_per_second);
    p50s_.push_back(figures.p50_ms);
    p99s_.push_back(figures.p99_ms);
    cores_.push_back(server_cpu_seconds / seconds);
  }
  double rate() const { return Median(rates_); }
  double p50() const { return Median(p50s_); }
  double p99() const { return Median(p99s_); }
  double cores() const { return Median(cores_); }

 private:
  std::vector<double> rates_, p50s_, p99s_, cores_;
};

// One kind of load, against one of the servers.
struct Load {
  std::string name;
  const MeasuredServer* server;
  std::function<absl::StatusOr<Figures>(const Round&)> run;
  // What one call counts for.
  double sets_per_call = 1;
};

void PrintHeader() {
  std::printf("%-18s %9s %12s %9s %9s %9s %15s %13s\n", "", "in flight",
              "per second", "p50 ms", "p99 ms", "of echo", "of durable echo",
              "server cores");
}

void PrintLine(const Load& load, size_t in_flight, const Tally& tally,
               double echo_rate, double durable_echo_rate) {
  const double rate = tally.rate() * load.sets_per_call;
  std::printf("%-18s %9zu %12.0f %9.3f %9.3f %9.2f %15.2f %13.2f\n",
              load.name.c_str(), in_flight, rate, tally.p50(), tally.p99(),
              rate / echo_rate, rate / durable_echo_rate, tally.cores());
  std::fflush(stdout);
}

// Runs rounds of `loads` in turn, the first two of which are the echoes, and prints
// a line for each.
absl::Status Compare(const std::vector<Load>& loads, size_t in_flight,
                     const Options& options) {
  Round round;
  round.in_flight = in_flight;
  round.duration = std::chrono::duration<double>(options.seconds);
  std::vector<Tally> tallies(loads.size());
  for (int i = 0; i < options.rounds; ++i) {
    for (size_t at = 0; at < loads.size(); ++at) {
      const double cpu_before = loads[at].server->CpuSeconds();
      const absl::StatusOr<Figures> figures = loads[at].run(round);
      if (!figures.ok()) {
        return absl::Status(
            figures.status().code(),
            absl::StrCat(loads[at].name, ": ", figures.status().message()));
      }
      tallies[at].Add(*figures, loads[at].server->CpuSeconds() - cpu_before,
                      (round.warm_up + round.duration).count());
    }
  }
  for (size_t at = 0; at < loads.size(); ++at) {
    PrintLine(loads[at], in_flight, tallies[at], tallies[0].rate(),
              tallies[1].rate());
  }
  return absl::OkStatus();
}

absl::Status Run(const Options& options) {
  auto scratch = ScratchDirectory::Make(options.directory);
  if (!scratch.ok()) return scratch.status();
  auto echo =
      MeasuredServer::Start({options.echo, (*scratch)->path() + "/echoes"});
  if (!echo.ok()) return echo.status();
  auto restated = MeasuredServer::Start(
      {options.restated, "--listen", "127.0.0.1:0", "--http-listen", "off",
       "--data-dir", (*scratch)->path() + "/data", "--log-level", "warn"});
  if (!restated.ok()) return restated.status();
  const Channels echo_channels = Connect((*echo)->address(), options.channels);
  const Channels channels = Connect((*restated)->address(), options.channels);
  if (absl::Status filled = Fill(channels); !filled.ok()) return filled;

  const Load echo_load = {"echo", echo->get(), [&](const Round& round) {
                            return EchoLoad(echo_channels, round);
                          }};
  const Load durable_echo_load = {
      "durable echo", echo->get(),
      [&](const Round& round) { return DurableEchoLoad(echo_channels, round); }};
  const Load get_load = {"GetState", restated->get(), [&](const Round& round) {
                           return GetStateLoad(channels, round);
                         }};
  const Load set_load = {
      "SetState durable", restated->get(),
      [&](const Round& round) { return SetStateLoad(channels, round); }};
  PrintHeader();
  for (const size_t in_flight : options.in_flight) {
    absl::Status status =
        Compare({echo_load, durable_echo_load, get_load, set_load}, in_flight,
                options);
    if (!status.ok()) return status;
  }

  // Sets per second; the times are those of a whole commit.
  std::vector<Load> loads = {echo_load, durable_echo_load};
  for (const size_t batch : options.batches) {
    loads.push_back({absl::StrCat("Write, ", batch, " sets"), restated->get(),
                     [&, batch](const Round& round) {
                       Channels used = channels;
                       used.resize(std::min(used.size(), options.streams));
                       return WriteLoad(used, round, batch);
                     },
                     static_cast<double>(batch)});
  }
  return Compare(loads, options.commits_in_flight, options);
}

int Main(int argc, char** argv) {
  Options options;
  options.directory = DefaultScratchParent();

  CLI::App app("Measures restated beside an echo service.");
  app.option_defaults()->always_capture_default();
  app.add_option("--seconds", options.seconds, "Length of a round")
      ->check(CLI::PositiveNumber);
  app.add_option("--rounds", options.rounds, "Rounds of each load")
      ->check(CLI::PositiveNumber);
  app.add_option("--channels", options.channels, "Connections to each server")
      ->check(CLI::PositiveNumber);
  app.add_option("--in_flight", options.in_flight, "Calls in flight");
  app.add_option("--batches", options.batches, "Sets in a commit of Write");
  app.add_option("--commits_in_flight", options.commits_in_flight,
                 "Unanswered commits of all Write streams together")
      ->check(CLI::PositiveNumber);
  app.add_option("--streams", options.streams,
                 "Write streams, at most one for each connection")
      ->check(CLI::PositiveNumber);
  app.add_option("--directory", options.directory,
                 "Where the data directory is made, and removed afterwards");
  app.add_option("--echo", options.echo, "The echo server's binary");
  app.add_option("--restated", options.restated, "The restated binary");
  CLI11_PARSE(app, argc, argv);

  const absl::Status status = Run(options);
  if (!status.ok()) {
    std::cerr << "unary: " << status << "\n";
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace restate::benchmark

int main(int argc, char** argv) { return restate::benchmark::Main(argc, argv); }
