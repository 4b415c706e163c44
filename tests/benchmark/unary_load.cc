// Closed-loop load of unary calls over gRPC's callback API.

#include "tests/benchmark/unary_load.h"

#include "tests/benchmark/unary_calls.h"

namespace restate::benchmark {

absl::StatusOr<Figures> EchoLoad(const Channels& channels, const Round& round) {
  return UnaryLoad<Echo>(channels, round).Run();
}

absl::StatusOr<Figures> DurableEchoLoad(const Channels& channels,
                                        const Round& round) {
  return UnaryLoad<DurableEcho>(channels, round).Run();
}

absl::StatusOr<Figures> GetStateLoad(const Channels& channels,
                                     const Round& round) {
  return UnaryLoad<GetState>(channels, round).Run();
}

absl::StatusOr<Figures> SetStateLoad(const Channels& channels,
                                     const Round& round) {
  return UnaryLoad<SetState>(channels, round).Run();
}

absl::StatusOr<Figures> EtcdPutLoad(const Channels& channels,
                                    const Round& round) {
  return UnaryLoad<EtcdPut>(channels, round).Run();
}

absl::StatusOr<Figures> CommitLoad(const Channels& channels,
                                   const Round& round, size_t operations) {
  return UnaryLoad<Commit>(channels, round, {operations}).Run();
}

absl::StatusOr<Figures> EtcdTxnLoad(const Channels& channels,
                                    const Round& round, size_t operations) {
  return UnaryLoad<EtcdTxn>(channels, round, {operations}).Run();
}

}  // namespace restate::benchmark
