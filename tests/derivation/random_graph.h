#ifndef RESTATE_TESTS_DERIVATION_RANDOM_GRAPH_H_
#define RESTATE_TESTS_DERIVATION_RANDOM_GRAPH_H_

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "engine/commit/commit_request.h"
#include "engine/path/path.h"
#include "tests/derivation/layered_state.h"
#include "tests/derivation/rule.h"

namespace restate::test {

// Where this test derives: side by side, among what clients write on each of the
// three mounts, and inside one another.
const std::vector<Path>& Destinations();

// Derivations and writes at random, few enough places that they meet. Not
// thread-safe.
class RandomGraph {
 public:
  struct Options {
    // Whether clients compute some.
    bool hosted = false;
    // Whether some keep their last value or refuse writes when they fail.
    bool failure_policies = false;
    // Whether some writes are not to be told of.
    bool skip_notify = false;
  };
  RandomGraph(uint64_t seed, Options options)
      : random_(seed), options_(options) {}

  uint64_t Below(uint64_t end) { return random_() % end; }
  bool Chance(uint64_t percent) { return Below(100) < percent; }

  Path RandomDestination();
  // A derivation of `dest`; sees others of `rules` often.
  Rule RandomRule(const Path& dest, const Rules& rules);
  // One to three operations.
  std::vector<Operation> RandomOperations();

 private:
  Path RandomClientPath();
  Path RandomSource(const Rules& rules);
  Value RandomLeaf();
  Value RandomValue(int depth);
  Operation RandomOperation();

  std::mt19937_64 random_;
  const Options options_;
  int names_ = 0;
};

}  // namespace restate::test

#endif  // RESTATE_TESTS_DERIVATION_RANDOM_GRAPH_H_
