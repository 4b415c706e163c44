#ifndef RESTATE_ENGINE_CLOCK_TESTING_TWO_CLOCKS_H_
#define RESTATE_ENGINE_CLOCK_TESTING_TWO_CLOCKS_H_

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "engine/clock/clock.h"
#include "engine/sync/mutex.h"

namespace restate {

// A wall clock and a monotonic one that a test moves by hand, together or, as
// somebody who sets the wall clock does, one alone. Thread-safe.
class TwoClocks final : public Clock {
 public:
  absl::Time Now() const override {
    MutexLock lock(&mutex_);
    return wall_;
  }
  absl::Duration Monotonic() const override {
    MutexLock lock(&mutex_);
    return monotonic_;
  }

  // Time passes.
  void Advance(absl::Duration by) {
    MutexLock lock(&mutex_);
    wall_ += by;
    monotonic_ += by;
  }
  // Somebody sets the wall clock.
  void SetWall(absl::Time to) {
    MutexLock lock(&mutex_);
    wall_ = to;
  }
  // Time passes until the wall clock shows `time`.
  void AdvanceTo(absl::Time time) { Advance(time - Now()); }

 private:
  mutable Mutex mutex_;
  absl::Time wall_ ABSL_GUARDED_BY(mutex_) =
      absl::FromUnixSeconds(1'700'000'000);
  absl::Duration monotonic_ ABSL_GUARDED_BY(mutex_) = absl::Seconds(1'000);
};

}  // namespace restate

#endif  // RESTATE_ENGINE_CLOCK_TESTING_TWO_CLOCKS_H_
