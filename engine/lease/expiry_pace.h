#ifndef RESTATE_ENGINE_LEASE_EXPIRY_PACE_H_
#define RESTATE_ENGINE_LEASE_EXPIRY_PACE_H_

#include <algorithm>
#include <cstddef>

#include "absl/time/time.h"

namespace restate {

// How many leases end in one commit. Writers wait for such a commit, so there are
// as many as take about kPortionTime on this machine, with what is below these
// paths, by what the last ones took. That is time of the processor: a disk that is
// slow, or a processor that others use too, makes each commit longer, and fewer
// leases in it would only make more commits.
//
// Not thread-safe: the sequencer's.
class ExpiryPace {
 public:
  static constexpr size_t kLeast = 32;
  static constexpr size_t kMost = 1'000;
  static constexpr absl::Duration kPortionTime = absl::Milliseconds(4);

  size_t next() const { return next_; }

  // `count` of them have taken `elapsed` of the processor.
  void Took(size_t count, absl::Duration elapsed) {
    if (count == 0) return;
    // A few may be quick by chance; and what was quick may have been in memory.
    const size_t most = count * 2 >= next_ ? next_ * 2 : next_;
    size_t fit = kMost;
    if (elapsed > absl::ZeroDuration()) {
      fit = static_cast<size_t>(std::min(static_cast<double>(kMost),
                                         static_cast<double>(count) *
                                             absl::FDivDuration(kPortionTime,
                                                                elapsed)));
    }
    next_ = std::clamp(std::min(fit, most), kLeast, kMost);
  }

 private:
  size_t next_ = 256;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_LEASE_EXPIRY_PACE_H_
