#include "engine/history/segment_list.h"

#include <algorithm>

namespace restate {

void SegmentList::AddFinished(const HistorySegment& segment) {
  finished_.push_back(segment);
  finished_bytes_ += segment.bytes;
}

void SegmentList::Extend(Revision revision, absl::Time time, uint64_t bytes,
                         HistorySegment* segment) {
  if (segment->bytes == 0) segment->first = revision;
  segment->last = revision;
  segment->first_time = std::min(segment->first_time, time);
  segment->last_time = std::max(segment->last_time, time);
  segment->bytes += bytes;
}

bool SegmentList::IsFull(const HistorySegment& segment) const {
  return segment.bytes > 0 &&
         (segment.bytes >= limits_.bytes ||
          segment.last_time - segment.first_time >= limits_.span);
}

void SegmentList::SetOpen(const HistorySegment& segment) {
  open_ = segment;
  if (IsFull(open_)) FinishOpen();
}

void SegmentList::FinishOpen() {
  AddFinished(open_);
  open_ = HistorySegment();
}

std::optional<Revision> SegmentList::Excess(uint64_t max_bytes,
                                            absl::Time oldest) const {
  std::optional<Revision> through;
  uint64_t left = bytes();
  for (const HistorySegment& segment : finished_) {
    if (left <= max_bytes && segment.last_time >= oldest) return through;
    through = segment.last;
    left -= segment.bytes;
  }
  if (open_.bytes > 0 && (left > max_bytes || open_.last_time < oldest)) {
    through = open_.last;
  }
  return through;
}

void SegmentList::DropThrough(Revision through) {
  while (!finished_.empty() && finished_.front().last <= through) {
    finished_bytes_ -= finished_.front().bytes;
    finished_.pop_front();
  }
  if (open_.bytes > 0 && open_.last <= through) open_ = HistorySegment();
}

const HistorySegment* SegmentList::Straddling(Revision through) const {
  const HistorySegment& oldest = finished_.empty() ? open_ : finished_.front();
  return oldest.bytes > 0 && oldest.first <= through ? &oldest : nullptr;
}

void SegmentList::ReplaceOldest(const HistorySegment& segment) {
  if (finished_.empty()) {
    open_ = segment;
    return;
  }
  finished_bytes_ += segment.bytes - finished_.front().bytes;
  finished_.front() = segment;
}

}  // namespace restate
