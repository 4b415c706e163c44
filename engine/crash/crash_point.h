#ifndef RESTATE_ENGINE_CRASH_CRASH_POINT_H_
#define RESTATE_ENGINE_CRASH_CRASH_POINT_H_

#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace restate {

// A place between two steps of a write, at which a crash leaves something that
// chance would seldom meet.
enum class CrashPoint {
  // "decided": the deciding batch is on the disk, with something for a store
  // elsewhere, and no such store has heard of it.
  kDecided,
  // "applying": a store has a part of what is being applied: one file of
  // several, one call of several.
  kApplying,
  // "applied": a store has all of it, and nobody has noted that.
  kApplied,
};

// Ends the process with SIGKILL if its environment names this place:
// RESTATE_CRASH_AT=decided, or decided:3 for the third time that it is reached.
// Only for tests of what a crash leaves; without the variable it does nothing.
// Thread-safe.
void ReachCrashPoint(CrashPoint point);

// What the variable says.
struct CrashRequest {
  CrashPoint point = CrashPoint::kDecided;
  // 1 is the first time.
  uint64_t time = 1;
};
// Nothing if `text` is empty; INVALID_ARGUMENT if it names no place.
absl::StatusOr<std::optional<CrashRequest>> ParseCrashRequest(
    std::string_view text);
// What the process was asked for. INVALID_ARGUMENT as above: then no place
// ends it.
absl::StatusOr<std::optional<CrashRequest>> RequestedCrash();

}  // namespace restate

#endif  // RESTATE_ENGINE_CRASH_CRASH_POINT_H_
