#ifndef RESTATE_TESTS_BENCHMARK_FANOUT_ROUND_H_
#define RESTATE_TESTS_BENCHMARK_FANOUT_ROUND_H_

#include <cstddef>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "tests/benchmark/event_subscriber.h"
#include "tests/benchmark/load.h"
#include "tests/benchmark/measured_server.h"

namespace restate::benchmark {

// Writers of one system and those who listen to them.
struct FanoutCase {
  std::string name;
  const MeasuredServer* server;
  // Runs the writers for one round.
  std::function<absl::StatusOr<Figures>(const Round&)> write;
  // How many writes, and so events for each subscriber, a call counts for.
  size_t writes_per_call = 1;
  // None: the writers are alone.
  size_t subscribers = 0;
  // What they subscribe to, which is told of each write once; and how.
  Subscription subscription;
  Channels subscriber_channels;
};

// What one round came to.
struct FanoutFigures {
  // Received while the writers ran, by all subscribers together; at most what
  // was written in that time, so that what was waiting when it began does not
  // count.
  double events_per_second = 0;
  double writes_per_second = 0;
  // Of the writers' calls.
  double p50_ms = 0;
  double p99_ms = 0;
  // Processors that the server, and this process as the client of all, kept
  // busy while the writers ran.
  double server_cores = 0;
  double client_cores = 0;
  // From the last answer to a writer until every subscriber had everything.
  double behind_ms = 0;
  // Empty if every subscriber got exactly one event for each write; else what
  // was wrong.
  std::string complaint;
};

// Runs one round. An error if a write fails or nobody can subscribe; events
// that do not come are told in the figures.
absl::StatusOr<FanoutFigures> RunFanout(const FanoutCase& fanout,
                                        const Round& round);

}  // namespace restate::benchmark

#endif  // RESTATE_TESTS_BENCHMARK_FANOUT_ROUND_H_
