#ifndef RESTATE_ENGINE_HISTORY_AGE_CLOCK_H_
#define RESTATE_ENGINE_HISTORY_AGE_CLOCK_H_

#include "absl/time/time.h"
#include "engine/clock/clock.h"

namespace restate {

// The time by which the past grows old: the wall clock as it would be if nobody
// had set it. It goes on over restarts, the time between two of them included,
// and nothing that is done to the wall clock while the server runs makes a
// commit older or younger.
//
// It is the wall clock less `set_ahead`, all that the wall clock was set ahead
// of it so far, which the store keeps. Within a run it goes by the monotonic
// clock. A wall clock that was set while no server ran cannot be told from a
// time in which none ran, except when it was set back.
//
// Not thread-safe.
class AgeClock {
 public:
  // `set_ahead` as the store has it. `newest`, on this clock, is a moment that
  // has certainly been: the clock does not begin before it.
  AgeClock(const Clock* clock, absl::Duration set_ahead, absl::Time newest);

  absl::Time Now() const { return begin_ + (clock_->Monotonic() - began_); }

  // Looks at the wall clock. Whether it was set, which changes set_ahead():
  // that is for the store.
  bool NoticeStep();
  absl::Duration set_ahead() const { return set_ahead_; }

  // What the wall clock, as it is now, would have shown at `time`.
  absl::Time OnWall(absl::Time time) const { return time + set_ahead_; }

 private:
  // What is less than this is no step: two clocks are not read at once.
  static constexpr absl::Duration kLeastStep = absl::Seconds(2);

  const Clock* clock_;
  absl::Duration set_ahead_;
  absl::Duration began_;
  absl::Time begin_;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_HISTORY_AGE_CLOCK_H_
