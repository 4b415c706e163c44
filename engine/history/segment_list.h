#ifndef RESTATE_ENGINE_HISTORY_SEGMENT_LIST_H_
#define RESTATE_ENGINE_HISTORY_SEGMENT_LIST_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

#include "absl/time/time.h"
#include "engine/backend/backend.h"
#include "engine/backend/history_log.h"

namespace restate {

// The history of a store in runs of commits, with the size and age of each: so
// that bounds are kept without reading commits, and a start reads only those
// after the last finished run.
//
// Not thread-safe: the history's lock guards it.
class SegmentList {
 public:
  // A segment is finished when it has this many bytes or spans this much time.
  struct Limits {
    uint64_t bytes = 0;
    absl::Duration span = absl::InfiniteDuration();
  };
  explicit SegmentList(Limits limits) : limits_(limits) {}

  // What is found at the start, in order.
  void AddFinished(const HistorySegment& segment);

  // The unfinished segment as it will be with one commit more.
  static void Extend(Revision revision, absl::Time time, uint64_t bytes,
                     HistorySegment* segment);
  const HistorySegment& open() const { return open_; }
  bool IsFull(const HistorySegment& segment) const;
  // The unfinished segment is `segment` now, and is finished if it is full.
  void SetOpen(const HistorySegment& segment);
  // The unfinished segment, which is not empty, is finished as it is.
  void FinishOpen();

  uint64_t bytes() const { return finished_bytes_ + open_.bytes; }
  absl::Time oldest_time() const {
    return finished_.empty() ? open_.first_time : finished_.front().first_time;
  }
  // The infinite past if there is nothing.
  absl::Time newest_time() const {
    return open_.bytes > 0 || finished_.empty() ? open_.last_time
                                                : finished_.back().last_time;
  }

  // The last commit to forget so that no more than `max_bytes` are left and no
  // whole segment is older than `oldest`; none if nothing is to be forgotten.
  std::optional<Revision> Excess(uint64_t max_bytes, absl::Time oldest) const;

  // Removes the segments that end at `through` or before.
  void DropThrough(Revision through);
  // The segment that `through` is inside of, which DropThrough left; null if
  // there is none.
  const HistorySegment* Straddling(Revision through) const;
  // Puts what is left of it in its place.
  void ReplaceOldest(const HistorySegment& segment);
  // Whether it is a finished one.
  bool oldest_is_finished() const { return !finished_.empty(); }

 private:
  const Limits limits_;
  std::deque<HistorySegment> finished_;
  uint64_t finished_bytes_ = 0;
  // Nothing in it: no bytes.
  HistorySegment open_;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_HISTORY_SEGMENT_LIST_H_
