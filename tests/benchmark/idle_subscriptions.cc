// What subscriptions that hear nothing cost restated in memory.
//
//   bazel run -c opt //tests/benchmark:idle_subscriptions -- --help
//
// Each line is a server of its own, in memory, whose resident memory is read
// before the first connection and when every subscription is live.

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "tests/benchmark/event_subscriber.h"
#include "tests/benchmark/load.h"
#include "tests/benchmark/measured_server.h"
#include "tests/benchmark/subscription_requests.h"

namespace restate::benchmark {
namespace {

struct Options {
  size_t connections = 100;
  size_t subscriptions = 10'000;
  // Relative to where `bazel run` starts this.
  std::string restated = "service/restated";
};

// How subscriptions are spread.
struct Shape {
  std::string name;
  size_t connections;
  // On each connection.
  size_t streams;
  // On each stream.
  size_t patterns;
};

struct Memory {
  int64_t before = 0;
  int64_t after = 0;
};

// Opens the connections and streams and waits until all are live.
absl::Status Open(const Channels& channels, const Shape& shape,
                  std::vector<std::unique_ptr<EventSubscriber>>* subscribers) {
  const auto deadline =
      std::chrono::system_clock::now() + std::chrono::seconds(30);
  for (const std::shared_ptr<grpc::Channel>& channel : channels) {
    if (!channel->WaitForConnected(deadline)) {
      return absl::UnavailableError("a connection does not come up");
    }
  }
  size_t number = 0;
  for (const std::shared_ptr<grpc::Channel>& channel : channels) {
    for (size_t i = 0; i < shape.streams; ++i) {
      std::vector<std::string> patterns;
      while (patterns.size() < shape.patterns) {
        patterns.push_back(absl::StrCat("/idle/", number++, "/name"));
      }
      subscribers->push_back(std::make_unique<EventSubscriber>(
          channel, RestateSubscription(patterns, v1::EVENT_VALUES_BOTH),
          nullptr));
      subscribers->back()->Start();
    }
  }
  for (const std::unique_ptr<EventSubscriber>& one : *subscribers) {
    absl::Status live = one->WaitUntilLive();
    if (!live.ok()) return live;
  }
  return absl::OkStatus();
}

absl::StatusOr<Memory> Measure(const Options& options, const Shape& shape) {
  auto server =
      MeasuredServer::Start({options.restated, "--listen", "127.0.0.1:0",
                             "--http-listen", "off", "--log-level", "warn"});
  if (!server.ok()) return server.status();
  Memory memory;
  memory.before = (*server)->ResidentBytes();
  const Channels channels = Connect((*server)->address(), shape.connections);
  std::vector<std::unique_ptr<EventSubscriber>> subscribers;
  absl::Status opened = Open(channels, shape, &subscribers);
  if (!opened.ok()) return opened;
  memory.after = (*server)->ResidentBytes();
  return memory;
}

double Mebibytes(int64_t bytes) {
  return static_cast<double>(bytes) / (1 << 20);
}

absl::Status Run(const Options& options) {
  const size_t connections = options.connections;
  const size_t each = options.subscriptions / connections;
  const std::vector<Shape> shapes = {
      {"connections", connections, 0, 0},
      {"1 stream of 1 pattern each", connections, 1, 1},
      {absl::StrCat(each, " streams of 1 pattern each"), connections, each, 1},
      {absl::StrCat("1 stream of ", each, " patterns each"), connections, 1,
       each},
  };
  std::printf("%zu connections\n%-30s %13s %11s %11s %13s %16s\n", connections,
              "", "subscriptions", "before MiB", "after MiB", "B/connection",
              "B/subscription");
  // What the connections alone, and with a stream each, take.
  int64_t plain = 0, streams = 0;
  for (size_t at = 0; at < shapes.size(); ++at) {
    const Shape& shape = shapes[at];
    const auto memory = Measure(options, shape);
    if (!memory.ok()) return memory.status();
    const int64_t grown = memory->after - memory->before;
    if (at == 0) plain = grown;
    if (at == 1) streams = grown;
    const size_t subscriptions =
        connections * shape.streams * shape.patterns;
    std::printf("%-30s %13zu %11.1f %11.1f %13.0f", shape.name.c_str(),
                subscriptions, Mebibytes(memory->before),
                Mebibytes(memory->after),
                static_cast<double>(grown) / static_cast<double>(connections));
    if (subscriptions > 0) {
      // Without what is there anyway: the connections, and if the patterns
      // share streams, the streams.
      const int64_t base = shape.patterns > 1 ? streams : plain;
      std::printf(" %16.0f", static_cast<double>(grown - base) /
                                 static_cast<double>(subscriptions));
    }
    std::printf("\n");
    std::fflush(stdout);
  }
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  Options options;
  CLI::App app("Measures the memory that idle subscriptions take in restated.");
  app.option_defaults()->always_capture_default();
  app.add_option("--connections", options.connections, "Connections")
      ->check(CLI::PositiveNumber);
  app.add_option("--subscriptions", options.subscriptions,
                 "Subscriptions, at least as many as connections")
      ->check(CLI::PositiveNumber);
  app.add_option("--restated", options.restated, "The restated binary");
  CLI11_PARSE(app, argc, argv);

  const absl::Status status =
      options.subscriptions < options.connections
          ? absl::InvalidArgumentError("more connections than subscriptions")
          : Run(options);
  if (!status.ok()) {
    std::cerr << "idle_subscriptions: " << status << "\n";
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace restate::benchmark

int main(int argc, char** argv) { return restate::benchmark::Main(argc, argv); }
