#ifndef RESTATE_SERVICE_TESTING_FAKE_CLOCK_H_
#define RESTATE_SERVICE_TESTING_FAKE_CLOCK_H_

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "engine/clock/clock.h"
#include "engine/sync/mutex.h"

namespace restate {

// A clock that a test moves by hand. Thread-safe.
class FakeClock final : public Clock {
 public:
  absl::Time Now() const override {
    MutexLock lock(&mutex_);
    return now_;
  }
  absl::Duration Monotonic() const override {
    return Now() - absl::UnixEpoch();
  }
  void Advance(absl::Duration by) {
    MutexLock lock(&mutex_);
    now_ += by;
  }

 private:
  mutable Mutex mutex_;
  absl::Time now_ ABSL_GUARDED_BY(mutex_) = absl::UnixEpoch();
};

}  // namespace restate

#endif  // RESTATE_SERVICE_TESTING_FAKE_CLOCK_H_
