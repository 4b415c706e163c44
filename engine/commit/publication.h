#ifndef RESTATE_ENGINE_COMMIT_PUBLICATION_H_
#define RESTATE_ENGINE_COMMIT_PUBLICATION_H_

#include <atomic>
#include <memory>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/backend/backend.h"
#include "engine/commit/published_state.h"
#include "engine/sync/mutex.h"

namespace restate {

// Called with the state waited for.
using StateCallback = absl::AnyInvocable<void(
    absl::StatusOr<std::shared_ptr<const PublishedState>>)>;

// The newest published state, and who waits for a newer one.
//
// Thread-safe. The mutex is held only to copy or swap the pointer and to note a
// waiter, never while anything is read, written or called: a reader waits for
// another pointer copy at most, never for a write.
class Publication {
 public:
  explicit Publication(std::shared_ptr<const PublishedState> first);

  std::shared_ptr<const PublishedState> Newest() const;

  // Calls `done` with a state at or after `revision`: now if it is published,
  // else by Publish. OUT_OF_RANGE / REVISION_IN_FUTURE if it was never given
  // out; the error of FailWaiters if its batch failed.
  void WhenPublished(Revision revision, StateCallback done);

  // The sequencer's part. GiveOut before anybody can learn of the revision.
  void GiveOut(Revision revision) {
    last_given_.store(revision, std::memory_order_release);
  }
  Revision last_given() const {
    return last_given_.load(std::memory_order_acquire);
  }
  void Publish(std::shared_ptr<const PublishedState> state);
  // Everybody who waits gets `error`.
  void FailWaiters(const absl::Status& error);

 private:
  struct Waiter {
    Revision revision;
    StateCallback done;
  };

  std::atomic<Revision> last_given_;
  mutable Mutex mutex_;
  std::shared_ptr<const PublishedState> newest_ ABSL_GUARDED_BY(mutex_);
  std::vector<Waiter> waiters_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace restate

#endif  // RESTATE_ENGINE_COMMIT_PUBLICATION_H_
