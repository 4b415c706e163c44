#ifndef RESTATE_TESTS_DERIVATION_ARRANGEMENT_H_
#define RESTATE_TESTS_DERIVATION_ARRANGEMENT_H_

#include <cstdint>
#include <memory>
#include <string>

#include "tests/support/server_process.h"
#include "tests/support/temp_dir.h"

namespace restate::test {

// A number from the environment, for replaying a run or making it longer.
int64_t FromEnvironment(const char* name, int64_t otherwise);

// A server whose state is in several places.
class Arrangement {
 public:
  enum class Kind {
    // All in memory.
    kMemory,
    // All in RocksDB.
    kRocksDb,
    // RocksDB, with memory at /s1 and files at /s2.
    kMixed,
  };
  explicit Arrangement(Kind kind);

  // Aborts the test binary if the server does not start.
  std::unique_ptr<ServerProcess> Start() const;

 private:
  const Kind kind_;
  TempDir data_;
  TempDir files_;
  TempDir config_;
};

}  // namespace restate::test

#endif  // RESTATE_TESTS_DERIVATION_ARRANGEMENT_H_
