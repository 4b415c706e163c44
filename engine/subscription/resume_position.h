#ifndef RESTATE_ENGINE_SUBSCRIPTION_RESUME_POSITION_H_
#define RESTATE_ENGINE_SUBSCRIPTION_RESUME_POSITION_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "engine/backend/backend.h"
#include "engine/path/path.h"
#include "engine/path/pattern.h"
#include "engine/subscription/event.h"
#include "engine/subscription/reset_floors.h"

namespace restate {

// The last that was told of a revision: an event, by its operation, place and
// pattern, or the reset that an operation began with. Within a revision operations
// are told in order; of one its reset first, if it is one that has to be, then the
// deepest place, then in byte order of places, then of patterns; so a point says
// what comes after it whatever anybody subscribes to.
struct EventPoint {
  int32_t index = 0;
  // Both the root's if it is a reset.
  Path current_path;
  PathPattern pattern;
  bool is_reset = false;

  friend bool operator==(const EventPoint&, const EventPoint&) = default;
};

// How far a subscription has come.
struct ResumePosition {
  // Everything of earlier revisions was told.
  Revision revision = 0;
  // Nothing: everything of `revision` was told too. Else the last of it that was.
  std::optional<EventPoint> point;
  // What resets have told of later revisions.
  ResetFloors floors;
  // If not 0, what was told has left out events that later ones, up to this
  // revision, stand for: until then no revision is known whole.
  Revision coalesced_through = 0;

  // Whether an event of the past was told already.
  bool Covers(const Event& event) const;
  // The same for the reset that an operation begins with.
  bool CoversReset(Revision of, int32_t index) const;
  // The last revision that was told whole.
  Revision whole() const {
    return point.has_value() ? revision - 1 : revision;
  }

  friend bool operator==(const ResumePosition&,
                         const ResumePosition&) = default;
};

// The position behind everything of a revision.
inline ResumePosition AfterAllOf(Revision revision) {
  ResumePosition position;
  position.revision = revision;
  return position;
}
// The position behind an event, inside its revision.
ResumePosition PositionAfter(const Event& event);
// The position behind the reset of an operation.
ResumePosition PositionAfterReset(Revision revision, int32_t index);

// A position as text for a client to keep, with the epoch it belongs to. Opaque
// to clients: URL-safe base64 of a versioned record. Those of servers from before
// there were resets of subtrees are read, and made where nothing else is needed.
std::string EncodeResumeToken(std::string_view epoch,
                              const ResumePosition& position);
struct ResumeToken {
  std::string epoch;
  ResumePosition position;
};
// INVALID_ARGUMENT / INVALID_REQUEST if it is no token.
absl::StatusOr<ResumeToken> DecodeResumeToken(std::string_view token);

}  // namespace restate

#endif  // RESTATE_ENGINE_SUBSCRIPTION_RESUME_POSITION_H_
