#ifndef RESTATE_TESTS_LINEARIZABILITY_CHECKER_PROCESS_H_
#define RESTATE_TESTS_LINEARIZABILITY_CHECKER_PROCESS_H_

#include <string>
#include <vector>

#include "tests/linearizability/history.h"

namespace restate::test {

// What the checker found.
struct Verdict {
  enum Kind {
    kLinearizable = 0,
    kNotLinearizable = 1,
    kNotReadable = 2,
    kNotTold = 3,
    // It could not be run, or was killed.
    kNotRun = 4,
  };
  Kind kind = kNotRun;
  // In words.
  std::string report;
};

// Asks the checker (checker/main.go), a process of its own, about a history.
// A page that shows one which is refused goes to the test's outputs.
Verdict Check(const std::vector<Operation>& history);

}  // namespace restate::test

#endif  // RESTATE_TESTS_LINEARIZABILITY_CHECKER_PROCESS_H_
