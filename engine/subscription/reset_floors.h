#ifndef RESTATE_ENGINE_SUBSCRIPTION_RESET_FLOORS_H_
#define RESTATE_ENGINE_SUBSCRIPTION_RESET_FLOORS_H_

#include <cstddef>
#include <vector>

#include "engine/backend/backend.h"
#include "engine/path/path.h"

namespace restate {

// Strictly below `path` a subscriber knows all as of `revision`, though elsewhere
// it may not have come as far.
struct ResetFloor {
  Path path;
  Revision revision = 0;

  friend bool operator==(const ResetFloor&, const ResetFloor&) = default;
};

// What the resets of a subscription have told ahead: events whose current path is
// strictly below the path of a floor, and whose revision is not above its own, are
// known there. Bounded. Not thread-safe.
class ResetFloors {
 public:
  static constexpr size_t kMaxFloors = 256;
  static constexpr size_t kMaxKeyBytes = size_t{16} << 10;

  // Whether one more is within the bounds.
  bool HasRoomFor(const Path& path) const;
  // Takes the place of those at or below `path`: what they told was told again.
  void Add(const Path& path, Revision revision);
  // Whether what happens at `current_path` in `revision` is known.
  bool Cover(const Path& current_path, Revision revision) const;
  // Whether more is known than a reset of `path` in `revision` would tell.
  bool CoverReset(const Path& path, Revision revision) const;
  // Everything up to `revision` was told everywhere.
  void ForgetThrough(Revision revision);
  void Clear() { floors_.clear(); }

  bool empty() const { return floors_.empty(); }
  const std::vector<ResetFloor>& all() const { return floors_; }

  friend bool operator==(const ResetFloors&, const ResetFloors&) = default;

 private:
  std::vector<ResetFloor> floors_;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_SUBSCRIPTION_RESET_FLOORS_H_
