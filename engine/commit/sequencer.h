#ifndef RESTATE_ENGINE_COMMIT_SEQUENCER_H_
#define RESTATE_ENGINE_COMMIT_SEQUENCER_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/backend/backend.h"
#include "engine/backend/commit_store.h"
#include "engine/backend/hybrid/mount_table.h"
#include "engine/clock/clock.h"
#include "engine/commit/commit_counters.h"
#include "engine/commit/commit_queue.h"
#include "engine/commit/commit_request.h"
#include "engine/commit/effect.h"
#include "engine/commit/executor.h"
#include "engine/commit/last_changes.h"
#include "engine/commit/leaf_cache.h"
#include "engine/commit/long_call_thread.h"
#include "engine/commit/lua_equalities.h"
#include "engine/commit/overlay.h"
#include "engine/commit/publication.h"
#include "engine/commit/read_ahead.h"
#include "engine/derivation/derivation_engine.h"
#include "engine/derivation/derivation_state.h"
#include "engine/history/commit_history.h"
#include "engine/history/history.h"
#include "engine/lease/expiry_pace.h"
#include "engine/lease/lease_table.h"
#include "engine/mount/mounted_backend.h"
#include "engine/record/record_table.h"
#include "engine/request/answered_requests.h"
#include "engine/sync/mutex.h"
#include "engine/threads/job_pool.h"
#include "engine/threads/thread.h"

namespace restate {

// What a sequencer works with, and its bounds.
struct SequencerOptions {
  // One of them at the root.
  std::vector<Mount> mounts;
  // Null: nothing is durable, and each start begins an epoch.
  std::unique_ptr<CommitStore> commit_store;
  // One of the commit store's trees, for what is derived. Null: derived values
  // are computed anew at each start.
  std::unique_ptr<Backend> derived_store;
  // Bounds of what derivations use.
  DerivationLimits derivations;
  // Required; outlives the sequencer.
  const Clock* clock = nullptr;
  // What mounts are looked after with; outlives the sequencer. Null: it has one
  // of its own.
  JobPool* jobs = nullptr;
  // Required; outlives the sequencer.
  CommitListener* listener = nullptr;
  // If set, called when writes are not taken any more, before anybody is refused
  // one for it, and when they are again. By the sequencer's thread, without a
  // lock; must not block.
  std::function<void(bool taking_writes)> health_changed;
  // Revisions reserved in one durable step.
  Revision revision_block = 1'000'000;
  // Bounds of the queue.
  CommitQueueBounds queue;
  // Bound of the memory of last changes.
  size_t last_changes_bytes = size_t{256} << 20;
  // Bound of the cache of leaves written last.
  size_t leaf_cache_bytes = size_t{64} << 20;
  // Bounds of the history: 4 GiB in the commit store; HistoryBounds' without.
  std::optional<HistoryBounds> history;
  // Bounds of what is remembered of answered requests.
  RequestBounds requests;
  // What others may mount: written only by commits that say they may.
  std::vector<Path> exports;
  // Bound of the leaf that an APPEND makes.
  size_t max_leaf_bytes = size_t{1} << 20;
  // OK, or NOT_FOUND / SESSION_LOST: asked on the sequencer's thread, when a
  // path is bound to a session. Without it nothing can be bound.
  std::function<absl::Status(const std::string&)> check_session;
  // What shares one fsync, at most.
  BatchBounds batch;
};

// Puts commits into one total order and makes them durable, a batch at a time:
//
//   1. take what is queued
//   2. execute each commit in order, against the published state and what this
//      batch has changed so far; what is derived follows in the same commit;
//      each that changes something gets a revision.
//      One whose request was answered before, or earlier in the batch, is not
//      executed: it gets that answer
//   3. split the changes by mount; write the commit store's part and the
//      commits themselves, for the history, in one durable step: this decides
//      the batch
//   4. apply the other mounts' parts, or give them to those who apply them
//   5. publish the new state: readers see all of the batch, first in the
//      history, then in the tree
//   6. answer the writers
//   7. hand the commits to the listener: subscribers
//
// A commit that needs something of a mount that takes long to read has that
// read first, by other threads (ReadAhead), and comes back to the queue; if it
// has changed by the time that its turn comes, again. So does one whose
// derivations call a Lua function that takes long: another thread makes the call
// (LongCallThread), one commit at a time.
//
// A batch that only touches what is gone after a restart does not wait for the
// disk in step 3.
//
// A batch whose step 3 fails is answered OUTCOME_UNKNOWN and not published; the
// store is opened again, which tells whether the batch survived, and only then
// are writes taken again.
//
// One thread of its own does all of this. Public functions are thread-safe.
class Sequencer {
 public:
  // INVALID_ARGUMENT if no mount is at the root or two are at one place, else
  // what opening the first snapshots failed with.
  static absl::StatusOr<std::unique_ptr<Sequencer>> Start(
      SequencerOptions options);
  // Calls Stop.
  ~Sequencer();

  const std::string& epoch() const { return epoch_; }
  Publication& publication() { return *publication_; }

  // The commits of the past: everything up to the published revision, and
  // nothing after it.
  History& history() { return *history_; }
  // Which paths go by themselves; thread-safe as LeaseTable says.
  const LeaseTable& leases() const { return *leases_; }
  // Which commit last changed what: for the sequencer's thread alone.
  const LastChanges& last_changes() const { return *last_changes_; }
  // How far back retries are known.
  AnsweredRequests::Status requests() const { return answered_->status(); }
  // The small records beside the tree; thread-safe as RecordTable says.
  const RecordTable& records() const { return *records_; }
  // The same for readers that may outlive the sequencer.
  std::shared_ptr<const History> shared_history() const { return history_; }

  // OUT_OF_RANGE / EPOCH_CHANGED unless `epoch` is empty or the server's.
  absl::Status CheckEpoch(const std::string& epoch) const;

  // Queues a commit; `done` is called exactly once, here if it is refused.
  void Submit(CommitRequest request, CommitCallback done);

  // Mounts, or unmounts, in a commit of its own. Both call `done` with its
  // revision, on the sequencer's thread.
  //   AddMount: ALREADY_EXISTS / MOUNT_EXISTS.
  //   RemoveMount: NOT_FOUND / MOUNT_NOT_FOUND; FAILED_PRECONDITION /
  //   CONFIGURED_MOUNT; UNAVAILABLE / MOUNT_UNAVAILABLE if not everything is in
  //   the backend and `unapplied` does not say to give it up: flush it first.
  //   The caller ends WatchEdits of the backend.
  //   Both: UNAVAILABLE / OUTCOME_UNKNOWN, SHUTTING_DOWN.
  using MountCallback = absl::AnyInvocable<void(absl::StatusOr<Revision>)>;
  void AddMount(Mount mount, MountCallback done);
  enum class Unapplied { kRefuse, kDiscard };
  void RemoveMount(const Path& at, MountCallback done,
                   Unapplied unapplied = Unapplied::kRefuse);
  // In path order.
  std::vector<std::shared_ptr<MountedBackend>> mounts() const;

  // The places of mounts that take long to read; null if there are none.
  std::shared_ptr<const std::vector<Path>> SlowMounts() const;
  // Whether a read of `path` touches one.
  bool IsSlow(const Path& path) const;
  // What the first slow mount that it touches depends on.
  std::string WaitsFor(const CommitRequest& request) const;

  // Runs `task` on the sequencer's thread between two batches, when everything
  // published has gone to the listener and nothing else. Not run, with
  // UNAVAILABLE / SHUTTING_DOWN, once stopped.
  absl::Status AtBoundary(absl::AnyInvocable<void()> task);

  // OK, or why no writes are taken.
  absl::Status Health() const;

  // What was done so far, and what waits.
  const CommitCounters& counters() const { return counters_; }
  const DerivationEngine& derivation_engine() const {
    return derivation_engine_;
  }
  const LuaEqualities& lua_equalities() const { return lua_equalities_; }
  CommitQueue::Waiting waiting() const { return queue_.waiting(); }
  const CommitQueue& queue() const { return queue_; }

  // Finishes what is queued, refuses the rest, and closes the store. Returns
  // what closing it came to, each time.
  absl::Status Stop();

 private:
  struct Batch;

  // What the sequencer knows of a mount.
  struct MountSlot {
    std::shared_ptr<MountedBackend> mounted;
    // Of kApart: its number in the journal, and up to where that was released.
    uint32_t journal = 0;
    Revision released = 0;
    // ApplierProgress::version then.
    uint64_t released_version = 0;
    // What its backend had applied before it was mounted.
    Revision applied_at_open = 0;
    // Of kCached: whether the store knows that something is not flushed.
    bool marked_dirty = false;
    // Whether the store knows what it holds: kSeenPrefix.
    bool marked_seen = false;
    // Of one that is not durable: whether the store has it as one that has held
    // nothing yet: kEmptyMark.
    bool marked_empty = false;
  };
  using Custody = MountedBackend::Custody;

  explicit Sequencer(SequencerOptions options);

  // Takes the place in the order where the store left off.
  absl::Status Initialize();
  // Puts the mounts in their places and gives them back what the journal has.
  absl::Status OpenMounts();
  // Up to where the mount there has applied what it was given, as it was noted
  // last.
  Revision AppliedBefore(const Path& at) const;
  // Whether others have changed what it holds since that was last told.
  bool HasNewEdits(const MountedBackend& mounted) const;
  // The places that may not read as they did when the server stopped.
  std::vector<Path> ChangedPlaces() const;
  // The commit that says so.
  absl::Status CommitReset(const std::vector<Path>& places,
                           const PublishedState& first);
  // One operation for each place: anything there may have changed.
  SequencedCommit MountCommit(const std::vector<Path>& places,
                              Revision revision) const;
  // What the place of a mount reads as in its events; nothing, and `*incomplete`,
  // if that is too much, or takes long to read.
  Tree ReadMountPlace(const Path& place, const PublishedState& after,
                      bool* incomplete) const;
  // Fills in, once what is derived has followed, what such a commit shows.
  void ShowWhatIsMounted(const PublishedState& after,
                         SequencedCommit* commit) const;
  // Takes over what was derived before the start.
  absl::Status LoadDerivations();
  // A snapshot of every mount, as of `revision`.
  std::shared_ptr<const PublishedState> StateOfAllMounts(Revision revision);

  void Run();
  // RunBatch, and how long it took.
  void MeasureBatch(std::vector<QueuedCommit> commits);
  // Whether it must wait for one that is set aside, for the sake of their order.
  bool FollowsOneAside(const CommitRequest& request) const;
  // It cannot be executed before another thread has made a call for it, or before
  // another commit that is set aside.
  void SetAside(QueuedCommit commit);
  // A batch of its own for one of these.
  void RunApart(QueuedCommit commit);
  void RunBatch(std::vector<QueuedCommit> commits);
  // Step 2 of one commit: its operations, and what is derived. After an error
  // everything is as before.
  absl::StatusOr<Execution> ExecuteCommit(CommitRequest& request, Batch& batch,
                                          Revision revision);
  // Step 2.
  void ExecuteCommits(std::vector<QueuedCommit>& commits, Batch& batch);
  // Now if it is relaxed, else with its batch.
  void Answer(Batch& batch, QueuedCommit& commit,
              absl::StatusOr<CommitResult> result);
  // What is derived from now on does not go by itself.
  void EndLeasesOfDestination(const DerivationChange& change);
  // Whether anything that it asks for is to be there after a crash.
  bool IsAboutDurable(const CommitRequest& request) const;
  // CommitStore::Commit, and how long it took.
  absl::Status CommitToStore(const CommitBatch& decision);
  // Step 3 and, if it succeeds, 4 to 7. Otherwise answers and recovers.
  void Decide(Batch& batch);
  absl::Status CanStore(const Write& write) const;
  // Whether what is at `path` is to be there after a crash.
  bool IsDurable(const Path& path) const;
  // Whether a commit is answered again, or refused, instead of executed.
  std::optional<absl::StatusOr<CommitResult>> AnswerOf(
      const CommitRequest& request) const;
  // Step 3 of a batch without revisions: leases, answers to remember, and
  // records.
  absl::Status StoreAnswers(const Batch& batch);
  // Whether one of the leases that are staged is on a path that lasts.
  bool LeasesAreDurable(const std::vector<LeaseChange>& leases) const;
  // The operations of a commit that ends leases; whether sessions are there,
  // and whether the paths may be written.
  absl::Status Prepare(CommitRequest* request);
  // The deletions that end leases.
  void PrepareExpiry(CommitRequest* request);
  absl::Status EnsureReserved(size_t revisions);
  // Notes that the edits which a mount was opened with are known by now.
  void AddSeen(const MountedBackend& mounted,
               std::vector<RecordChange>* records) const;
  // What kMountedPrefix says of a mount. Notes whether one that is gone after a
  // restart is empty now.
  static std::string MountedRecord(MountSlot* slot);
  // What the batch has for mounts that the commit store does not keep.
  void AddToJournal(const Batch& batch, CommitBatch* decision) const;
  // What was applied and can go from the journal; and that it is gone.
  void AddReleases(CommitBatch* decision) const;
  void Released(const std::vector<JournalRelease>& releases);
  void ApplyToOtherMounts(Batch& batch);

  MountSlot NewSlot(Mount mount);
  // After mounts_ has changed.
  void UseMounts();
  // Nothing is decided any more: brings what it can to the backends. Returns
  // what a cache could not flush.
  absl::Status StopMounts();
  absl::StatusOr<Revision> AddMountNow(Mount mount);
  absl::StatusOr<Revision> RemoveMountNow(const Path& at, Unapplied unapplied);
  // Makes `mounts` the mounts, in a commit about `at`.
  absl::StatusOr<Revision> ChangeMounts(const Path& at,
                                        std::vector<MountSlot> mounts,
                                        std::vector<RecordChange> records,
                                        std::vector<JournalRelease> releases);
  // Its parts: what is to be decided, and showing it.
  CommitGroup StageMountChange(const Path& at,
                               std::vector<RecordChange> records,
                               DerivationState* derivations,
                               CommitBatch* decision);
  void ShowMountChange(const CommitGroup& group,
                       const DerivationState& derivations);
  // What derivations may read: no mount that takes long.
  struct LocalTree {
    std::vector<Path> remote;
    // Without what is at the remote places; none if there are none.
    std::unique_ptr<const HybridSnapshot> tree;
  };
  LocalTree LocalTreeOf(const PublishedState& state) const;
  // Brings what is derived up to what the operations left in `overlay`, which
  // is over `state`.
  absl::Status Derive(const PublishedState& state, Overlay& overlay,
                      const ExecutionContext& context, CommitRequest* request,
                      DerivationState* derivations, Execution* execution);
  // What is derived after the commit's changes of mounts, which `after` shows:
  // more effects, the state to publish, and what is to be recorded with it.
  absl::Status FollowMounts(const PublishedState& after,
                            std::optional<DerivationChange> change,
                            SequencedCommit* commit,
                            DerivationState* derivations,
                            std::vector<RecordChange>* records);
  // Queues a commit that computes what was put off, if there is anything and none
  // is under way: so other commits go on between two of them.
  void ComputePutOff();
  // What is derived is known from now on, if this record is written with it.
  std::optional<RecordChange> ProgressIsKept() const;
  // What the store of derived values is to write.
  void AddDerivedWrites(const DerivationState& after, Revision revision,
                        CommitBatch* decision);
  // What somebody did to the files of a mount becomes a commit.
  absl::Status CommitEdits(const Path& at, std::vector<Write> edits);
  void WatchEdits(MountedBackend& mounted);
  // Asks for RefreshMounts, between two batches.
  void MountChanged();
  // Shows what has come or gone, and notes what was flushed.
  void RefreshMounts();
  // Brings what a cache holds to its backend; called by the cache's thread.
  absl::Status Flush(Backend& backend, std::vector<Write> writes,
                     Revision revision, std::vector<LeftWrite>* left);
  // The part of it that is the sequencer's thread's.
  absl::Status CommitFlush(std::optional<uint32_t> mount,
                           std::vector<Write> writes);
  void Publish(Batch& batch);
  // Shows the state of all mounts, as of `revision`, to everybody.
  void PublishState(Revision revision);
  void RememberLeaves(const Batch& batch);
  // After `cause`: opens the store again and publishes what survived.
  void Recover(const absl::Status& cause, Batch& batch);
  // Whether what is derived changed in a batch without revisions.
  bool ChangesDerivations(const Batch& batch) const;
  // Until `delay` has passed, refuses what is asked for. False if the end has
  // come.
  bool RefuseWithin(absl::Duration delay, const absl::Status& why);
  // The store, and what is known of its leases, requests and records.
  absl::Status ReopenStore();
  void SetHealth(absl::Status health);

  // Before what uses it.
  std::unique_ptr<JobPool> own_jobs_;
  SequencerOptions options_;
  CommitCounters counters_;
  // By position in the table.
  std::vector<MountSlot> mounts_;
  std::optional<MountTable> table_;
  uint32_t next_journal_ = 1;
  std::string epoch_;
  Revision last_given_ = 0;
  // The last one that the commit store has decided.
  Revision last_committed_ = 0;
  // Revisions up to this one may be given out without another durable step.
  Revision reserved_ = 0;
  std::optional<LastChanges> last_changes_;
  // Used only with a commit store: memory is quick to read.
  LeafCache leaf_cache_;
  std::shared_ptr<CommitHistory> history_;
  std::optional<LeaseTable> leases_;
  ExpiryPace expiry_pace_;
  // How many leases ended in the batch at hand.
  size_t expired_in_batch_ = 0;
  std::optional<AnsweredRequests> answered_;
  std::optional<RecordTable> records_;
  DerivationEngine derivation_engine_;
  LuaEqualities lua_equalities_;
  // As published.
  DerivationState derivations_;
  // Of what was derived before the start: what the first commit is to compute.
  std::vector<Path> unknown_;
  // The one whose derivations were computed again last; whether a commit for
  // that is under way; whether the last one came to nothing, so that the next
  // waits for another commit.
  std::string last_slice_of_;
  bool slice_under_way_ = false;
  bool slices_wait_ = false;
  std::optional<Publication> publication_;
  CommitQueue queue_;
  // Ends before the queue.
  LongCallThread long_call_thread_;
  // Whether the batch is one that was set aside; whether that left for a call.
  bool is_apart_ = false;
  bool has_left_ = false;

  // Whether the store is being opened again: it takes nothing.
  bool recovering_ = false;
  // Whether RefreshMounts is on its way.
  std::atomic<bool> refresh_queued_ = false;
  // Set when the thread has ended.
  std::atomic<bool> thread_ended_ = false;

  mutable Mutex mounts_mutex_;
  // mounts_, for other threads.
  std::vector<std::shared_ptr<MountedBackend>> listed_
      ABSL_GUARDED_BY(mounts_mutex_);
  std::shared_ptr<const std::vector<Path>> slow_ ABSL_GUARDED_BY(mounts_mutex_);
  // Quick: whether there are any.
  std::atomic<bool> has_slow_ = false;
  std::optional<ReadAhead> read_ahead_;

  mutable Mutex health_mutex_;
  absl::Status health_ ABSL_GUARDED_BY(health_mutex_);

  Mutex stop_mutex_;
  bool stopped_ ABSL_GUARDED_BY(stop_mutex_) = false;
  absl::Status stop_status_ ABSL_GUARDED_BY(stop_mutex_);
  Thread thread_;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_COMMIT_SEQUENCER_H_
