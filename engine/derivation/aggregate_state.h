#ifndef RESTATE_ENGINE_DERIVATION_AGGREGATE_STATE_H_
#define RESTATE_ENGINE_DERIVATION_AGGREGATE_STATE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "engine/derivation/definition.h"
#include "engine/derivation/exact_sum.h"
#include "engine/derivation/ordered_values.h"
#include "engine/tree/tree.h"
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

// An aggregate, kept up child by child in place: a change of one child costs the
// same however many there are, but for MIN and MAX, which cost the logarithm of
// the number of values, and for the map that COLLECT or groups result in. The
// result depends on nothing but what the children add now, whatever came before
// and in whatever order.
//
// It can go back: what it was when it was kept under a version is found again
// until that is forgotten. So a commit that fails is undone by asking for the
// version from before it.
//
// Not thread-safe.
class AggregateState {
 public:
  AggregateState(Combine combine, bool grouped)
      : combine_(combine), grouped_(grouped) {}
  AggregateState(const AggregateState&) = delete;
  AggregateState& operator=(const AggregateState&) = delete;

  // What the child `name` adds from now on; nothing if it is left out or gone.
  void SetChild(const std::string& name,
                std::optional<Contribution> contribution);
  // The same for about `children` new ones, given in byte order of their names,
  // before anything else: faster. EndFilling comes after the last.
  void BeginFilling(size_t children);
  void EndFilling();

  // The number of children that are not left out.
  size_t size() const { return parts_.size(); }

  struct Result {
    // Nothing if the destination is absent.
    Tree value;
    // Not empty: why there is none.
    std::string error;
  };
  Result result();

  // Names what it is now. REQUIRES: greater than every version before.
  void KeepAs(uint64_t version);
  // Makes it what it was; false, and nothing is done, if that is not known.
  bool GoBackTo(uint64_t version);
  // Nobody asks for versions before the last any more.
  void ForgetOlder();

 private:
  // What the children of one group come to. Only what `combine_` needs is used.
  struct Group {
    // A segment; empty without groups.
    std::string name;
    int64_t count = 0;
    ExactSum sum;
    OrderedValues ordered;
    Value::Map collected;
    // While it is filled: what `collected` is going to be.
    std::unique_ptr<Value::Map::Builder> filling;
    // It is in changed_groups_.
    bool changed = false;
  };
  // What a child adds. What is in the group already is not kept twice.
  struct Part {
    // Set only for what has to be taken out of a sum or an order again.
    Value value;
    // Null if there is an error instead.
    Group* group = nullptr;
  };
  struct Undo {
    std::string name;
    std::optional<Contribution> before;
  };

  // Sets the error if the value cannot be combined.
  void Judge(Contribution* contribution) const;
  void AddTo(Group* group, const std::string& name, const Value& value) const;
  void TakeFrom(Group* group, const std::string& name,
                const Value& value) const;
  std::optional<Contribution> ContributionOf(const std::string& name) const;
  void Change(const std::string& name,
              std::optional<Contribution> contribution);
  // Ends what the child adds now, if anything.
  void TakeOut(const std::string& name, Part* part);
  // A new one if there is none.
  Group* GroupOf(const std::string& name);
  void NoteChanged(Group* group);
  Result ResultOf(const Group& group) const;
  // Brings results_ and group_errors_ up to date.
  void UpdateResults();

  const Combine combine_;
  const bool grouped_;
  absl::flat_hash_map<std::string, Part> parts_;
  // The errors among them, by child.
  absl::btree_map<std::string, std::string> child_errors_;
  // By name; those with a child, when results_ is up to date.
  absl::flat_hash_map<std::string, std::unique_ptr<Group>> groups_;

  // Groups that have changed since results_ was up to date.
  std::vector<Group*> changed_groups_;
  Value::Map results_;
  absl::btree_map<std::string, std::string> group_errors_;

  bool filling_ = false;
  // Kept versions, each with the number of changes that came before it, and what
  // undoes the changes. What came before the first is not known.
  std::vector<std::pair<uint64_t, size_t>> versions_;
  std::vector<Undo> undo_;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_DERIVATION_AGGREGATE_STATE_H_
