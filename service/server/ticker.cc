#include "service/server/ticker.h"

#include <utility>

#include "engine/clock/clock.h"

namespace restate {

Ticker::Ticker(absl::Duration interval, std::function<void()> tick)
    : interval_(interval),
      tick_(std::move(tick)),
      status_(thread_.Start("restate-ticker", [this] { Loop(); })) {}

Ticker::~Ticker() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
  }
  stop_.NotifyOne();
  thread_.Join();
}

void Ticker::Loop() {
  const SystemClock clock;
  while (true) {
    {
      const absl::Duration next = clock.Monotonic() + interval_;
      MutexLock lock(&mutex_);
      while (!stopping_) {
        const absl::Duration left = next - clock.Monotonic();
        if (left <= absl::ZeroDuration()) break;
        stop_.WaitFor(&mutex_, left);
      }
      if (stopping_) return;
    }
    tick_();
  }
}

}  // namespace restate
