#ifndef RESTATE_SERVICE_MOUNTS_MOUNT_FACTORY_H_
#define RESTATE_SERVICE_MOUNTS_MOUNT_FACTORY_H_

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "engine/backend/backend.h"
#include "engine/backend/rocksdb/rocksdb_store.h"
#include "engine/mount/mounted_backend.h"
#include "engine/threads/job_pool.h"
#include "engine/tree/tree.h"
#include "service/config/mount_config.h"
#include "service/mounts/mount_permission.h"

namespace restate {

// Opens the backends that mounts name.
class MountFactory {
 public:
  struct Options {
    // What keeps rocksdb mounts; null without a data directory. Outlives the
    // use of the factory.
    RocksDbStore* store = nullptr;
    // Names this server to stores somewhere else: the same after a restart if
    // there is a data directory.
    std::string writer;
    // What a file that a person has edited may hold.
    tree::WriteLimits write_limits;
    // What looks after mounts; outlives the mounts.
    JobPool* jobs = nullptr;
    MountPermission permission{{}, ""};
    // As FilesystemOptions::umask.
    std::optional<mode_t> files_umask;
  };

  // Who wants a mount: the configuration, a call of an earlier run, or a call.
  // When the server starts, those of remote stores open before the store has
  // answered: see Backend::AwaitFirstContact.
  enum class Source { kConfiguration, kRecord, kCall };

  explicit MountFactory(Options options);

  // The mount, with its backend open. `mount` is normalized. `last_revision`:
  // nothing above it was given out. May block, for as long as a remote store
  // may take for one call.
  //
  // For a rocksdb mount it is called by the sequencer's thread, or before that
  // begins; else by any.
  //   FAILED_PRECONDITION / MOUNT_NOT_ALLOWED: see MountPermission.
  //   FAILED_PRECONDITION / NOT_STORABLE: the directory cannot be used, or there
  //     is no data directory.
  //   Errors of the backends' own Open.
  absl::StatusOr<Mount> Open(const MountConfig& mount, Source source,
                             Revision last_revision);

  // The same place while the backend cannot be opened, because of `why`.
  // REQUIRES: a filesystem or remote mount.
  Mount MakeDown(const MountConfig& mount, const absl::Status& why);

  const MountPermission& permission() const { return options_.permission; }

 private:
  absl::StatusOr<std::unique_ptr<Backend>> OpenFiles(const MountConfig& mount,
                                                     Source source);
  absl::StatusOr<std::unique_ptr<Backend>> OpenBackend(
      const MountConfig& mount, Source source, Revision last_revision);

  const Options options_;
};

}  // namespace restate

#endif  // RESTATE_SERVICE_MOUNTS_MOUNT_FACTORY_H_
