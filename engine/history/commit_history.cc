#include "engine/history/commit_history.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/error/error.h"

namespace restate {
namespace {

// Keys of commits, for what a record takes.
constexpr size_t kKeyBytes = 8;
// Runs in which commits are forgotten are at most this part of a bound.
constexpr int kRunsInBound = 16;

SegmentList::Limits SegmentLimits(const HistoryBounds& bounds) {
  return {std::max<uint64_t>(
              1, std::min(bounds.segment_bytes, bounds.bytes / kRunsInBound)),
          bounds.age / kRunsInBound};
}

// The commits in (after, through] that a store has, as one segment with the
// times that the wall clock showed.
absl::StatusOr<HistorySegment> Measure(const HistoryLog& log, Revision after,
                                       Revision through) {
  HistorySegment segment;
  absl::Status bad;
  absl::Status status =
      log.Read(after, through, [&](const HistoryLog::Record& record) {
        if (record.stop.has_value()) return true;
        absl::StatusOr<absl::Time> time =
            DecodeCommitTime(record.revision, record.bytes);
        if (!time.ok()) {
          bad = std::move(time).status();
          return false;
        }
        SegmentList::Extend(record.revision, *time, record.stored_bytes,
                            &segment);
        return true;
      });
  if (!status.ok()) return status;
  if (!bad.ok()) return bad;
  return segment;
}

// From times of the wall clock to such of an AgeClock, none before `earliest`.
void MoveTimes(absl::Duration set_ahead, absl::Time earliest,
               HistorySegment* segment) {
  for (absl::Time* time : {&segment->first_time, &segment->last_time}) {
    *time = std::max(*time - set_ahead, earliest);
  }
}

}  // namespace

absl::StatusOr<std::shared_ptr<CommitHistory>> CommitHistory::Open(
    const HistoryBounds& bounds, CommitStore* store, const Clock* clock) {
  const Revision newest =
      store == nullptr ? 0 : store->state().last_committed;
  std::shared_ptr<CommitHistory> history(
      new CommitHistory(bounds, store, clock, newest));
  if (store != nullptr) {
    if (absl::Status status = history->Load(); !status.ok()) return status;
  }
  return history;
}

CommitHistory::CommitHistory(const HistoryBounds& bounds, CommitStore* store,
                             const Clock* clock, Revision newest)
    : bounds_(bounds),
      store_(store),
      clock_(clock),
      log_(store == nullptr ? nullptr : store->history()),
      age_clock_(clock, absl::ZeroDuration(), absl::InfinitePast()),
      forgotten_(newest),
      newest_(newest),
      published_(newest),
      recent_(newest),
      segments_(SegmentLimits(bounds)) {}

absl::Status CommitHistory::Load() {
  absl::StatusOr<HistoryLog::Outline> outline = log_->ReadOutline();
  if (!outline.ok()) return std::move(outline).status();
  MutexLock lock(&mutex_);
  const Revision forgotten = outline->forgotten_through.value_or(0);
  Revision known = forgotten;
  for (const HistorySegment& segment : outline->segments) {
    if (segment.last <= forgotten || segment.last > newest_) continue;
    segments_.AddFinished(segment);
    known = segment.last;
  }
  absl::StatusOr<HistorySegment> open = Measure(*log_, known, newest_);
  if (!open.ok()) return std::move(open).status();
  if (open->bytes > 0) {
    known = open->last;
    MoveTimes(outline->clock_set_ahead, segments_.newest_time(), &*open);
  }
  if (known < newest_) {
    // A server that keeps no history wrote the last commits: it has a hole, and
    // begins anew.
    segments_.DropThrough(newest_);
    HistoryChanges changes;
    changes.forget_through = newest_;
    return store_->WriteHistory(changes);
  }
  forgotten_ = forgotten;
  segments_.SetOpen(*open);
  age_clock_ = AgeClock(clock_, outline->clock_set_ahead,
                        segments_.newest_time());
  return absl::OkStatus();
}

absl::Status CommitHistory::Compacted(Revision after) const {
  if (after >= forgotten_) return absl::OkStatus();
  return MakeError(
      Reason::kHistoryCompacted,
      absl::StrCat("the commits after revision ", after,
                   " are no longer kept, those after ", forgotten_,
                   " are: start from a snapshot"),
      {{"oldest_revision", absl::StrCat(forgotten_)}});
}

absl::StatusOr<History::Page> CommitHistory::Read(Revision after,
                                                  Revision through,
                                                  size_t max_bytes) const {
  Page page;
  page.through = after;
  while (true) {
    std::vector<RecentCommits::Entry> entries;
    std::vector<std::vector<Stop>> stops;
    Revision in_log = 0;
    {
      MutexLock lock(&mutex_);
      if (absl::Status status = Compacted(page.through); !status.ok()) {
        return status;
      }
      through = std::min(through, published_);
      if (page.through >= through) return page;
      if (page.through >= recent_.begins_after()) {
        entries = recent_.Collect(page.through, through, max_bytes);
        for (const RecentCommits::Entry& entry : entries) {
          stops.push_back(recent_.StopsOf(entry.commit->revision));
        }
        if (!entries.empty()) {
          page.through = entries.back().commit->revision;
        }
        const RecentCommits::Entry* next = recent_.FirstAfter(page.through);
        if (next == nullptr || next->commit->revision > through) {
          page.through = through;
        }
      } else {
        in_log = std::min(through, recent_.begins_after());
      }
    }
    if (in_log == 0) {
      ReadRecent(std::move(entries), std::move(stops), &page);
      return page;
    }
    absl::Status status = ReadLog(page.through, in_log, max_bytes, &page);
    if (!status.ok()) return status;
    if (!page.commits.empty()) return page;
  }
}

void CommitHistory::ReadRecent(std::vector<RecentCommits::Entry> entries,
                               std::vector<std::vector<Stop>> stops,
                               Page* page) const {
  std::vector<std::shared_ptr<const PastCommit>> made;
  for (size_t i = 0; i < entries.size(); ++i) {
    if (entries[i].made == nullptr) {
      entries[i].made = MakePast(*entries[i].commit, std::move(stops[i]));
      made.push_back(entries[i].made);
    }
    page->commits.push_back(std::move(entries[i].made));
  }
  if (made.empty()) return;
  // The next reader takes the same.
  MutexLock lock(&mutex_);
  for (const std::shared_ptr<const PastCommit>& past : made) {
    recent_.Keep(past->commit.revision, past);
  }
}

absl::Status CommitHistory::ReadLog(Revision after, Revision through,
                                    size_t max_bytes, Page* page) const {
  std::vector<PastCommit> found;
  size_t bytes = 0;
  bool full = false;
  absl::Status bad;
  absl::Status status = log_->Read(
      after, through, [&](const HistoryLog::Record& record) {
        if (record.stop.has_value()) {
          if (found.empty() || found.back().commit.revision != record.revision) {
            return true;
          }
          found.back().stops.push_back(
              {record.stop->index,
               Path::FromKey(std::string(record.stop->place))});
          return true;
        }
        bytes += record.stored_bytes;
        if (!found.empty() && bytes > max_bytes) {
          full = true;
          return false;
        }
        absl::StatusOr<SequencedCommit> commit =
            DecodeCommit(record.revision, record.bytes);
        if (!commit.ok()) {
          bad = std::move(commit).status();
          return false;
        }
        found.push_back({*std::move(commit), {}});
        return true;
      });
  {
    // What was forgotten while it was read may be missing.
    MutexLock lock(&mutex_);
    if (absl::Status gone = Compacted(after); !gone.ok()) return gone;
  }
  if (!status.ok()) return status;
  if (!bad.ok()) return bad;
  page->through = full ? found.back().commit.revision : through;
  for (PastCommit& past : found) {
    past.stops =
        WithRecentStops(past.commit.revision, std::move(past.stops));
    page->commits.push_back(
        std::make_shared<const PastCommit>(std::move(past)));
  }
  return absl::OkStatus();
}

std::vector<Stop> CommitHistory::WithRecentStops(
    Revision revision, std::vector<Stop> stops) const {
  MutexLock lock(&mutex_);
  for (const Stop& stop : recent_.StopsOf(revision)) {
    if (std::find(stops.begin(), stops.end(), stop) == stops.end()) {
      stops.push_back(stop);
    }
  }
  return stops;
}

Revision CommitHistory::oldest() const {
  MutexLock lock(&mutex_);
  return forgotten_;
}

absl::Time CommitHistory::oldest_time() const {
  MutexLock lock(&mutex_);
  if (store_ != nullptr) return age_clock_.OnWall(segments_.oldest_time());
  return recent_.empty() ? absl::InfiniteFuture()
                         : age_clock_.OnWall(recent_.oldest().at);
}

size_t CommitHistory::bytes() const {
  MutexLock lock(&mutex_);
  return store_ != nullptr ? segments_.bytes() : recent_.bytes();
}

std::vector<Stop> CommitHistory::StopsOf(Revision revision) const {
  {
    MutexLock lock(&mutex_);
    if (revision <= forgotten_ || revision > published_) return {};
    if (revision > recent_.begins_after()) return recent_.StopsOf(revision);
  }
  std::vector<Stop> stops;
  log_->Read(revision - 1, revision,
             [&](const HistoryLog::Record& record) {
               if (record.stop.has_value()) {
                 stops.push_back({record.stop->index,
                                  Path::FromKey(std::string(
                                      record.stop->place))});
               }
               return true;
             })
      .IgnoreError();
  return WithRecentStops(revision, std::move(stops));
}

absl::Status CommitHistory::RecordStop(Revision revision, const Stop& stop) {
  bool in_memory = true;
  {
    MutexLock lock(&mutex_);
    if (revision <= forgotten_ || revision > published_) {
      return absl::OkStatus();
    }
    in_memory = revision > recent_.begins_after();
    if (in_memory) recent_.AddStop(revision, stop);
  }
  if (store_ == nullptr) return absl::OkStatus();
  HistoryChanges changes;
  changes.stops.push_back({revision, stop.index, stop.place.key()});
  absl::Status status = store_->WriteHistory(changes);
  if (!status.ok() && !in_memory) {
    MutexLock lock(&mutex_);
    recent_.AddStop(revision, stop);
  }
  return status;
}

HistoryChanges CommitHistory::Prepare(
    absl::Span<const SequencedCommit> commits) {
  HistoryChanges changes;
  if (store_ == nullptr) return changes;
  // Views point into it, so they are made when it is complete.
  encoded_.clear();
  std::vector<size_t> ends;
  ends.reserve(commits.size());
  for (const SequencedCommit& commit : commits) {
    encoder_.Append(commit, &encoded_);
    ends.push_back(encoded_.size());
  }
  MutexLock lock(&mutex_);
  const absl::Time now = age_clock_.Now();
  prepared_ = segments_.open();
  changes.commits.reserve(commits.size());
  size_t begin = 0;
  for (size_t i = 0; i < commits.size(); ++i) {
    const std::string_view bytes =
        std::string_view(encoded_).substr(begin, ends[i] - begin);
    begin = ends[i];
    changes.commits.push_back({commits[i].revision, bytes});
    SegmentList::Extend(commits[i].revision, now, kKeyBytes + bytes.size(),
                        &prepared_);
  }
  if (segments_.IsFull(prepared_)) changes.segment = prepared_;
  return changes;
}

void CommitHistory::Append(const CommitGroup& commits) {
  if (commits->empty()) return;
  std::vector<RecentCommits::Entry> entries =
      RecentCommits::MakeEntries(commits);
  MutexLock lock(&mutex_);
  newest_ = commits->back().revision;
  recent_.Append(std::move(entries), age_clock_.Now());
  if (store_ == nullptr) return;
  segments_.SetOpen(prepared_);
  while (!recent_.empty() && recent_.bytes() > bounds_.recent_bytes) {
    recent_.DropOldest();
  }
}

void CommitHistory::SetPublished(Revision revision) {
  MutexLock lock(&mutex_);
  published_ = revision;
}

absl::Status CommitHistory::Compact(Revision through) {
  {
    MutexLock lock(&mutex_);
    through = std::min(through, published_);
    if (through <= forgotten_) return absl::OkStatus();
  }
  return Forget(through);
}

absl::Status CommitHistory::EnforceBounds() {
  if (absl::Status status = NoticeStep(); !status.ok()) return status;
  std::optional<Revision> through;
  {
    MutexLock lock(&mutex_);
    const absl::Time oldest = age_clock_.Now() - bounds_.age;
    if (store_ == nullptr) {
      while (!recent_.empty() &&
             (recent_.bytes() > bounds_.bytes ||
              recent_.oldest().at < oldest)) {
        forgotten_ = recent_.oldest().commit->revision;
        recent_.DropOldest();
      }
      return absl::OkStatus();
    }
    through = segments_.Excess(bounds_.bytes, oldest);
  }
  return through.has_value() ? Forget(*through) : absl::OkStatus();
}

absl::Status CommitHistory::NoticeStep() {
  HistoryChanges changes;
  {
    MutexLock lock(&mutex_);
    if (!age_clock_.NoticeStep() || store_ == nullptr) return absl::OkStatus();
    changes.clock_set_ahead = age_clock_.set_ahead();
    // A start moves the times of what is in no segment by what the clock is set
    // ahead then.
    if (segments_.open().bytes > 0) {
      changes.segment = segments_.open();
      segments_.FinishOpen();
    }
  }
  return store_->WriteHistory(changes);
}

absl::Status CommitHistory::Forget(Revision through) {
  HistoryChanges changes;
  std::optional<HistorySegment> straddling;
  bool finished = false;
  {
    MutexLock lock(&mutex_);
    forgotten_ = through;
    recent_.DropThrough(through);
    if (store_ == nullptr) return absl::OkStatus();
    segments_.DropThrough(through);
    if (const HistorySegment* segment = segments_.Straddling(through)) {
      straddling = *segment;
      finished = segments_.oldest_is_finished();
    }
  }
  if (straddling.has_value()) {
    // If it cannot be read it counts as it was.
    absl::StatusOr<HistorySegment> rest =
        Measure(*log_, through, straddling->last);
    if (rest.ok()) {
      MutexLock lock(&mutex_);
      MoveTimes(age_clock_.set_ahead(), straddling->first_time, &*rest);
      // Whatever the wall clock showed then.
      rest->last_time = straddling->last_time;
      rest->first_time = std::min(rest->first_time, rest->last_time);
      segments_.ReplaceOldest(*rest);
      if (finished) changes.segment = *rest;
    }
  }
  changes.forget_through = through;
  return store_->WriteHistory(changes);
}

absl::Status CommitHistory::StoreReopened(Revision last_committed) {
  Revision newest = 0;
  {
    MutexLock lock(&mutex_);
    newest = newest_;
  }
  if (last_committed >= newest) return absl::OkStatus();
  return Forget(newest);
}

}  // namespace restate
