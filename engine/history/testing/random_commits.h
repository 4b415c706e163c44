#ifndef RESTATE_ENGINE_HISTORY_TESTING_RANDOM_COMMITS_H_
#define RESTATE_ENGINE_HISTORY_TESTING_RANDOM_COMMITS_H_

#include <cstddef>
#include <random>

#include "engine/commit/effect.h"

namespace restate {

// Makes commits of every shape, with revisions that leave gaps and times that
// mostly go on. Prints its seed; RESTATE_SEED in the environment replays
// it.
class RandomCommits {
 public:
  RandomCommits();

  SequencedCommit Next();
  // From 0 to `bound` - 1.
  size_t Below(size_t bound) {
    return std::uniform_int_distribution<size_t>(0, bound - 1)(random_);
  }

 private:
  Value RandomValue(int depth);
  Tree RandomTree();
  Effect RandomEffect(int32_t index);

  std::mt19937_64 random_;
  Revision revision_ = 0;
  int64_t seconds_ = 1'700'000'000;
};

// GoogleTest failures for every difference, kinds and bits of values included.
void ExpectSameCommit(const SequencedCommit& a, const SequencedCommit& b);

}  // namespace restate

#endif  // RESTATE_ENGINE_HISTORY_TESTING_RANDOM_COMMITS_H_
