#ifndef RESTATE_ENGINE_CONTROLLER_CONTROLLER_H_
#define RESTATE_ENGINE_CONTROLLER_CONTROLLER_H_

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/backend/backend.h"
#include "engine/backend/commit_store.h"
#include "engine/clock/clock.h"
#include "engine/commit/commit_request.h"
#include "engine/path/path.h"
#include "engine/subscription/event_stream.h"

namespace restate {

// A published state: everything up to one revision, over all mounts. Immutable
// and thread-safe; as long as it is held, what it shows can be read.
class PublishedState {
 public:
  virtual ~PublishedState() = default;
  virtual Revision revision() const = 0;
  // The state of the whole tree. A read that touches a mount that is down is
  // UNAVAILABLE / MOUNT_UNAVAILABLE naming it.
  virtual const Snapshot& tree() const = 0;
  // As tree(), with mounts that are down left out; `*left_out` tells whether
  // any were, below `path`.
  virtual absl::StatusOr<ReadResult> ReadPartial(const Path& path,
                                                 const ReadLimits& limits,
                                                 bool* left_out) const = 0;
};

// One mount of the configuration.
struct Mount {
  Path at;
  std::unique_ptr<Backend> backend;
};

// What a controller is made of.
struct ControllerOptions {
  // One of them at the root.
  std::vector<Mount> mounts;
  // Null: nothing is durable, and each start begins an epoch.
  std::unique_ptr<CommitStore> commit_store;
  // Required; outlives the controller.
  const Clock* clock = nullptr;
  // Revisions reserved in one durable step.
  Revision revision_block = 1'000'000;
  // Bound of the queue in front of the sequencer.
  size_t max_queued_commits = 100'000;
  size_t max_queued_bytes = size_t{256} << 20;
  // Bound of the memory of last changes, in bytes.
  size_t last_changes_bytes = size_t{256} << 20;
  // At most this many commits share one fsync.
  size_t max_batch_commits = 4'096;
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
  // Calls Stop.
  virtual ~Controller() = default;

  // Which sequence of revisions this is.
  virtual const std::string& epoch() const = 0;
  // OUT_OF_RANGE / EPOCH_CHANGED unless `epoch` is empty or the server's.
  virtual absl::Status CheckEpoch(const std::string& epoch) const = 0;

  // The newest published state.
  virtual std::shared_ptr<const PublishedState> Published() const = 0;
  // Calls `done` with a state at or after `min_revision`, at once if it is
  // published, else on the sequencer's thread when it is. OUT_OF_RANGE /
  // REVISION_IN_FUTURE if it was never given out; UNAVAILABLE /
  // OUTCOME_UNKNOWN if its batch failed.
  using StateCallback = absl::AnyInvocable<void(
      absl::StatusOr<std::shared_ptr<const PublishedState>>)>;
  virtual void WhenPublished(Revision min_revision, StateCallback done) = 0;

  // Queues a commit. `done` is called exactly once, possibly before this
  // returns (RESOURCE_EXHAUSTED / QUEUE_FULL, UNAVAILABLE / SHUTTING_DOWN).
  // Commits queued by one thread are sequenced in that order.
  virtual void Commit(CommitRequest request, CommitCallback done) = 0;

  // Subscribes between two commits: the stream misses nothing after the
  // revision of its first `synced` batch, and repeats nothing. `ready` is kept
  // until the stream is dropped; it may be called before this returns. Blocks
  // until the batch at hand is done.
  virtual absl::StatusOr<std::unique_ptr<EventStream>> Subscribe(
      SubscriptionSpec spec, ReadyCallback ready) = 0;

  // OK, or why no writes are taken (for health).
  virtual absl::Status Health() const = 0;

  // Refuses new commits, finishes those queued, ends every stream with
  // UNAVAILABLE / SHUTTING_DOWN after what it still holds, and closes the
  // store. Idempotent.
  virtual absl::Status Stop() = 0;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_CONTROLLER_CONTROLLER_H_
