#ifndef RESTATE_SERVICE_MOUNTS_MOUNT_OPERATIONS_H_
#define RESTATE_SERVICE_MOUNTS_MOUNT_OPERATIONS_H_

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/controller/controller.h"
#include "engine/mount/mounted_backend.h"
#include "engine/path/path.h"
#include "engine/sync/mutex.h"
#include "restate/v1/mount.pb.h"
#include "service/config/mount_config.h"
#include "service/mounts/mount_factory.h"
#include "service/streams/work_thread.h"

namespace restate {

// Mounts, unmounts and flushes while the server runs.
//
// Opening a backend and ending one may block, so both are done by a thread for
// that; flushing is waited for without one. `done` is called exactly once, on
// any thread, and must not block.
//
// Thread-safe.
class MountOperations {
 public:
  // All outlives the calls.
  struct Parts {
    Controller* controller = nullptr;
    MountFactory* factory = nullptr;
    WorkThread* worker = nullptr;
  };
  using Done = absl::AnyInvocable<void(absl::StatusOr<Revision>)>;

  // `configured` are the mounts that the configuration names.
  MountOperations(Parts parts, const std::vector<MountConfig>& configured);

  // Opens a backend and mounts it; gives the revision of the commit. `mount` is
  // normalized. RESOURCE_EXHAUSTED / TOO_MANY_MOUNTS; errors of
  // MountFactory::Open and Sequencer::AddMount.
  void Mount(const MountConfig& mount, Done done);
  // Whether calls may mount it at all, without trying: FAILED_PRECONDITION /
  // MOUNT_NOT_ALLOWED.
  absl::Status CheckAllowed(const MountConfig& mount) const;

  // Flushes, then unmounts: first while writes go on, for that may take long,
  // then once more while none are taken. Errors of Sequencer::RemoveMount; the
  // mount stays then. With kDiscard, what the store does not take is given up.
  struct Unmounted {
    Revision revision = 0;
    // The paths whose newest value is not known to be in the store.
    size_t discarded_writes = 0;
  };
  using UnmountDone = absl::AnyInvocable<void(absl::StatusOr<Unmounted>)>;
  void Unmount(const Path& at, Sequencer::Unapplied unapplied,
               UnmountDone done);

  // Gives a revision up to which everything is in the backends of the mounts
  // that serve the path or something below it.
  void Flush(const Path& path, Done done);

  // In path order.
  std::vector<v1::MountInfo> List() const;
  // What is mounted at a path, if anything is.
  std::optional<v1::MountInfo> Find(const Path& at) const;

 private:
  using Mounted = std::shared_ptr<MountedBackend>;

  // An unmount on its way.
  struct Leaving {
    Mounted mounted;
    Sequencer::Unapplied unapplied = Sequencer::Unapplied::kRefuse;
    UnmountDone done;
  };
  using SharedLeaving = std::shared_ptr<Leaving>;

  // On the worker.
  absl::StatusOr<restate::Mount> Open(const MountConfig& mount);
  // The steps of Unmount after the first flush, which has ended with `flushed`.
  void Leave(const SharedLeaving& leaving, const absl::Status& flushed);
  void Remove(const SharedLeaving& leaving);
  // On the worker.
  static void End(Leaving* leaving, Revision revision);
  // It is not unmounted after all.
  void Stay(const SharedLeaving& leaving, absl::Status why);

  Mounted MountedAt(const Path& at) const;
  v1::MountInfo InfoOf(const MountedBackend& mounted) const;

  // On the worker: that there may be one more, and that it is on its way.
  absl::Status Announce(const Path& at);
  void Arrived(const Path& at);

  const Parts parts_;
  std::map<Path, v1::MountSpec> configured_;
  // Opened, and not yet known whether they are mounted.
  mutable Mutex mutex_;
  std::multiset<Path> coming_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace restate

#endif  // RESTATE_SERVICE_MOUNTS_MOUNT_OPERATIONS_H_
