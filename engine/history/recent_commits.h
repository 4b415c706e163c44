#ifndef RESTATE_ENGINE_HISTORY_RECENT_COMMITS_H_
#define RESTATE_ENGINE_HISTORY_RECENT_COMMITS_H_

#include <cstddef>
#include <deque>
#include <map>
#include <memory>
#include <vector>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "engine/backend/backend.h"
#include "engine/commit/effect.h"
#include "engine/history/history.h"

namespace restate {

// The commits of one batch, shared by whoever still reads them.
using CommitGroup = std::shared_ptr<const std::vector<SequencedCommit>>;

// The newest commits, in memory, and the stops recorded for them.
//
// Not thread-safe: the history's lock guards it. Copies of pointers only, so
// that the lock is held briefly; what a reader gets is made by MakePast outside.
class RecentCommits {
 public:
  // Holds commits after `start`.
  explicit RecentCommits(Revision start) : begins_after_(start) {}

  // A commit, and all that MakePast needs.
  struct Entry {
    std::shared_ptr<const SequencedCommit> commit;
    // About what it takes: its values, and twice its structure, which a reader
    // makes a copy of.
    size_t bytes = 0;
    // What the first reader made; null until then, and after a stop.
    std::shared_ptr<const PastCommit> made;
    // When it was appended, by the history's AgeClock.
    absl::Time at = absl::InfinitePast();
  };

  // What to append for the commits of a batch; not under the lock.
  static std::vector<Entry> MakeEntries(const CommitGroup& group);
  // Adds commits, which come after all that are here.
  void Append(std::vector<Entry> entries, absl::Time now);

  // Every commit after this one is here.
  Revision begins_after() const { return begins_after_; }
  size_t bytes() const { return bytes_; }
  bool empty() const { return entries_.empty(); }
  // REQUIRES: !empty().
  const Entry& oldest() const { return entries_.front(); }

  // Forgets the oldest commit. REQUIRES: !empty().
  void DropOldest();
  // Forgets the commits up to `through`, which may be after all of them.
  void DropThrough(Revision through);

  // Commits in (after, through], in order, of about `max_bytes`: at least one
  // if there is any. REQUIRES: after >= begins_after().
  std::vector<Entry> Collect(Revision after, Revision through,
                             size_t max_bytes) const;
  // The first commit after `revision`, or null. REQUIRES: as Collect.
  const Entry* FirstAfter(Revision revision) const;

  // Stops, by index and place; also for commits that are not here. Recording
  // one again changes nothing.
  void AddStop(Revision revision, const Stop& stop);
  const std::vector<Stop>& StopsOf(Revision revision) const;

  // Keeps what a reader made of a commit, if no stop has come since `stops`
  // were read and it is still here.
  void Keep(Revision revision, const std::shared_ptr<const PastCommit>& made);

 private:
  std::deque<Entry>::const_iterator Find(Revision after) const;

  Revision begins_after_;
  std::deque<Entry> entries_;
  size_t bytes_ = 0;
  std::map<Revision, std::vector<Stop>> stops_;
};

// What a reader gets for a commit.
std::shared_ptr<const PastCommit> MakePast(const SequencedCommit& commit,
                                           std::vector<Stop> stops);

}  // namespace restate

#endif  // RESTATE_ENGINE_HISTORY_RECENT_COMMITS_H_
