#ifndef RESTATE_ENGINE_DERIVATION_DEFINER_ALLOWANCES_H_
#define RESTATE_ENGINE_DERIVATION_DEFINER_ALLOWANCES_H_

#include <cstddef>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"

namespace restate {

// For how long each definer's derivations may make commits of others wait: some
// time at once, which comes back slowly. Whoever has used it is in debt until it
// has begun to come back; how far one can get into debt is bounded, too, so that a
// computer which stood still does not put him there for hours.
//
// Times are of a monotonic clock. Only those are remembered who have less than all
// of it. Not thread-safe: the sequencer's own.
class DefinerAllowances {
 public:
  struct Bounds {
    // If infinite, nobody is ever in debt.
    absl::Duration at_once = absl::Milliseconds(200);
    // What comes back in a second.
    absl::Duration a_second = absl::Milliseconds(2);
    absl::Duration most_debt = absl::Milliseconds(200);
    // Beyond so many, who has the most left is forgotten.
    size_t most_definers = 10'000;
  };

  explicit DefinerAllowances(const Bounds& bounds) : bounds_(bounds) {}

  // What is left; less than nothing if he is in debt.
  absl::Duration Left(const std::string& definer, absl::Duration now) const;
  bool InDebt(const std::string& definer, absl::Duration now) const {
    return Left(definer, now) <= absl::ZeroDuration();
  }
  // What would be left if somebody's waiting since `since` were charged now. A
  // moment in which several commits wait for him counts once.
  absl::Duration LeftAfterWait(const std::string& definer, absl::Duration since,
                               absl::Duration now) const;

  // He has cost others so much.
  void Charge(const std::string& definer, absl::Duration cost,
              absl::Duration now);
  // Somebody has waited for him from `since` till now. Returns what was charged.
  absl::Duration ChargeWait(const std::string& definer, absl::Duration since,
                            absl::Duration now);

  // Of how many something is remembered.
  size_t size() const { return used_.size(); }

 private:
  struct Use {
    // When all of it is back.
    absl::Duration full_at;
    // Until when waiting for him is charged.
    absl::Duration charged_until = -absl::InfiniteDuration();
  };

  absl::Duration CostOf(const std::string& definer, absl::Duration since,
                        absl::Duration now) const;
  // Room for one more.
  void MakeRoom(absl::Duration now);

  const Bounds bounds_;
  absl::flat_hash_map<std::string, Use> used_;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_DERIVATION_DEFINER_ALLOWANCES_H_
