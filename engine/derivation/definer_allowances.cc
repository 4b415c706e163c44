#include "engine/derivation/definer_allowances.h"

#include <algorithm>

namespace restate {

absl::Duration DefinerAllowances::Left(const std::string& definer,
                                       absl::Duration now) const {
  const auto found = used_.find(definer);
  if (found == used_.end() || found->second.full_at <= now) {
    return bounds_.at_once;
  }
  return bounds_.at_once - (found->second.full_at - now) *
                               absl::ToDoubleSeconds(bounds_.a_second);
}

absl::Duration DefinerAllowances::CostOf(const std::string& definer,
                                         absl::Duration since,
                                         absl::Duration now) const {
  const auto found = used_.find(definer);
  if (found != used_.end()) {
    since = std::max(since, found->second.charged_until);
  }
  return std::max(now - since, absl::ZeroDuration());
}

absl::Duration DefinerAllowances::LeftAfterWait(const std::string& definer,
                                                absl::Duration since,
                                                absl::Duration now) const {
  return Left(definer, now) - CostOf(definer, since, now);
}

void DefinerAllowances::Charge(const std::string& definer, absl::Duration cost,
                               absl::Duration now) {
  if (cost <= absl::ZeroDuration() ||
      bounds_.at_once == absl::InfiniteDuration()) {
    return;
  }
  if (used_.size() >= bounds_.most_definers && !used_.contains(definer)) {
    MakeRoom(now);
  }
  const double a_second = absl::ToDoubleSeconds(bounds_.a_second);
  const absl::Duration latest =
      now + (bounds_.at_once + bounds_.most_debt) / a_second;
  Use& use = used_[definer];
  use.full_at = std::min(std::max(use.full_at, now) + cost / a_second, latest);
}

absl::Duration DefinerAllowances::ChargeWait(const std::string& definer,
                                             absl::Duration since,
                                             absl::Duration now) {
  const absl::Duration cost = CostOf(definer, since, now);
  Charge(definer, cost, now);
  if (const auto found = used_.find(definer); found != used_.end()) {
    found->second.charged_until = now;
  }
  return cost;
}

void DefinerAllowances::MakeRoom(absl::Duration now) {
  absl::erase_if(used_,
                 [now](const auto& one) { return one.second.full_at <= now; });
  if (used_.size() < bounds_.most_definers) return;
  used_.erase(std::min_element(used_.begin(), used_.end(),
                               [](const auto& a, const auto& b) {
                                 return a.second.full_at < b.second.full_at;
                               }));
}

}  // namespace restate
