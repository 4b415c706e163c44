#ifndef RESTATE_ENGINE_DERIVATION_ORDERED_VALUES_H_
#define RESTATE_ENGINE_DERIVATION_ORDERED_VALUES_H_

#include <cstdint>
#include <string>

#include "absl/container/btree_map.h"
#include "engine/tree/tree.h"
#include "engine/value/value.h"

namespace restate {

// A multiset of numbers and strings in order, from which anything can be taken
// out again. Numbers compare exactly, also integers beyond 2^53 with doubles,
// and come before strings, which compare by bytes.
class OrderedValues {
 public:
  // Whether it is of a kind that has an order here.
  static bool CanHold(const Value& value);

  // REQUIRES: CanHold.
  void Add(const Value& value);
  // REQUIRES: it was added before.
  void Remove(const Value& value);

  bool empty() const { return counts_.empty(); }
  // Whether both numbers and strings are in it: then it has no extremes.
  bool mixed() const;
  // The least and the greatest, nothing of nothing. NaN if one is in it. Of an
  // integer and an equal double, the least is the integer.
  Tree Least() const;
  Tree Greatest() const;

 private:
  struct Count {
    Value value;
    int64_t count = 0;
  };
  // By a key that sorts as the values do.
  absl::btree_map<std::string, Count> counts_;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_DERIVATION_ORDERED_VALUES_H_
