#ifndef RESTATE_TESTS_SUPPORT_WALL_CLOCK_H_
#define RESTATE_TESTS_SUPPORT_WALL_CLOCK_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "tests/support/temp_dir.h"

namespace restate::test {

// The wall clock of processes that are started with its environment. The test's
// own, and every monotonic clock, are left alone. Thread-compatible.
class WallClock {
 public:
  // False where the sanitizer must be the first library of a process.
  static bool Works();

  WallClock();
  ~WallClock();
  WallClock(const WallClock&) = delete;
  WallClock& operator=(const WallClock&) = delete;

  // For ServerProcess::Options.
  std::vector<std::string> environment() const;
  // Sets it so far ahead of the test's; a negative time sets it back.
  void Set(absl::Duration ahead);

 private:
  TempDir directory_;
  std::string file_;
  volatile int64_t* shift_ = nullptr;
};

}  // namespace restate::test

#endif  // RESTATE_TESTS_SUPPORT_WALL_CLOCK_H_
