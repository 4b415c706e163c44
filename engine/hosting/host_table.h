#ifndef RESTATE_ENGINE_HOSTING_HOST_TABLE_H_
#define RESTATE_ENGINE_HOSTING_HOST_TABLE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "engine/backend/backend.h"
#include "engine/clock/clock.h"
#include "engine/commit/commit_request.h"
#include "engine/commit/effect.h"
#include "engine/commit/sequencer.h"
#include "engine/derivation/definition.h"
#include "engine/derivation/derivation_graph.h"
#include "engine/derivation/derivation_state.h"
#include "engine/path/path.h"
#include "engine/subscription/session_request.h"
#include "engine/sync/mutex.h"
#include "engine/tree/tree.h"

namespace restate {

// Bounds of hosted transforms.
struct HostLimits {
  // How long a write waits for them.
  absl::Duration wait = absl::Seconds(5);
  // Of the sources of one call.
  size_t max_call_bytes = size_t{8} << 20;
};

// A call of a hosted transform, with what its sources are.
struct FilledCall {
  // Names the call in its answer.
  std::string call_id;
  std::shared_ptr<const Definition> definition;
  // The state that the values are of.
  Revision revision = 0;
  // One for each source, in their order.
  std::vector<Tree> sources;
};

// Who computes hosted transforms: which sessions host which, which calls are
// under way, and who waits for them.
//
// The published state says which destinations are stale: this looks at what has
// changed there after each batch, calls the newest host, one call at a time for
// each definition, and commits what comes back. When the sources have changed
// again by then, the next call starts at once.
//
// Thread-safe. `mutex_` guards everything; nothing is called while it is held.
// Must not be destroyed before the sequencer has stopped.
class HostTable final : public CommitListener {
 public:
  // Asks a session for something; must not block.
  using AskCallback =
      std::function<void(const std::string& session_id,
                         std::shared_ptr<SessionRequest> request)>;
  HostTable(HostLimits limits, const Clock* clock, AskCallback ask);
  ~HostTable() override;

  // Once, before anything below.
  void Start(Sequencer* sequencer);

  // Makes a session a host, and calls it once, if that definition is what is
  // published. The sequencer's thread.
  void AddHost(const Definition& definition, const std::string& session_id);
  // A session is over, or was taken up by another stream.
  void SessionEnded(const std::string& session_id);
  void SessionResumed(const std::string& session_id);

  // What a call is to say, when it is sent. Nothing if it is not wanted any more.
  std::optional<FilledCall> Fill(const TransformCall& call);
  // Commits the result of a call, nothing for nil, or the error it ended with;
  // calls `done` when that is published. NOT_FOUND / CALL_NOT_FOUND if nobody
  // waits for it any more; errors of the commit.
  using DoneCallback = absl::AnyInvocable<void(absl::StatusOr<Revision>)>;
  void Complete(const std::string& call_id, absl::StatusOr<Tree> result,
                DoneCallback done);

  // Calls `done` when every hosted destination that a commit affected, or that
  // is `dest`, has reached it, or cannot, or the time is over: with where the
  // last did, and those that did not. The sequencer's thread, at once if there
  // is nothing to wait for.
  struct Derived {
    Revision revision = 0;
    std::vector<PendingDestination> pending;
  };
  using DerivedCallback = absl::AnyInvocable<void(Derived)>;
  void WhenDerived(Revision revision, std::optional<Path> dest,
                   DerivedCallback done);

  // How it is, and what was done since the start.
  struct Status {
    // Hosted definitions.
    size_t hosted = 0;
    // Calls that a session has been asked for and not answered; writes that
    // wait for some.
    size_t calls_in_flight = 0;
    size_t waiting_writes = 0;
    // Calls that sessions were asked for, and that came back with a result or
    // an error.
    uint64_t calls = 0;
    uint64_t results = 0;
    uint64_t errors = 0;
    // Destinations that a write waited for in vain: the time was over, or
    // nobody was there to compute them.
    uint64_t waits_timed_out = 0;
    uint64_t waits_without_host = 0;
  };
  Status GetStatus() const;

  // The sessions that host a destination, the newest last.
  std::vector<std::string> HostsOf(const Path& dest) const;

  // Time has passed.
  void Tick();

  // Nothing is committed any more: whoever waits is told what is pending.
  void EndWaits();

  // The sequencer's thread: something may have been published.
  void Refresh();
  void OnPublished(absl::Span<const SequencedCommit> commits) override {
    Refresh();
  }

 private:
  struct Hosted;
  struct Waiter;
  struct Actions;

  void RefreshLocked(Actions* actions) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Takes over what is published of a destination.
  void Update(const std::string& key, const Derivation* derivation)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Calls a host, if that is due.
  void Consider(Hosted* hosted, Actions* actions)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void EndCall(Hosted* hosted) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Looks at those who wait.
  void CheckWaiters(bool overdue, Actions* actions)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Whether nothing is to be waited for any more.
  bool Check(Waiter* waiter, bool overdue)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Adds the stale ones that a commit since `since` made stale; only those that
  // are computed from `upstream`, unless it is null.
  void AwaitStale(Revision since, const Path* upstream, Waiter* waiter)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Run(Actions actions);

  const HostLimits limits_;
  const Clock* const clock_;
  const AskCallback ask_;
  Sequencer* sequencer_ = nullptr;

  mutable Mutex mutex_;
  // What was looked at last.
  PersistentMap<Derivation> seen_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<const DerivationGraph> graph_ ABSL_GUARDED_BY(mutex_);
  // By the key of the destination.
  absl::btree_map<std::string, std::unique_ptr<Hosted>> hosted_
      ABSL_GUARDED_BY(mutex_);
  // Those among them whose sources have changed since they were computed.
  absl::btree_set<std::string> stale_ ABSL_GUARDED_BY(mutex_);
  // The destination of each call that was sent and is to be answered.
  absl::flat_hash_map<std::string, std::string> calls_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::unique_ptr<Waiter>> waiters_ ABSL_GUARDED_BY(mutex_);
  // Without what GetStatus counts when it is asked.
  Status counts_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace restate

#endif  // RESTATE_ENGINE_HOSTING_HOST_TABLE_H_
