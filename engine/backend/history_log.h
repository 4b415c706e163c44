#ifndef RESTATE_ENGINE_BACKEND_HISTORY_LOG_H_
#define RESTATE_ENGINE_BACKEND_HISTORY_LOG_H_

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "engine/backend/backend.h"

namespace restate {

// A commit of the history as a store keeps it: bytes that only engine/history
// understands.
struct HistoryCommit {
  Revision revision = 0;
  std::string_view bytes;
};

// That the bubbling of an operation was stopped at a place.
struct HistoryStop {
  Revision revision = 0;
  int32_t index = 0;
  // The key of the place's path.
  std::string_view place;
};

// What is known of a run of consecutive commits without reading them.
struct HistorySegment {
  // The first and the last commit.
  Revision first = 0;
  Revision last = 0;
  // When the first and the last got into the history, by its AgeClock.
  absl::Time first_time = absl::InfiniteFuture();
  absl::Time last_time = absl::InfinitePast();
  // What the records take.
  uint64_t bytes = 0;

  friend bool operator==(const HistorySegment&,
                         const HistorySegment&) = default;
};

// What one batch does to the history. Views are valid while it is written.
struct HistoryChanges {
  // Forgets every commit up to and including this one, their stops and the
  // segments that end there or before.
  std::optional<Revision> forget_through;
  // In order, after all that are there.
  std::vector<HistoryCommit> commits;
  std::vector<HistoryStop> stops;
  // A segment that is finished; takes the place of one with the same `last`.
  std::optional<HistorySegment> segment;
  // AgeClock::set_ahead, if it has changed.
  std::optional<absl::Duration> clock_set_ahead;
};

// The history that a commit store keeps, for reading. Thread-safe; may be used
// as long as it is held, also when the store is gone.
class HistoryLog {
 public:
  virtual ~HistoryLog() = default;

  struct Outline {
    // The last commit forgotten; none if the store never kept a history.
    std::optional<Revision> forgotten_through;
    // In order.
    std::vector<HistorySegment> segments;
    absl::Duration clock_set_ahead;
  };
  // DATA_LOSS / CORRUPT if it is unreadable.
  virtual absl::StatusOr<Outline> ReadOutline() const = 0;

  // Either a commit or a stop.
  struct Record {
    Revision revision = 0;
    // What it takes in the store.
    size_t stored_bytes = 0;
    // Of a commit.
    std::string_view bytes;
    // Of a commit that was read before.
    std::optional<HistoryStop> stop;
  };
  // Calls `visit` with the commits in (after, through] in order, each followed
  // by its stops by index and place, until it returns false. DATA_LOSS /
  // CORRUPT for damage; UNAVAILABLE / MOUNT_UNAVAILABLE while the store is not
  // open.
  virtual absl::Status Read(
      Revision after, Revision through,
      absl::FunctionRef<bool(const Record& record)> visit) const = 0;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_BACKEND_HISTORY_LOG_H_
