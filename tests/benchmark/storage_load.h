#ifndef RESTATE_TESTS_BENCHMARK_STORAGE_LOAD_H_
#define RESTATE_TESTS_BENCHMARK_STORAGE_LOAD_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tests/benchmark/call_times.h"

namespace restate::benchmark {

// Bytes of the value of each leaf.
inline constexpr size_t kLeafValueBytes = 64;

// The path of leaf `number` of a tree at `root`, a thousand to a parent and fifty
// parents to one above: "/tree/1/12/345".
std::string LeafPath(const std::string& root, uint64_t number);

// Writes so many leaves below `root` over one Write stream, in commits as large
// as they may be.
//
// In maps of 50,000 leaves, which is quickest, or each leaf by an operation of its
// own, 10,000 to a commit: then the server remembers them one by one.
enum class WrittenBy { kMaps, kLeaves };
absl::Status WriteTree(const std::string& address, const std::string& root,
                       uint64_t leaves, WrittenBy by);

// Calls for one path at a time each, from so many threads, leaves of the tree
// at random, until the time is over.
struct CallLoad {
  std::string address;
  std::string root = "/tree";
  uint64_t leaves = 0;
  int threads = 1;
  std::chrono::duration<double> duration{2};
};
absl::StatusOr<CallTimes> GetLeaves(const CallLoad& load);
// Durable, and each changes its leaf.
absl::StatusOr<CallTimes> SetLeaves(const CallLoad& load);

// Deletes what is at `root` and below. Gives how long it took, in seconds.
absl::StatusOr<double> DeleteTree(const std::string& address,
                                  const std::string& root);

}  // namespace restate::benchmark

#endif  // RESTATE_TESTS_BENCHMARK_STORAGE_LOAD_H_
