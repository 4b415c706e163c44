#include "engine/history/age_clock.h"

#include <algorithm>

namespace restate {

AgeClock::AgeClock(const Clock* clock, absl::Duration set_ahead,
                   absl::Time newest)
    : clock_(clock),
      set_ahead_(set_ahead),
      began_(clock->Monotonic()),
      begin_(std::max(clock->Now() - set_ahead, newest)) {}

bool AgeClock::NoticeStep() {
  const absl::Duration ahead = clock_->Now() - Now();
  if (absl::AbsDuration(ahead - set_ahead_) < kLeastStep) return false;
  set_ahead_ = ahead;
  return true;
}

}  // namespace restate
