#ifndef RESTATE_ENGINE_MOUNT_FLUSH_SCHEDULE_H_
#define RESTATE_ENGINE_MOUNT_FLUSH_SCHEDULE_H_

#include <algorithm>

#include "absl/time/time.h"

namespace restate {

// When a cache writes to its store. The names and defaults are those of the
// library that restate grew from.
struct CachePolicy {
  // Between two flushes, at least; and at most from an operation that asks for
  // one until it comes.
  absl::Duration flush_interval = absl::Seconds(5);
  // Which operations ask for a flush.
  bool flush_on_read = false;
  bool flush_on_write = true;
  bool flush_on_delete = true;

  bool operator==(const CachePolicy&) const = default;
};

// When the next flush of a cache is due. An operation that asks for one gets it
// at once if the interval has passed since the last, else when it has. Time is
// the clock's monotonic one. Not thread-safe.
class FlushSchedule {
 public:
  enum class Operation { kRead, kWrite, kDelete };

  // Counts the interval from `now`.
  FlushSchedule(const CachePolicy& policy, absl::Duration now)
      : policy_(policy), last_(now) {}

  void Note(Operation operation, absl::Duration now) {
    if (!Asks(operation)) return;
    due_ = std::min(due_, std::max(now, last_ + policy_.flush_interval));
  }
  // A flush was asked for by other means.
  void Demand() { due_ = -absl::InfiniteDuration(); }
  bool IsDue(absl::Duration now) const { return due_ <= now; }
  void Flushed(absl::Duration now) {
    last_ = now;
    due_ = absl::InfiniteDuration();
  }

 private:
  bool Asks(Operation operation) const {
    switch (operation) {
      case Operation::kRead:
        return policy_.flush_on_read;
      case Operation::kWrite:
        return policy_.flush_on_write;
      case Operation::kDelete:
        return policy_.flush_on_delete;
    }
    return false;
  }

  const CachePolicy policy_;
  absl::Duration last_;
  absl::Duration due_ = absl::InfiniteDuration();
};

}  // namespace restate

#endif  // RESTATE_ENGINE_MOUNT_FLUSH_SCHEDULE_H_
