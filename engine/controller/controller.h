#ifndef RESTATE_ENGINE_CONTROLLER_CONTROLLER_H_
#define RESTATE_ENGINE_CONTROLLER_CONTROLLER_H_

#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/backend/backend.h"
#include "engine/commit/commit_request.h"
#include "engine/commit/publication.h"
#include "engine/commit/published_state.h"
#include "engine/commit/sequencer.h"
#include "engine/subscription/event_router.h"
#include "engine/subscription/event_stream.h"
#include "engine/sync/mutex.h"

namespace restate {

// What a controller is made of. It fills in the listener itself.
using ControllerOptions = SequencerOptions;

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
  // Calls Stop. Streams may outlive the controller.
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
  // that order.
  void Commit(CommitRequest request, CommitCallback done) {
    sequencer_->Submit(std::move(request), std::move(done));
  }

  // Subscribes between two commits: the stream misses nothing after the
  // revision of its first `synced` batch, and repeats nothing. `ready` is kept
  // until the stream is dropped and the sequencer has let go of it; it may be
  // called before this returns. Blocks until the batch at hand is done.
  // UNAVAILABLE / SHUTTING_DOWN, OUT_OF_RANGE / EPOCH_CHANGED.
  absl::StatusOr<std::unique_ptr<EventStream>> Subscribe(SubscriptionSpec spec,
                                                         ReadyCallback ready);

  // OK, or why no writes are taken (for health).
  absl::Status Health() const { return sequencer_->Health(); }

  // Refuses new commits, finishes those queued, ends every stream with
  // UNAVAILABLE / SHUTTING_DOWN after what it still holds, and closes the
  // store. Idempotent.
  absl::Status Stop();

 private:
  // What streams need of the sequencer after the controller may be gone.
  struct Link {
    Mutex mutex;
    // Null once stopped.
    Sequencer* sequencer ABSL_GUARDED_BY(mutex) = nullptr;
  };

  Controller() : link_(std::make_shared<Link>()) {}

  // The sequencer's thread alone, and Stop when that thread has ended.
  EventRouter router_;
  std::unique_ptr<Sequencer> sequencer_;
  const std::shared_ptr<Link> link_;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_CONTROLLER_CONTROLLER_H_
