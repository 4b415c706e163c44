#ifndef RESTATE_ENGINE_COMMIT_EFFECT_LIMITER_H_
#define RESTATE_ENGINE_COMMIT_EFFECT_LIMITER_H_

#include <cstddef>

#include "engine/commit/effect.h"

namespace restate {

// Changed leaves of one effect that are known one by one, and of one commit
// that are remembered one by one.
inline constexpr size_t kMaxChangedLeaves = 10'000;
// What a path read as before, and as after: more is not kept.
inline constexpr size_t kMaxSideBytes = size_t{16} << 20;
// Values of one commit: more is not kept.
inline constexpr size_t kMaxCommitValueBytes = size_t{64} << 20;
// No event carries a larger value.
inline constexpr size_t kMaxCarriedBytes = size_t{1} << 20;

// Whether something strictly below the path of a write may have changed:
// kSubtree writes replace it, kOwnValue writes and pings leave it.
enum class Reach { kSubtree, kOwnValue };

// Decides what the effects of one commit keep, so that listeners, the history
// and the memory of last changes all go by the same. An effect keeps
//   - both values whole, if it changed at most 10,000 leaves, neither value is
//     over 16 MiB and the commit's values so far are not over 64 MiB;
//   - else, of an operation with Reach::kSubtree, a mark (below_unknown), and
//     of its values what an event at the path would carry.
// A mount operation keeps what its place reads as after it, as an operation would
// (10,000 leaves, 16 MiB) or an event carries (1 MiB), and is a mark all the same:
// what was there before is not known.
// For all this the state before and the operations count, and not who listens:
// a commit has the same effects whenever it is looked at.
class EffectLimiter {
 public:
  // Takes out of `effect` what is not kept. `before` and `after` of an effect
  // that is not complete (or after_incomplete) may hold anything.
  void Limit(Reach reach, Effect* effect);
  // The same for the operation of a mount, whose `before` is not kept.
  void LimitMount(Effect* effect);

  // Bytes of the values that are kept so far.
  size_t kept_bytes() const { return kept_bytes_; }

 private:
  // Values kept of the commit so far.
  size_t kept_bytes_ = 0;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_COMMIT_EFFECT_LIMITER_H_
