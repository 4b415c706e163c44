#ifndef RESTATE_ENGINE_BACKEND_CONFORMANCE_HAND_CLOCK_H_
#define RESTATE_ENGINE_BACKEND_CONFORMANCE_HAND_CLOCK_H_

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "engine/clock/clock.h"
#include "engine/sync/mutex.h"

namespace restate {

// Stands still until it is moved by hand. Thread-safe.
class HandClock final : public Clock {
 public:
  absl::Time Now() const override { return absl::UnixEpoch() + Monotonic(); }
  absl::Duration Monotonic() const override {
    MutexLock lock(&mutex_);
    return passed_;
  }
  void Advance(absl::Duration by) {
    MutexLock lock(&mutex_);
    passed_ += by;
  }

 private:
  mutable Mutex mutex_;
  absl::Duration passed_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace restate

#endif  // RESTATE_ENGINE_BACKEND_CONFORMANCE_HAND_CLOCK_H_
