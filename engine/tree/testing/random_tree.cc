#include "engine/tree/testing/random_tree.h"

#include <cmath>
#include <cstdlib>
#include <limits>
#include <utility>

namespace restate {

uint64_t TestSeed() {
  if (const char* given = std::getenv("RESTATE_SEED")) {
    return std::strtoull(given, nullptr, 10);
  }
  return std::random_device()();
}

std::vector<Value> LeavesOfAllKinds() {
  return {Value::Null(),
          Value::Bool(false),
          Value::Bool(true),
          Value::Int(std::numeric_limits<int64_t>::min()),
          Value::Double(-0.0),
          Value::Double(std::nan("")),
          Value::Bytes(std::string("\0\xff", 2)),
          Value::MakeList({Value::Int(1), Value::EmptyMap()}),
          Value::String("s")};
}

std::string RandomTree::Name() {
  const int all = static_cast<int>(shape_.names.size());
  return shape_.names[static_cast<size_t>(
      Below(OneIn(4) ? all : shape_.common))];
}

Path RandomTree::SomePath() {
  Path path;
  for (int depth = Below(shape_.depth + 1); depth > 0; --depth) {
    path = path.Child(Name());
  }
  return path;
}

Value RandomTree::Leaf() {
  if (OneIn(4)) return Value::Int(Below(3));
  return shape_.leaves[static_cast<size_t>(
      Below(static_cast<int>(shape_.leaves.size())))];
}

Value RandomTree::Subtree(int levels) {
  if (levels == 0 || OneIn(3)) return Leaf();
  Value::Map map;
  for (int i = Below(4); i > 0; --i) {
    map = map.Set(Name(), Subtree(levels - 1));
  }
  if (!map.empty() && OneIn(4)) map = map.Set("/", Leaf());
  return Value::MakeMap(std::move(map));
}

}  // namespace restate
