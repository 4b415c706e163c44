#ifndef RESTATE_TESTS_BENCHMARK_LOAD_H_
#define RESTATE_TESTS_BENCHMARK_LOAD_H_

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "restate/v1/path.pb.h"
#include "restate/v1/value.pb.h"

namespace restate::benchmark {

// How many paths the load is spread over: /benchmark/0 and on.
inline constexpr uint32_t kPaths = 10'000;
// Bytes of each value.
inline constexpr size_t kValueBytes = 64;

// How one round runs: so many calls in flight, one started as soon as one is
// answered; counted over `duration`, after `warm_up`.
struct Round {
  size_t in_flight = 1;
  std::chrono::duration<double> warm_up{0.25};
  std::chrono::duration<double> duration{2};
};

// What one round came to.
struct Figures {
  // All calls that were answered, warm-up and the last ones in flight included.
  uint64_t answered = 0;
  // Calls answered; for Write, commits.
  double calls_per_second = 0;
  double p50_ms = 0;
  double p99_ms = 0;
};

// Connections to one server. Calls are spread over them in turn.
using Channels = std::vector<std::shared_ptr<grpc::Channel>>;
// Every channel this ever returns has a connection of its own.
Channels Connect(const std::string& address, size_t count);

// Each of these runs one round; an error is that of the first failed call.
absl::StatusOr<Figures> EchoLoad(const Channels& channels, const Round& round);
// Each answered behind an fsync that is shared.
absl::StatusOr<Figures> DurableEchoLoad(const Channels& channels,
                                        const Round& round);
absl::StatusOr<Figures> GetStateLoad(const Channels& channels,
                                     const Round& round);
// Durable, and each write changes something.
absl::StatusOr<Figures> SetStateLoad(const Channels& channels,
                                     const Round& round);
// Durable puts, to etcd.
absl::StatusOr<Figures> EtcdPutLoad(const Channels& channels,
                                    const Round& round);
// Durable transactions of `operations` writes each, at most kPaths, of different
// paths.
absl::StatusOr<Figures> CommitLoad(const Channels& channels,
                                   const Round& round, size_t operations);
absl::StatusOr<Figures> EtcdTxnLoad(const Channels& channels,
                                    const Round& round, size_t operations);
// One Write stream for each channel, which share the commits in flight; each
// commit has `operations` sets.
absl::StatusOr<Figures> WriteLoad(const Channels& channels, const Round& round,
                                  size_t operations);

// Writes every path once, so that reads find something.
absl::Status Fill(const Channels& channels);

// The path with a number below kPaths.
std::string PathText(uint32_t number);

// Paths in no order that a cache could foresee, and values that this process
// has not given before, so that each write changes something. One thread at a
// time.
class RequestSource {
 public:
  explicit RequestSource(uint32_t seed) : state_(seed * 2654435761u + 1) {}

  std::string NextPath();
  // Different ones, at most kPaths.
  std::vector<std::string> NextPaths(size_t count);
  // kValueBytes long.
  std::string NextValue();
  void FillPath(v1::Path* path) { path->set_text(NextPath()); }
  void FillValue(v1::Value* value) { value->set_string_value(NextValue()); }

 private:
  uint32_t Next();

  uint32_t state_;
};

// Answer times of one round. Thread-safe for different slots.
class Latencies {
 public:
  using Clock = std::chrono::steady_clock;

  Latencies(const Round& round, size_t slots);

  // Whether the round is over.
  bool Over(Clock::time_point now) const { return now >= end_; }
  // Notes a call; one answered outside the counted time only in `answered`.
  void Add(size_t slot, Clock::time_point started, Clock::time_point answered);
  Figures Summarize() const;

 private:
  const Clock::time_point begin_;
  const Clock::time_point end_;
  struct Slot {
    uint64_t answered = 0;
    std::vector<float> microseconds;
  };
  std::vector<Slot> slots_;
};

}  // namespace restate::benchmark

#endif  // RESTATE_TESTS_BENCHMARK_LOAD_H_
