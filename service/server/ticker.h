#ifndef RESTATE_SERVICE_SERVER_TICKER_H_
#define RESTATE_SERVICE_SERVER_TICKER_H_

#include <functional>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "engine/sync/mutex.h"
#include "engine/threads/thread.h"

namespace restate {

// Calls a function again and again on a thread of its own, until destroyed, by
// the monotonic clock.
class Ticker {
 public:
  // `interval` lies between the end of one call and the start of the next.
  Ticker(absl::Duration interval, std::function<void()> tick);
  // Waits for a call that is under way.
  ~Ticker();
  Ticker(const Ticker&) = delete;
  Ticker& operator=(const Ticker&) = delete;

  // OK, or RESOURCE_EXHAUSTED / TOO_MANY_THREADS: then nothing is called.
  const absl::Status& status() const { return status_; }

 private:
  void Loop();

  const absl::Duration interval_;
  const std::function<void()> tick_;
  Mutex mutex_;
  CondVar stop_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  // Last, so that it starts when the rest is there.
  Thread thread_;
  const absl::Status status_;
};

}  // namespace restate

#endif  // RESTATE_SERVICE_SERVER_TICKER_H_
