#ifndef RESTATE_ENGINE_MOUNT_MOUNTED_BACKEND_H_
#define RESTATE_ENGINE_MOUNT_MOUNTED_BACKEND_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/backend/backend.h"
#include "engine/clock/clock.h"
#include "engine/mount/applier.h"
#include "engine/path/path.h"
#include "engine/sync/mutex.h"
#include "engine/threads/job_pool.h"

namespace restate {

// One mount: a place, and what serves it.
struct Mount {
  Path at;
  std::unique_ptr<Backend> backend;
  // Whether writes are kept in memory and brought to the backend later.
  std::optional<CachePolicy> cache;
  // How to mount it again; bytes of whoever mounts. Empty: from the
  // configuration, which says so itself.
  std::string definition;
  // What it is, so that another one at the same place is told from it:
  // "filesystem /etc/app". Its kind, if empty.
  std::string identity;
  // What its backend waits for when it waits, if other mounts may wait for the
  // same: the address of a store. Of those, few are brought to it at a time.
  std::string depends_on;
};

// How a mount is; for people and metrics.
struct MountStatus {
  Path at;
  std::string kind;
  std::optional<CachePolicy> cache;
  // As in Mount.
  std::string definition;
  bool durable = false;
  // Of the backend, or of the writes that wait for it, whichever is worse.
  BackendHealth health;
  BackendSize size;
  // Writes since it was mounted.
  uint64_t writes = 0;
  // Of mounts whose writes are applied later.
  std::optional<ApplierStatus> applier;
};

// A backend at its place, with what brings writes to it:
//
//   custody       | a write is                      | after a crash
//   --------------+---------------------------------+---------------------------
//   kCommitStore  | part of the deciding batch      | there
//   kVolatile     | applied before it is published  | all is gone
//   kApart        | in the journal, applied later   | applied again
//   kCached       | in memory, applied at a flush   | what is not flushed is gone
//
// Status and Flush are thread-safe; the rest is the sequencer's thread's.
class MountedBackend {
 public:
  enum class Custody { kCommitStore, kVolatile, kApart, kCached };

  struct Options {
    // Required; outlives the mount.
    const Clock* clock = nullptr;
    // Required if writes are applied later; outlives the mount.
    JobPool* jobs = nullptr;
    // As in ApplierOptions. `flush` is what `apply` is there, of a cache.
    std::function<absl::Status(Backend&, std::vector<Write>, Revision,
                               std::vector<LeftWrite>*)>
        flush;
    std::function<void()> on_change;
  };

  MountedBackend(Mount mount, Options options);

  const Path& at() const { return at_; }
  Backend& backend() { return *backend_; }
  const Backend& backend() const { return *backend_; }
  Custody custody() const { return custody_; }
  const std::optional<CachePolicy>& cache() const { return cache_; }
  const std::string& definition() const { return definition_; }
  const std::string& identity() const { return identity_; }
  // As in Mount.
  const std::string& depends_on() const { return depends_on_; }
  // Whether what is decided is there after a clean restart.
  bool durable() const { return backend_->durable(); }
  // "rocksdb", "caching rocksdb".
  const std::string& kind() const { return kind_; }

  // Null for kCommitStore and kVolatile.
  Applier* applier() { return applier_.get(); }

  // Asked before a commit is sequenced; `write` is relative to the mount.
  // FAILED_PRECONDITION / NOT_STORABLE; UNAVAILABLE / MOUNT_UNAVAILABLE.
  absl::Status CanStore(const Write& write) const;
  // Decided writes; those of kCommitStore are only counted. If the backend
  // refuses, the mount shows nothing any more.
  void Apply(absl::Span<const Write> writes, Revision revision);
  // What is decided so far.
  absl::StatusOr<std::shared_ptr<const Snapshot>> TakeSnapshot();

  // Why it takes nothing and shows nothing; OK ends that.
  void SetDown(absl::Status why);
  absl::Status down() const;
  // Refuses writes while it goes away.
  void SetLeaving(bool leaving) { leaving_ = leaving; }

  // Before and after the commit store is opened again.
  void LetGoOfStore(const absl::Status& why);
  void TakeUpStore();

  MountStatus Status() const;
  // As of the applier; false if there is none.
  bool OnlyStuckWaits() const {
    return applier_ != nullptr && applier_->OnlyStuckWaits();
  }
  // Calls `done` when all that is decided so far is in the backend.
  void Flush(absl::AnyInvocable<void(absl::Status)> done);

 private:
  // What its store has left, for people.
  void AddStuck(const ApplierStatus& applier, BackendHealth* health) const;

  const Path at_;
  const std::unique_ptr<Backend> backend_;
  const std::optional<CachePolicy> cache_;
  const std::string definition_;
  const Custody custody_;
  const std::string kind_;
  const std::string identity_;
  const std::string depends_on_;
  // Null unless writes are applied later.
  std::unique_ptr<Applier> applier_;
  std::atomic<uint64_t> writes_ = 0;
  bool leaving_ = false;
  mutable Mutex mutex_;
  absl::Status down_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace restate

#endif  // RESTATE_ENGINE_MOUNT_MOUNTED_BACKEND_H_
