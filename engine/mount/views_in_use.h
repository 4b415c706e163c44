#ifndef RESTATE_ENGINE_MOUNT_VIEWS_IN_USE_H_
#define RESTATE_ENGINE_MOUNT_VIEWS_IN_USE_H_

#include <atomic>
#include <map>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "engine/backend/backend.h"
#include "engine/sync/mutex.h"

namespace restate {

// Which views of a store that keeps no snapshots are in use. A view shows the
// store with everything up to one revision laid over it, so it stays right as
// long as nothing newer is applied; before that happens whoever applies waits
// for it to go, or ends it: from then on reading it is OUT_OF_RANGE /
// SNAPSHOT_EXPIRED.
//
// Thread-safe. `on_release` is called without the lock when the oldest view
// goes.
class ViewsInUse : public std::enable_shared_from_this<ViewsInUse> {
 public:
  explicit ViewsInUse(absl::AnyInvocable<void() const> on_release)
      : on_release_(std::move(on_release)) {}

  // `snapshot`, in use until the last copy of the result is let go of.
  std::shared_ptr<const Snapshot> Track(
      std::shared_ptr<const Snapshot> snapshot, Revision covers);
  // Whether a view that shows less than `revision` is in use, and not ended.
  bool HasOlderThan(Revision revision) const;
  // Ends those views.
  void ExpireOlderThan(Revision revision);

 private:
  class View;

  void Release(Revision covers);

  const absl::AnyInvocable<void() const> on_release_;
  // Views that show less than this are over.
  std::atomic<Revision> expired_before_ = 0;
  mutable Mutex mutex_;
  // How many there are, by what they show.
  std::map<Revision, int> in_use_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace restate

#endif  // RESTATE_ENGINE_MOUNT_VIEWS_IN_USE_H_
