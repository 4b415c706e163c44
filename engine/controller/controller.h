#ifndef RESTATE_ENGINE_CONTROLLER_CONTROLLER_H_
#define RESTATE_ENGINE_CONTROLLER_CONTROLLER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "engine/backend/backend.h"
#include "engine/client/client_accounts.h"
#include "engine/client/client_id.h"
#include "engine/commit/commit_request.h"
#include "engine/commit/publication.h"
#include "engine/commit/published_state.h"
#include "engine/commit/sequencer.h"
#include "engine/controller/measures.h"
#include "engine/hosting/host_table.h"
#include "engine/lease/lease_table.h"
#include "engine/mount/mounted_backend.h"
#include "engine/record/record_table.h"
#include "engine/request/answered_requests.h"
#include "engine/session/session_table.h"
#include "engine/subscription/event_stream.h"
#include "engine/subscription/subscription_hub.h"
#include "engine/subscription/subscription_spec.h"
#include "engine/sync/mutex.h"
#include "engine/tracking/tracker_table.h"

namespace restate {

// What a controller is made of. It fills in the listener itself.
struct ControllerOptions : SequencerOptions {
  ClientLimits clients;
  SessionLimits sessions;
  InterceptionLimits interceptions;
  TrackerLimits trackers;
  HostLimits hosts;
};

// The front door of the engine: reads, commits and subscriptions over one
// sequencer and its mounts.
//
// Thread-safe. Reads do not wait for writers: they take the published state,
// one pointer, and read it.
class Controller {
 public:
  // Starts the sequencer; volatile mounts of a store that existed before are
  // reset by a commit. INVALID_ARGUMENT if no mount is at the root or two are
  // at one place.
  static absl::StatusOr<std::unique_ptr<Controller>> Start(
      ControllerOptions options);
  // Calls Stop. Streams of Subscribe may outlive the controller, those of
  // sessions may not.
  ~Controller();

  // Which sequence of revisions this is.
  const std::string& epoch() const { return sequencer_->epoch(); }
  // OUT_OF_RANGE / EPOCH_CHANGED unless `epoch` is empty or the server's.
  absl::Status CheckEpoch(const std::string& epoch) const {
    return sequencer_->CheckEpoch(epoch);
  }

  // The newest published state.
  std::shared_ptr<const PublishedState> Published() const {
    return sequencer_->publication().Newest();
  }
  // Whether reading `path` may wait for a network, and must not be done where
  // others would wait as well.
  bool IsSlow(const Path& path) const { return sequencer_->IsSlow(path); }
  // Calls `done` with a state at or after `min_revision`, at once if it is
  // published, else on the sequencer's thread when it is. OUT_OF_RANGE /
  // REVISION_IN_FUTURE if it was never given out; UNAVAILABLE /
  // OUTCOME_UNKNOWN if its batch failed.
  void WhenPublished(Revision min_revision, StateCallback done) {
    sequencer_->publication().WhenPublished(min_revision, std::move(done));
  }

  // Queues a commit. `done` is called exactly once, possibly before this
  // returns (RESOURCE_EXHAUSTED / QUEUE_FULL, UNAVAILABLE / SHUTTING_DOWN,
  // OUT_OF_RANGE / EPOCH_CHANGED). Commits queued by one thread are sequenced in
  // that order, except that those which need something of a slow mount come when
  // that has been read.
  // With `wait_derived`, `done` comes when hosted transforms have followed, on
  // whatever thread, at most HostLimits::wait later; RESOURCE_EXHAUSTED /
  // TOO_MANY_WAITS.
  void Commit(CommitRequest request, CommitCallback done);

  // The same for a request that defines a derivation; a hosted one gets the
  // session as a host. NOT_FOUND / SESSION_LOST.
  void Derive(CommitRequest request, const std::string& session_id,
              CommitCallback done);
  // Who computes hosted transforms.
  HostTable& hosts() { return *hosts_; }

  // Subscribes between two commits: the stream misses nothing after where it
  // starts, and repeats nothing. `ready` is kept until the stream is dropped and
  // the sequencer has let go of it; it may be called before this returns. Blocks
  // until the batch at hand is done.
  // UNAVAILABLE / SHUTTING_DOWN; OUT_OF_RANGE / EPOCH_CHANGED,
  // REVISION_IN_FUTURE, HISTORY_COMPACTED.
  // RESOURCE_EXHAUSTED / TOO_MANY_SUBSCRIPTIONS, TOO_MANY_PATTERNS, of `client`.
  absl::StatusOr<std::unique_ptr<EventStream>> Subscribe(
      SubscriptionSpec spec, size_t max_queue_bytes, ReadyCallback ready,
      const ClientId& client = ClientId());

  // What clients hold. RESOURCE_EXHAUSTED if that would be too much.
  absl::StatusOr<Hold> Take(const ClientId& client, Holding what) {
    return accounts_->AccountOf(client)->Take(what);
  }
  const ClientAccounts& accounts() const { return *accounts_; }

  // What a path's life hangs on; nothing if it stays.
  std::optional<LeaseStatus> LeaseOf(const Path& path) const {
    return sequencer_->leases().Find(path);
  }

  // The small records beside the tree, by key; those whose key begins with
  // `prefix`.
  RecordTable::Records RecordsWithPrefix(std::string_view prefix) const {
    return sequencer_->records().WithPrefix(prefix);
  }

  // What is kept at one revision, all of it: for a backup.
  struct Checkpoint {
    std::shared_ptr<const PublishedState> state;
    // In path order.
    std::vector<Lease> leases;
    // Those whose keys begin with one of the prefixes asked for.
    RecordTable::Records records;
  };
  // Blocks until the batch at hand is done. UNAVAILABLE / SHUTTING_DOWN.
  absl::StatusOr<Checkpoint> TakeCheckpoint(
      std::vector<std::string> record_prefixes);

  // Mounts and unmounts; in path order, what is mounted. As in Sequencer.
  void AddMount(Mount mount, Sequencer::MountCallback done) {
    sequencer_->AddMount(std::move(mount), std::move(done));
  }
  void RemoveMount(
      const Path& at, Sequencer::MountCallback done,
      Sequencer::Unapplied unapplied = Sequencer::Unapplied::kRefuse) {
    sequencer_->RemoveMount(at, std::move(done), unapplied);
  }
  std::vector<std::shared_ptr<MountedBackend>> Mounts() const {
    return sequencer_->mounts();
  }
  // Runs `task` on the sequencer's thread, between two batches. UNAVAILABLE /
  // SHUTTING_DOWN once stopped.
  absl::Status AtBoundary(absl::AnyInvocable<void()> task) {
    return sequencer_->AtBoundary(std::move(task));
  }

  // Sessions, their callbacks and presence.
  SessionTable& sessions() { return *sessions_; }

  // Begins a run of a tracker of a session. Errors of TrackerTable::BeginRun;
  // NOT_FOUND / SESSION_LOST.
  absl::StatusOr<BegunRun> BeginRun(const std::string& session_id,
                                    std::string tracker_id);
  // Callbacks of sessions that run again when what they read changes.
  TrackerTable& trackers() { return *trackers_; }

  // Answers intercepted events by their tokens (EncodeAckToken with issuer()).
  // Gives those that came too late or are unknown.
  struct Acknowledgement {
    std::string token;
    bool stop_bubbling = false;
  };
  std::vector<std::string> Acknowledge(
      absl::Span<const Acknowledgement> answers);
  // Who gives ack tokens: this process.
  const std::string& issuer() const { return issuer_; }

  // At most `limit` subscriptions with an id above `after_id`, by id; of one
  // session, unless `session_id` is empty.
  std::vector<SubscriptionStatus> ListSubscriptions(
      const std::string& session_id, int64_t after_id, size_t limit) const {
    return hub_->List(session_id, after_id, limit);
  }

  using Status = EngineStatus;
  Status GetStatus() const;
  // Everything that can be counted. Looks at each derivation, mount and
  // subscription; nobody waits for it meanwhile.
  Measures Measure() const;

  // Forgets the history up to a revision; blocks until the batch at hand is
  // done. OUT_OF_RANGE / REVISION_IN_FUTURE, UNAVAILABLE / SHUTTING_DOWN.
  absl::Status Compact(Revision through);

  // Time has passed: deadlines of interceptions, minimum intervals, grace times
  // of sessions, ends of leases, flushes of caches, the age of the history. Call
  // it about every 50 ms, from one thread.
  void Tick(absl::Duration now);

  // OK, or why no writes are taken (for health).
  absl::Status Health() const { return sequencer_->Health(); }

  // Refuses new commits, finishes those queued, ends every stream with
  // UNAVAILABLE / SHUTTING_DOWN after what it still holds, and closes the
  // store. Idempotent.
  absl::Status Stop();

 private:
  // Tells several of what is published.
  class Listeners final : public CommitListener {
   public:
    void Add(CommitListener* listener) { listeners_.push_back(listener); }
    void OnPublished(absl::Span<const SequencedCommit> commits) override {
      for (CommitListener* listener : listeners_) {
        listener->OnPublished(commits);
      }
    }

   private:
    std::vector<CommitListener*> listeners_;
  };

  Controller() = default;

  // Makes `done` wait for what is derived by hosts: of `dest` too, if there is
  // one.
  // It holds `hold` until then.
  CommitCallback AfterDerived(std::optional<Path> dest, Hold hold,
                              CommitCallback done);

  // Deletes what is bound to a session that is over, and calls `done`.
  void ExpireLeases(const std::string& session_id,
                    absl::AnyInvocable<void()> done);

  // Submits the end of the leases whose time is over, unless that is under way.
  void ExpireOverdue();

  // Tells this process's ack tokens from those of others.
  std::string issuer_;
  const Clock* clock_ = nullptr;
  std::unique_ptr<ClientAccounts> accounts_;
  Listeners listeners_;
  std::unique_ptr<TrackerTable> trackers_;
  std::unique_ptr<HostTable> hosts_;
  std::shared_ptr<Sequencer> sequencer_;
  std::unique_ptr<SubscriptionHub> hub_;
  std::unique_ptr<SessionTable> sessions_;
  // Tick's: when it looks again at what is not urgent.
  absl::Duration next_check_ = -absl::InfiniteDuration();
  // What the wall clock showed when the monotonic one began, by their last
  // readings.
  absl::Time monotonic_origin_ = absl::InfinitePast();
  // Whether overdue leases are being ended.
  std::atomic<bool> expiring_ = false;

  Mutex expiry_mutex_;
  // Sessions that are over, whose leases are not.
  std::vector<std::string> unexpired_ ABSL_GUARDED_BY(expiry_mutex_);
};

}  // namespace restate

#endif  // RESTATE_ENGINE_CONTROLLER_CONTROLLER_H_
