#ifndef RESTATE_ENGINE_DERIVATION_COMMIT_BUDGET_H_
#define RESTATE_ENGINE_DERIVATION_COMMIT_BUDGET_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"

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
// Not thread-safe: the sequencer's own.
class CommitBudget {
 public:
  // Before the first call: how many definers share `instructions`.
  void Share(int64_t instructions, size_t definers) {
    share_ = instructions /
             static_cast<int64_t>(std::max<size_t>(definers, 1));
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
    spent_[definer] += instructions;
    spent_by_all_ += instructions;
  }
  // The rest of the definer's derivations are put off.
  void Exhaust(const std::string& definer) {
    int64_t& spent = spent_[definer];
    spent = std::max({spent, share_, slice_});
  }

  // By all together.
  int64_t spent() const { return spent_by_all_; }

 private:
  int64_t Spent(const std::string& definer) const {
    const auto found = spent_.find(definer);
    return found == spent_.end() ? 0 : found->second;
  }
  int64_t Left(const std::string& definer) const {
    return share_ - Spent(definer);
  }

  int64_t share_ = 0;
  std::optional<std::string> slice_of_;
  int64_t slice_ = 0;
  bool begun_ = false;
  absl::flat_hash_map<std::string, int64_t> spent_;
  int64_t spent_by_all_ = 0;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_DERIVATION_COMMIT_BUDGET_H_
