#ifndef RESTATE_ENGINE_TREE_TESTING_RANDOM_TREE_H_
#define RESTATE_ENGINE_TREE_TESTING_RANDOM_TREE_H_

#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "engine/path/path.h"
#include "engine/value/value.h"

namespace restate {

// The seed of a random test: what RESTATE_SEED says, to run a failure again, or
// another each time. The test shows it when it fails.
uint64_t TestSeed();

// Leaves of every kind, with the values that are most easily mistaken.
std::vector<Value> LeavesOfAllKinds();

// Names, paths and values at random, the same for the same seed.
class RandomTree {
 public:
  struct Shape {
    // Few, so that paths meet; the first `common` come three times of four.
    std::vector<std::string> names = {"a", "b", "c", "a\x01",    "a/b",
                                      "~", " ", "!", "\xc3\xa9", "0"};
    int common = 3;
    // Of paths: how many segments they have at most.
    int depth = 4;
    // Beside small integers.
    std::vector<Value> leaves = LeavesOfAllKinds();
  };

  explicit RandomTree(uint64_t seed) : RandomTree(seed, Shape()) {}
  RandomTree(uint64_t seed, Shape shape)
      : engine_(seed), shape_(std::move(shape)) {}

  // From 0 up to, and without, `end`.
  int Below(int end) {
    return static_cast<int>(engine_() % static_cast<uint64_t>(end));
  }
  bool OneIn(int n) { return Below(n) == 0; }

  std::string Name();
  Path SomePath();
  Value Leaf();
  // A leaf or a map of so many levels at most, in canonical form.
  Value Subtree(int levels);

 private:
  std::mt19937_64 engine_;
  const Shape shape_;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_TREE_TESTING_RANDOM_TREE_H_
