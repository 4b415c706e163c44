#ifndef RESTATE_ENGINE_HISTORY_HISTORY_H_
#define RESTATE_ENGINE_HISTORY_HISTORY_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "engine/backend/backend.h"
#include "engine/commit/effect.h"
#include "engine/path/path.h"

namespace restate {

// An interceptor at `place` stopped operation `index` from bubbling further up.
struct Stop {
  int32_t index = 0;
  Path place;

  friend bool operator==(const Stop&, const Stop&) = default;
};

// A commit of the past, and the stops that were known when it was read.
struct PastCommit {
  SequencedCommit commit;
  std::vector<Stop> stops;
};

// The commits of the past with what each changed, oldest forgotten first: what
// an interrupted stream of events is taken up from.
//
// Thread-safe, except that functions said to be the sequencer's are called by
// its thread alone.
class History {
 public:
  virtual ~History() = default;

  struct Page {
    // In order, without gaps between `after` and `through`.
    std::vector<std::shared_ptr<const PastCommit>> commits;
    // How far was looked.
    Revision through = 0;
  };

  // The commits after `after` up to `through`, in order: about `max_bytes` of
  // them, and at least one if there is any. The page's `through` is the last of
  // them if there may be more, else the argument; what is not published yet is
  // never looked at, so no further than that.
  //   OUT_OF_RANGE / HISTORY_COMPACTED: commits after `after` are forgotten.
  //     The metadata "oldest_revision" is oldest().
  //   UNAVAILABLE / MOUNT_UNAVAILABLE: the store is being opened again.
  //   DATA_LOSS / CORRUPT: a stored record is damaged.
  virtual absl::StatusOr<Page> Read(Revision after, Revision through,
                                    size_t max_bytes) const = 0;

  // Resuming after this revision or a later one works: all commits after it are
  // kept.
  virtual Revision oldest() const = 0;
  // When the oldest commit kept was made, as the wall clock, as it is now, would
  // have shown it; the infinite future if there is none.
  virtual absl::Time oldest_time() const = 0;
  // What the commits kept take, about.
  virtual size_t bytes() const = 0;

  // The stops recorded for a commit.
  virtual std::vector<Stop> StopsOf(Revision revision) const = 0;

  // The sequencer's: remembers that an interceptor stopped the bubbling of an
  // operation, and writes it to the store without waiting for the disk. Once it
  // returns, whatever it returns, StopsOf and Read show it. A commit that is
  // forgotten has no stops.
  virtual absl::Status RecordStop(Revision revision, const Stop& stop) = 0;

  // The sequencer's: forgets the commits up to and including `through`, of
  // those that are published.
  virtual absl::Status Compact(Revision through) = 0;

  // The sequencer's: forgets what is beyond the bounds on bytes and age. To be
  // called now and then: it also notices that the wall clock was set.
  virtual absl::Status EnforceBounds() = 0;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_HISTORY_HISTORY_H_
