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

namespace restate {

// The last event of a revision that was told: which operation, where, and to
// which pattern. Within a revision events are told by index, then the deepest
// place first, then in byte order of places, then of patterns; so a point says
// what comes after it whatever anybody subscribes to.
struct EventPoint {
  int32_t index = 0;
  Path current_path;
  PathPattern pattern;

  friend bool operator==(const EventPoint&, const EventPoint&) = default;
};

// How far a subscription has come.
struct ResumePosition {
  // Everything of earlier revisions was told.
  Revision revision = 0;
  // Nothing: everything of `revision` was told too. Else the last event of it
  // that was.
  std::optional<EventPoint> point;

  // Whether an event of the past was told already.
  bool Covers(const Event& event) const;

  friend bool operator==(const ResumePosition&,
                         const ResumePosition&) = default;
};

// The position behind an event, inside its revision.
ResumePosition PositionAfter(const Event& event);

// A position as text for a client to keep, with the epoch it belongs to. Opaque
// to clients: URL-safe base64 of a versioned record.
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
