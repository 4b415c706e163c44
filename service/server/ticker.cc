#include "service/server/ticker.h"

#include <pthread.h>

#include <utility>

#include "absl/time/clock.h"

namespace restate {

Ticker::Ticker(absl::Duration interval, std::function<void()> tick)
    : interval_(interval), tick_(std::move(tick)), thread_([this] { Loop(); }) {}

Ticker::~Ticker() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
  }
  stop_.NotifyOne();
  thread_.join();
}

void Ticker::Loop() {
  pthread_setname_np(pthread_self(), "restate-ticker");
  while (true) {
    {
      const absl::Time next = absl::Now() + interval_;
      MutexLock lock(&mutex_);
      while (!stopping_) {
        const absl::Duration left = next - absl::Now();
        if (left <= absl::ZeroDuration()) break;
        stop_.WaitFor(&mutex_, left);
      }
      if (stopping_) return;
    }
    tick_();
  }
}

}  // namespace restate
