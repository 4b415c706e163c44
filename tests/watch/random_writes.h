#ifndef RESTATE_TESTS_WATCH_RANDOM_WRITES_H_
#define RESTATE_TESTS_WATCH_RANDOM_WRITES_H_

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "engine/commit/commit_request.h"
#include "restate/v1/state_service.pb.h"

namespace restate::test {

// Commits at random: few paths below /s, of all depths up to 4, so that writers
// meet. Not thread-safe.
class RandomWrites {
 public:
  RandomWrites(uint64_t seed, int writer) : random_(seed), writer_(writer) {}

  // One operation, or several. Several, and one that nobody is told of, end with
  // a ping at /log/<writer>, so that it shows that they were committed.
  std::vector<Operation> Next();

 private:
  uint64_t Roll(uint64_t sides) { return random_() % sides; }
  Path RandomPath();
  Value RandomLeaf();
  Value RandomValue(int depth);
  Operation RandomOperation();
  SetOperation RandomSet();

  std::mt19937_64 random_;
  const int writer_;
};

// The same as a message; every operation carries `payload`.
v1::CommitRequest ToMessage(const std::vector<Operation>& operations,
                            const std::string& payload);

}  // namespace restate::test

#endif  // RESTATE_TESTS_WATCH_RANDOM_WRITES_H_
