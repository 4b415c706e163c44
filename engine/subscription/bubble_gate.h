#ifndef RESTATE_ENGINE_SUBSCRIPTION_BUBBLE_GATE_H_
#define RESTATE_ENGINE_SUBSCRIPTION_BUBBLE_GATE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "engine/backend/backend.h"
#include "engine/path/path.h"

namespace restate {

// Who waits for a gate to open.
class GateWaiter {
 public:
  virtual ~GateWaiter() = default;
  // Something it waits for may have changed. Holding no lock; must not block.
  virtual void Poke() = 0;
};

// One operation's way up past those who intercept it. Each place with
// interceptors is a level, the deepest first; what is told above n levels waits
// until those n have let the operation pass, and is dropped if one of them has
// stopped it.
//
// Verdict and LevelsBelow are thread-safe; everything else is the business of
// Interceptions, which guards it by its mutex.
class BubbleGate {
 public:
  enum class Verdict { kPass, kWait, kStopped };

  BubbleGate(Revision revision, int32_t index)
      : revision_(revision), index_(index) {}

  Revision revision() const { return revision_; }
  int32_t index() const { return index_; }

  // For what is told above the first `level` levels.
  Verdict VerdictAt(size_t level) const {
    if (stopped_.load(std::memory_order_acquire) < level) {
      return Verdict::kStopped;
    }
    return passed_.load(std::memory_order_acquire) >= level ? Verdict::kPass
                                                            : Verdict::kWait;
  }

 private:
  friend class Interceptions;

  struct Level {
    Path place;
    // Ack ids that are not answered.
    std::vector<uint64_t> open;
    // The stop is on its way into the history.
    bool stopping = false;
  };

  const Revision revision_;
  const int32_t index_;
  // How many levels have let it pass.
  std::atomic<size_t> passed_ = 0;
  // The level that stopped it.
  std::atomic<size_t> stopped_ = SIZE_MAX;
  std::vector<Level> levels_;
  std::vector<std::weak_ptr<GateWaiter>> waiters_;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_SUBSCRIPTION_BUBBLE_GATE_H_
