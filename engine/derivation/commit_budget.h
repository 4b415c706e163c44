#ifndef RESTATE_ENGINE_DERIVATION_COMMIT_BUDGET_H_
#define RESTATE_ENGINE_DERIVATION_COMMIT_BUDGET_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/types/span.h"

namespace restate {

// What the derivations of one commit may spend, in instructions of Lua. It is
// shared equally among those who defined them, so that nobody's derivations can
// use up what another's need: whoever has used his share has the rest of his put
// off.
//
// A commit that computes again what was put off is for one definer. His are begun
// until he has used a slice, and each call may use all that a call may: else one
// that needs more than the slice would never be made.
//
// Who has made others wait for too long (DefinerAllowances) is restricted to a
// share of little.
//
// Not thread-safe: the sequencer's own.
class CommitBudget {
 public:
  // Before the first call: how many definers share `instructions`.
  void Share(int64_t instructions, size_t definers) {
    Share(&share_, instructions, definers);
  }
  // Of the definers, these share `instructions` instead.
  void Restrict(absl::Span<const std::string> definers, int64_t instructions) {
    restricted_.insert(definers.begin(), definers.end());
    Share(&restricted_share_, instructions, definers.size());
  }
  bool IsRestricted(const std::string& definer) const {
    return restricted_.contains(definer);
  }
  // The commit computes again what was put off, of this definer.
  void GiveSlice(std::string definer, int64_t instructions) {
    slice_of_ = std::move(definer);
    slice_ = instructions;
  }

  // Whether the next of the definer's may be begun: a derivation, or a child of
  // an aggregate. Else it is put off.
  bool Begin(const std::string& definer) {
    if (slice_of_ != definer) return Left(definer) > 0;
    // One is always begun, so that there is an end.
    return !std::exchange(begun_, true) || Spent(definer) < slice_;
  }
  // How many instructions the next call of one of the definer's functions may
  // use, of the `call` that any may; 0: none.
  int64_t Allowed(const std::string& definer, int64_t call) const {
    if (slice_of_ == definer) return call;
    return std::clamp<int64_t>(Left(definer), 0, call);
  }
  // Whether one that has been begun may read more. In a slice it may use a share.
  bool MayRead(const std::string& definer) const { return Left(definer) > 0; }
  bool HasSlice(const std::string& definer) const {
    return slice_of_ == definer;
  }
  // So much was used.
  void Charge(const std::string& definer, int64_t instructions) {
    spent_[definer].all += instructions;
    spent_by_all_ += instructions;
  }
  // So much was used, also in vain, by whoever computes the commit: what others
  // wait for.
  void CountHere(const std::string& definer, int64_t instructions) {
    spent_[definer].here += instructions;
  }
  // The rest of the definer's derivations are put off.
  void Exhaust(const std::string& definer) {
    int64_t& spent = spent_[definer].all;
    spent = std::max({spent, share_, slice_});
  }

  // Calls `visit` with each definer, and what was counted here.
  template <typename Visit>
  void ForEachHere(Visit visit) const {
    for (const auto& [definer, spent] : spent_) visit(definer, spent.here);
  }

  // By all together.
  int64_t spent() const { return spent_by_all_; }

 private:
  struct Spending {
    int64_t all = 0;
    int64_t here = 0;
  };

  static void Share(int64_t* share, int64_t instructions, size_t definers) {
    *share = instructions / static_cast<int64_t>(std::max<size_t>(definers, 1));
  }
  int64_t Spent(const std::string& definer) const {
    const auto found = spent_.find(definer);
    return found == spent_.end() ? 0 : found->second.all;
  }
  int64_t Left(const std::string& definer) const {
    return (IsRestricted(definer) ? restricted_share_ : share_) -
           Spent(definer);
  }

  int64_t share_ = 0;
  absl::flat_hash_set<std::string> restricted_;
  int64_t restricted_share_ = 0;
  std::optional<std::string> slice_of_;
  int64_t slice_ = 0;
  bool begun_ = false;
  absl::flat_hash_map<std::string, Spending> spent_;
  int64_t spent_by_all_ = 0;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_DERIVATION_COMMIT_BUDGET_H_
