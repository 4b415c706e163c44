#ifndef RESTATE_ENGINE_CLOCK_CLOCK_H_
#define RESTATE_ENGINE_CLOCK_CLOCK_H_

#include <chrono>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace restate {

// Where time comes from. Passed in, so that tests move it by hand.
// Implementations are thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  // The wall clock, for people: commit times.
  virtual absl::Time Now() const = 0;
  // How long it has been since some moment before the start: never goes back,
  // and does not jump when somebody sets the wall clock. For what must last a
  // certain time.
  virtual absl::Duration Monotonic() const = 0;
};

// The machine's clock.
class SystemClock final : public Clock {
 public:
  absl::Time Now() const override { return absl::Now(); }
  absl::Duration Monotonic() const override {
    return absl::FromChrono(
        std::chrono::steady_clock::now().time_since_epoch());
  }
};

}  // namespace restate

#endif  // RESTATE_ENGINE_CLOCK_CLOCK_H_
