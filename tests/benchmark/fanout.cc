// How many events restated delivers to many subscribers of one prefix while it
// is written, and how soon a single one hears of a write; beside etcd, if it is
// installed, and an echo service, on the same machine in the same minute: only
// their ratios travel from one machine to another.
//
//   bazel run -c opt //tests/benchmark:fanout -- --help
//
// This process is the client of all; each server is a process of its own. The
// client receives events as bytes and counts them without looking inside, of
// both systems in the same way. Rounds alternate between the loads, and medians
// over the rounds are shown. README.md says what is compared.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/benchmark/etcd_server.h"
#include "tests/benchmark/event_subscriber.h"
#include "tests/benchmark/fanout_round.h"
#include "tests/benchmark/load.h"
#include "tests/benchmark/measured_server.h"
#include "tests/benchmark/median.h"
#include "tests/benchmark/notification_load.h"
#include "tests/benchmark/scratch_directory.h"
#include "tests/benchmark/subscription_requests.h"

namespace restate::benchmark {
namespace {

struct Options {
  double seconds = 3;
  int rounds = 3;
  size_t subscribers = 100;
  size_t writers = 64;
  size_t channels = 4;
  size_t writer_channels = 2;
  size_t write_streams = 0;
  size_t batch = 16;
  std::string pattern = "/benchmark";
  std::string values = "both";
  std::vector<std::string> parts = {"fanout", "batched", "latency"};
  std::string directory;
  std::string etcd = "etcd";
  // Relative to where `bazel run` starts this.
  std::string echo = "tests/benchmark/echo_server";
  std::string restated = "service/restated";
};

// A server with everything written once, and connections to it.
struct System {
  std::unique_ptr<MeasuredServer> server;
  Channels writers;
  Channels readers;
};

struct Systems {
  System restate;
  // Without a server if etcd is not installed.
  System etcd;
};

void ConnectTo(const Options& options, System* system) {
  system->writers = Connect(system->server->address(), options.writer_channels);
  system->readers = Connect(system->server->address(), options.channels);
}

absl::StatusOr<Systems> StartSystems(const Options& options,
                                     const std::string& directory) {
  Systems systems;
  auto restated = MeasuredServer::Start(
      {options.restated, "--listen", "127.0.0.1:0", "--http-listen", "off",
       "--data-dir", directory + "/restate", "--log-level", "warn"});
  if (!restated.ok()) return restated.status();
  systems.restate.server = *std::move(restated);
  ConnectTo(options, &systems.restate);
  absl::Status filled = Fill(systems.restate.writers);
  if (!filled.ok()) return filled;

  const std::string program = FindProgram(options.etcd);
  if (program.empty()) {
    std::cout << "note: etcd is not installed; restate is measured alone\n";
    return systems;
  }
  auto etcd = StartEtcd(program, directory + "/etcd");
  if (!etcd.ok()) return etcd.status();
  systems.etcd.server = *std::move(etcd);
  ConnectTo(options, &systems.etcd);
  filled = FillEtcd(systems.etcd.writers);
  if (!filled.ok()) return filled;
  return systems;
}

v1::EventValues Values(const Options& options) {
  if (options.values == "none") return v1::EVENT_VALUES_NONE;
  if (options.values == "new") return v1::EVENT_VALUES_NEW;
  return v1::EVENT_VALUES_BOTH;
}

// Adds the load with and without subscribers.
void AddCases(FanoutCase fanout, const std::vector<Subscription>& with,
              const std::vector<std::string>& names, size_t subscribers,
              std::vector<FanoutCase>* cases) {
  const std::string system = fanout.name;
  fanout.name = system + ", writers alone";
  cases->push_back(fanout);
  fanout.subscribers = subscribers;
  for (size_t i = 0; i < with.size(); ++i) {
    fanout.name = absl::StrCat(system, ", ", names[i]);
    fanout.subscription = with[i];
    cases->push_back(fanout);
  }
}

// Writers whose calls have `operations` writes each.
FanoutCase RestateCase(const Options& options, size_t operations,
                       const System& restate) {
  FanoutCase fanout;
  fanout.name = "restate";
  fanout.server = restate.server.get();
  fanout.subscriber_channels = restate.readers;
  fanout.writes_per_call = operations;
  const Channels channels = restate.writers;
  if (options.write_streams == 0) {
    fanout.write = [channels, operations](const Round& round) {
      return operations == 1 ? SetStateLoad(channels, round)
                             : CommitLoad(channels, round, operations);
    };
    return fanout;
  }
  Channels streams(options.write_streams);
  for (size_t i = 0; i < streams.size(); ++i) {
    streams[i] = channels[i % channels.size()];
  }
  fanout.write = [streams, operations](const Round& round) {
    return WriteLoad(streams, round, operations);
  };
  return fanout;
}

FanoutCase EtcdCase(size_t operations, const System& etcd) {
  FanoutCase fanout;
  fanout.name = "etcd";
  fanout.server = etcd.server.get();
  fanout.subscriber_channels = etcd.readers;
  fanout.writes_per_call = operations;
  fanout.write = [channels = etcd.writers, operations](const Round& round) {
    return operations == 1 ? EtcdPutLoad(channels, round)
                           : EtcdTxnLoad(channels, round, operations);
  };
  return fanout;
}

using Rounds = std::vector<FanoutFigures>;

void PrintCase(const FanoutCase& fanout, const Rounds& rounds, double alone) {
  const double writes = MedianOf(rounds, &FanoutFigures::writes_per_second);
  std::printf("%-28s %11.0f %10.0f %9.2f %9.3f %9.3f %7.2f %7.2f %10.0f\n",
              fanout.name.c_str(),
              MedianOf(rounds, &FanoutFigures::events_per_second), writes,
              writes / alone, MedianOf(rounds, &FanoutFigures::p50_ms),
              MedianOf(rounds, &FanoutFigures::p99_ms),
              MedianOf(rounds, &FanoutFigures::server_cores),
              MedianOf(rounds, &FanoutFigures::client_cores),
              MedianOf(rounds, &FanoutFigures::behind_ms));
}

// Tells where subscribers did not get exactly what was written.
void PrintComplaints(const FanoutCase& fanout, const Rounds& rounds) {
  for (size_t i = 0; i < rounds.size(); ++i) {
    if (rounds[i].complaint.empty()) continue;
    std::printf("INCOMPLETE: %s, round %zu: %s\n", fanout.name.c_str(), i + 1,
                rounds[i].complaint.c_str());
  }
}

// Of writers whose calls have `operations` writes each.
absl::Status CompareFanout(const Options& options, size_t operations,
                           const Systems& systems) {
  std::vector<FanoutCase> cases;
  const std::string count = absl::StrCat(options.subscribers);
  AddCases(RestateCase(options, operations, systems.restate),
           {RestateSubscription({options.pattern}, Values(options))},
           {count + " subscribers"}, options.subscribers, &cases);
  if (systems.etcd.server != nullptr) {
    std::vector<Subscription> watches = {EtcdSubscription(false)};
    std::vector<std::string> names = {count + " watches"};
    if (operations == 1) {
      watches.push_back(EtcdSubscription(true));
      names.push_back(count + " with prev_kv");
    }
    AddCases(EtcdCase(operations, systems.etcd), watches, names,
             options.subscribers, &cases);
  }

  Round round;
  round.in_flight = options.writers;
  round.warm_up = std::chrono::duration<double>(0.5);
  round.duration = std::chrono::duration<double>(options.seconds);
  std::vector<Rounds> figures(cases.size());
  for (int i = 0; i < options.rounds; ++i) {
    for (size_t at = 0; at < cases.size(); ++at) {
      const auto one = RunFanout(cases[at], round);
      if (!one.ok()) {
        return absl::Status(one.status().code(),
                            absl::StrCat(cases[at].name, ": ",
                                         one.status().message()));
      }
      figures[at].push_back(*one);
    }
  }

  const std::string each =
      operations == 1 ? "single writes" : absl::StrCat(operations, " in a call");
  std::printf("\n%-28s %11s %10s %9s %9s %9s %15s %10s\n", each.c_str(),
              "events/s", "writes/s", "of alone", "p50 ms", "p99 ms",
              "server  client", "behind ms");
  std::printf("%-28s %11s %10s %9s %9s %9s %15s\n", "", "", "", "", "", "",
              "cores   cores");
  double alone = 0;
  for (size_t at = 0; at < cases.size(); ++at) {
    if (cases[at].subscribers == 0) {
      alone = MedianOf(figures[at], &FanoutFigures::writes_per_second);
    }
    PrintCase(cases[at], figures[at], alone);
  }
  for (size_t at = 0; at < cases.size(); ++at) {
    PrintComplaints(cases[at], figures[at]);
  }
  // Of restate, the second case has the subscribers.
  const double events =
      MedianOf(figures[1], &FanoutFigures::events_per_second);
  for (size_t at = 2; at < cases.size(); ++at) {
    if (cases[at].subscribers == 0) continue;
    std::printf(
        "events/s of restate / %s: %.1f\n", cases[at].name.c_str(),
        events / MedianOf(figures[at], &FanoutFigures::events_per_second));
  }
  return absl::OkStatus();
}

// The latencies of one kind of wait, a figure a round.
struct Waits {
  std::vector<double> p50s, p99s;
  void Add(const Figures& figures) {
    p50s.push_back(figures.p50_ms);
    p99s.push_back(figures.p99_ms);
  }
};

absl::Status CompareLatency(const Options& options, const Systems& systems) {
  auto echo = MeasuredServer::Start({options.echo});
  if (!echo.ok()) return echo.status();
  const Channels echo_channels = Connect((*echo)->address(), 1);
  const Subscription restate_events =
      RestateSubscription({options.pattern}, Values(options));
  const Subscription etcd_events = EtcdSubscription(false);

  Round round;
  round.duration = std::chrono::duration<double>(options.seconds);
  // In the order in which they are shown.
  const std::vector<std::string> names = {
      "echo, round trip",    "restate, write answered", "restate, event there",
      "etcd, write answered", "etcd, event there"};
  std::map<std::string, Waits> waits;
  for (int i = 0; i < options.rounds; ++i) {
    const auto echoed = EchoLoad(echo_channels, round);
    if (!echoed.ok()) return echoed.status();
    waits[names[0]].Add(*echoed);
    const auto restate = RestateNotificationLoad(
        systems.restate.writers[0], systems.restate.readers[0], restate_events,
        round);
    if (!restate.ok()) return restate.status();
    waits[names[1]].Add(restate->answered);
    waits[names[2]].Add(restate->notified);
    if (systems.etcd.server == nullptr) continue;
    const auto etcd =
        EtcdNotificationLoad(systems.etcd.writers[0], systems.etcd.readers[0],
                             etcd_events, round);
    if (!etcd.ok()) return etcd.status();
    waits[names[3]].Add(etcd->answered);
    waits[names[4]].Add(etcd->notified);
  }

  const double echo_p50 = Median(waits[names[0]].p50s);
  const double echo_p99 = Median(waits[names[0]].p99s);
  std::printf("\n%-28s %9s %9s %12s %12s\n", "1 writer, 1 subscriber",
              "p50 ms", "p99 ms", "p50 of echo", "p99 of echo");
  for (const std::string& name : names) {
    const auto found = waits.find(name);
    if (found == waits.end()) continue;
    const double p50 = Median(found->second.p50s);
    const double p99 = Median(found->second.p99s);
    std::printf("%-28s %9.3f %9.3f %12.2f %12.2f\n", name.c_str(), p50, p99,
                p50 / echo_p50, p99 / echo_p99);
  }
  return absl::OkStatus();
}

absl::Status Run(const Options& options) {
  auto scratch = ScratchDirectory::Make(options.directory);
  if (!scratch.ok()) return scratch.status();
  const auto systems = StartSystems(options, (*scratch)->path());
  if (!systems.ok()) return systems.status();
  for (const std::string& part : options.parts) {
    absl::Status status =
        part == "latency"
            ? CompareLatency(options, *systems)
            : CompareFanout(options, part == "batched" ? options.batch : 1,
                            *systems);
    if (!status.ok()) return status;
    std::fflush(stdout);
  }
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  Options options;
  options.directory = DefaultScratchParent();

  CLI::App app("Measures restated's events beside etcd and an echo service.");
  app.option_defaults()->always_capture_default();
  app.add_option("--seconds", options.seconds, "Length of a round")
      ->check(CLI::PositiveNumber);
  app.add_option("--rounds", options.rounds, "Rounds of each load")
      ->check(CLI::PositiveNumber);
  app.add_option("--subscribers", options.subscribers,
                 "Streams that are told of every write")
      ->check(CLI::PositiveNumber);
  app.add_option("--writers", options.writers,
                 "Calls in flight; with --write_streams, commits")
      ->check(CLI::PositiveNumber);
  app.add_option("--channels", options.channels,
                 "Connections that the subscribers share")
      ->check(CLI::PositiveNumber);
  app.add_option("--writer_channels", options.writer_channels,
                 "Connections that the writers share")
      ->check(CLI::PositiveNumber);
  app.add_option("--write_streams", options.write_streams,
                 "Write to restate over so many Write streams; 0: by SetState "
                 "and Commit");
  app.add_option("--batch", options.batch,
                 "Writes in each call of the part `batched`")
      ->check(CLI::Range(2, 128));
  app.add_option("--pattern", options.pattern, "What restate's subscribe to")
      ->check(CLI::IsMember({"/benchmark", "/benchmark/*"}));
  app.add_option("--values", options.values,
                 "Which values restate's events carry")
      ->check(CLI::IsMember({"both", "new", "none"}));
  app.add_option("--parts", options.parts, "What to measure")
      ->check(CLI::IsMember({"fanout", "batched", "latency"}));
  app.add_option("--directory", options.directory,
                 "Where the data directories are made, and removed afterwards");
  app.add_option("--etcd", options.etcd,
                 "The etcd binary, looked for in PATH; '' for none");
  app.add_option("--echo", options.echo, "The echo server's binary");
  app.add_option("--restated", options.restated, "The restated binary");
  CLI11_PARSE(app, argc, argv);

  const absl::Status status = Run(options);
  if (!status.ok()) {
    std::cerr << "fanout: " << status << "\n";
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace restate::benchmark

int main(int argc, char** argv) { return restate::benchmark::Main(argc, argv); }
