#ifndef RESTATE_TESTS_BENCHMARK_ETCD_SERVER_H_
#define RESTATE_TESTS_BENCHMARK_ETCD_SERVER_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tests/benchmark/load.h"
#include "tests/benchmark/measured_server.h"

namespace restate::benchmark {

// Where the program is: `name` itself if it has a slash in it, else from PATH.
// Empty if there is no such program.
std::string FindProgram(const std::string& name);

// Starts the etcd at `program`, of one member, on free ports of the loopback
// interface, with its data in `directory`, which it makes. Its settings are
// etcd's own but for the log, of which only errors are shown.
absl::StatusOr<std::unique_ptr<MeasuredServer>> StartEtcd(
    const std::string& program, const std::string& directory);

// Waits until etcd takes writes, and writes every path once.
absl::Status FillEtcd(const Channels& channels);

}  // namespace restate::benchmark

#endif  // RESTATE_TESTS_BENCHMARK_ETCD_SERVER_H_
