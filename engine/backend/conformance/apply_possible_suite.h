#ifndef RESTATE_ENGINE_BACKEND_CONFORMANCE_APPLY_POSSIBLE_SUITE_H_
#define RESTATE_ENGINE_BACKEND_CONFORMANCE_APPLY_POSSIBLE_SUITE_H_

#include <functional>
#include <memory>
#include <ostream>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "engine/backend/backend.h"
#include "engine/backend/faulty/fault_plan.h"
#include "engine/tree/tree.h"
#include "gtest/gtest.h"

namespace restate {

// A store, and what can get in its way: what a test of Backend::ApplyPossible
// brings along. Not thread-safe.
class ObstructibleStore {
 public:
  virtual ~ObstructibleStore() = default;
  virtual Backend& backend() = 0;
  // From now on /o, where nothing is, can hold nothing. False: the store takes
  // batches whole, and nothing can be in the way of one path.
  virtual bool Obstruct() { return false; }
  virtual void Clear() {}
  // Closes and opens it. False: it would be empty.
  virtual bool Reopen() { return false; }
  // The plan by which its calls fail, or null.
  virtual FaultPlan* plan() { return nullptr; }
};

// The parameter of the suite.
struct ObstructibleArrangement {
  std::string name;
  std::function<std::unique_ptr<ObstructibleStore>()> open;
};
// For GoogleTest.
inline void PrintTo(const ObstructibleArrangement& arrangement,
                    std::ostream* os) {
  *os << arrangement.name;
}
// Every one that needs no network.
std::vector<ObstructibleArrangement> LocalObstructibleArrangements();

// Every backend must apply the writes of a batch that it can hold, and name the
// others.
class ApplyPossibleTest
    : public testing::TestWithParam<ObstructibleArrangement> {
 protected:
  // Calls ApplyPossible, which has to succeed, and checks what all must: what is not
  // left reads as decided, what is left as before, and laid over it in its order
  // gives all that was decided.
  void Apply(const std::vector<Write>& writes, Revision revision);
  Tree Read();
  std::set<std::string> LeftPaths() const;
  // Of the last write that is left of `path` or above; 0 if none is.
  Revision LeftRevision(std::string_view path) const;

  std::unique_ptr<ObstructibleStore> store_ = GetParam().open();
  // Of the last call.
  std::vector<LeftWrite> left_;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_BACKEND_CONFORMANCE_APPLY_POSSIBLE_SUITE_H_
