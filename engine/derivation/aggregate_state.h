#ifndef RESTATE_ENGINE_DERIVATION_AGGREGATE_STATE_H_
#define RESTATE_ENGINE_DERIVATION_AGGREGATE_STATE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "engine/derivation/definition.h"
#include "engine/derivation/exact_sum.h"
#include "engine/derivation/ordered_values.h"
#include "engine/tree/tree.h"
#include "engine/value/persistent_map.h"
#include "engine/value/value.h"

namespace restate {

// What one child adds to an aggregate.
struct Contribution {
  // A valid segment; empty without groups.
  std::string group;
  Value value;
  // Not empty: why it could not be found out. The rest means nothing then.
  std::string error;
};

// An aggregate, kept up child by child: a change of one child costs the
// logarithm of their number, and the result depends on nothing but what the
// children add now, whatever came before and in whatever order.
//
// A value type with structural sharing: a copy costs a few reference counts,
// and is how a commit that fails is undone.
class AggregateState {
 public:
  AggregateState(Combine combine, bool grouped)
      : combine_(combine), grouped_(grouped) {}

  // What the child `name` adds from now on; nothing if it is left out or gone.
  void SetChild(const std::string& name,
                std::optional<Contribution> contribution);

  // The number of children that are not left out.
  size_t size() const { return children_.size(); }

  struct Result {
    // Nothing if the destination is absent.
    Tree value;
    // Not empty: why there is none.
    std::string error;
  };
  Result result() const;

 private:
  // What the children of one group come to. Immutable.
  struct Group {
    int64_t count = 0;
    ExactSum sum;
    OrderedValues ordered;
    Value::Map collected;
  };

  // Sets the error if the value cannot be combined.
  void Judge(Contribution* contribution) const;
  void AddTo(Group* group, const std::string& name, const Value& value) const;
  void TakeFrom(Group* group, const std::string& name,
                const Value& value) const;
  Result ResultOf(const Group& group) const;
  // Puts back a group that has changed.
  void Keep(const std::string& key, Group group);

  Combine combine_;
  bool grouped_;
  PersistentMap<Contribution> children_;
  // The errors among them, by child.
  PersistentMap<std::string> child_errors_;
  // By group; those with a child.
  PersistentMap<std::shared_ptr<const Group>> groups_;
  Value::Map results_;
  PersistentMap<std::string> group_errors_;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_DERIVATION_AGGREGATE_STATE_H_
