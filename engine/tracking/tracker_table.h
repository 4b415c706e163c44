#ifndef RESTATE_ENGINE_TRACKING_TRACKER_TABLE_H_
#define RESTATE_ENGINE_TRACKING_TRACKER_TABLE_H_

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "engine/backend/backend.h"
#include "engine/client/client_accounts.h"
#include "engine/clock/clock.h"
#include "engine/commit/commit_request.h"
#include "engine/commit/effect.h"
#include "engine/commit/last_changes.h"
#include "engine/commit/sequencer.h"
#include "engine/measure/counter.h"
#include "engine/path/path.h"
#include "engine/subscription/session_request.h"
#include "engine/sync/mutex.h"
#include "engine/tracking/dependency_index.h"

namespace restate {

// Bounds of trackers.
struct TrackerLimits {
  // A run in which nothing is read or written for so long is over.
  absl::Duration idle = absl::Seconds(60);
  // A tracker ends that runs more often than this in a row, each time only
  // because of what a tracked run wrote.
  int max_chain = 100;
  // Of one session.
  size_t max_trackers = 10'000;
  // Of one run: paths that are read.
  size_t max_reads = 100'000;
};

// A run that has begun.
struct BegunRun {
  std::string run_id;
  std::string tracker_id;
};

// A run that is over.
struct EndedRun {
  // The newest published revision.
  Revision revision = 0;
  // Whether the next run was asked for already.
  bool rerun = false;
};

// Callbacks in clients that are run again when something changes that they read:
// a tracker is one callback of one session, a run is one execution of it.
//
// What a run has read counts from the moment it was read, also while the run goes
// on: the sequencer's thread puts it into the index between two batches, looks
// then whether it changed since the revision that was read, and from then on
// shows every commit to the index. So no change is missed, and several lead to
// one request for the next run. The next run forgets what the last one read.
//
// What a run writes, with its run id, is no change for that run.
//
// Thread-safe. `mutex_` guards everything; nothing is called while it is held.
// Must not be destroyed before the sequencer has stopped.
class TrackerTable final : public CommitListener {
 public:
  // Asks a session for something; must not block.
  using AskCallback =
      std::function<void(const std::string& session_id,
                         std::shared_ptr<SessionRequest> request)>;
  TrackerTable(TrackerLimits limits, const Clock* clock, AskCallback ask);
  ~TrackerTable() override;

  // Once, before anything below.
  void Start(Sequencer* sequencer);

  // Begins a run of a tracker, in place of one that is open; the tracker is made
  // if there is none of this id, and is given an id if that is empty. It is on the
  // session's `account`.
  //   INVALID_ARGUMENT / INVALID_REQUEST: no valid id.
  //   RESOURCE_EXHAUSTED / TOO_MANY_TRACKERS
  absl::StatusOr<BegunRun> BeginRun(const std::string& session_id,
                                    std::string tracker_id,
                                    ClientAccount& account);
  // Notes what a run has read in the state of `revision`. NOT_FOUND /
  // RUN_NOT_FOUND; RESOURCE_EXHAUSTED / TOO_MANY_PATHS.
  absl::Status RecordReads(const std::string& run_id,
                           const std::vector<Path>& paths, View view,
                           Revision revision) {
    return Record(run_id, paths, ShownIn(view), revision);
  }
  // The same of a run that has listed the children of a path, or some of them.
  absl::Status RecordListing(const std::string& run_id, const Path& path,
                             Revision revision) {
    return Record(run_id, {path}, Shown::kChildren, revision);
  }
  // The run writes. No error if it is over.
  void RecordWrite(const std::string& run_id);
  // Ends a run; calls `done` when everything is in the index that it read.
  // Nothing happens if it is over already, and was its tracker's last. NOT_FOUND
  // / RUN_NOT_FOUND; UNAVAILABLE / SHUTTING_DOWN.
  using EndCallback = absl::AnyInvocable<void(absl::StatusOr<EndedRun>)>;
  void EndRun(const std::string& run_id, EndCallback done);
  // Ends a tracker: its callback is not run any more. Whether it was there.
  bool StopTracker(const std::string& session_id,
                   const std::string& tracker_id);

  // A session is over; or another stream has taken it up, and is told what the
  // one before may not have brought: which trackers are to run again, those with
  // an open run too, of which the client may know nothing, and which have ended.
  void SessionEnded(const std::string& session_id);
  void SessionResumed(const std::string& session_id);

  // Time has passed.
  void Tick();

  // The sequencer's thread.
  void OnPublished(absl::Span<const SequencedCommit> commits) override;

  size_t count() const;
  // Runs that are open now.
  size_t open_runs() const;
  // Runs that have begun, that were asked for because something changed, and
  // trackers ended because they ran in circles.
  const Counter& runs() const { return runs_begun_; }
  const Counter& runs_asked_for() const { return runs_asked_for_; }
  const Counter& loops() const { return loops_; }

 private:
  using TrackersOfSession =
      absl::btree_map<std::string, std::shared_ptr<Tracker>>;
  struct Asked {
    std::string session_id;
    std::shared_ptr<SessionRequest> request;
  };
  using Asks = std::vector<Asked>;
  struct Cause;

  absl::Status Record(const std::string& run_id,
                      const std::vector<Path>& paths, Shown shown,
                      Revision revision);

  // tracker_changes.cc: whom changes concern.
  //
  // On the sequencer's thread: puts what was read into the index.
  void AddDependencies(const std::string& run_id,
                       const std::vector<Path>& paths, Shown shown,
                       Revision revision);
  bool ChangedSince(const Tracker& tracker, const Path& path, Shown shown,
                    Revision revision) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool Concerns(const SequencedCommit& commit, const Effect& effect,
                const Path& path, Shown shown) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Show(const SequencedCommit& commit, Asks* asks)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Something the tracker has read was changed: asks for the next run, unless
  // that is asked for; ends the tracker if it runs in circles.
  void Mark(Tracker* tracker, const Cause& cause, Asks* asks)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void RequestRun(Tracker* tracker, int chain, Asks* asks)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Close(Tracker* tracker) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void DropDependencies(Tracker* tracker)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // It is out of the table; whoever holds it may look at it still.
  std::shared_ptr<Tracker> Erase(const std::string& session_id,
                                 const std::string& tracker_id)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // What the session was told of the end of a tracker; null if nothing.
  std::shared_ptr<SessionRequest> ForgetEnded(const std::string& session_id,
                                              const std::string& tracker_id)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The tracker whose last run this is; null if there is none.
  Tracker* FindRun(const std::string& run_id) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Send(Asks asks);

  const TrackerLimits limits_;
  const Clock* const clock_;
  const AskCallback ask_;
  Sequencer* sequencer_ = nullptr;
  Counter runs_begun_;
  Counter runs_asked_for_;
  Counter loops_;

  // Open runs and entries of the index: without any, commits are not looked at.
  std::atomic<size_t> active_ = 0;

  mutable Mutex mutex_;
  absl::flat_hash_map<std::string, TrackersOfSession> trackers_
      ABSL_GUARDED_BY(mutex_);
  size_t count_ ABSL_GUARDED_BY(mutex_) = 0;
  // The last run of each tracker.
  absl::flat_hash_map<std::string, Tracker*> runs_ ABSL_GUARDED_BY(mutex_);
  // Those that are open.
  absl::flat_hash_map<std::string, Tracker*> open_runs_
      ABSL_GUARDED_BY(mutex_);
  DependencyIndex index_ ABSL_GUARDED_BY(mutex_);
  // By session and tracker: those that have ended by themselves, until the client
  // stops or begins one of that name.
  absl::flat_hash_map<
      std::string,
      absl::btree_map<std::string, std::shared_ptr<SessionRequest>>>
      ended_ ABSL_GUARDED_BY(mutex_);
  // While runs are open, of each path and its ancestors: the last ping, and the
  // last derived write that a leaf hides from one of them.
  std::optional<LastChanges> pings_ ABSL_GUARDED_BY(mutex_);
  std::optional<LastChanges> hidden_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace restate

#endif  // RESTATE_ENGINE_TRACKING_TRACKER_TABLE_H_
