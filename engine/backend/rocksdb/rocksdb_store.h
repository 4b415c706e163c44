#ifndef RESTATE_ENGINE_BACKEND_ROCKSDB_ROCKSDB_STORE_H_
#define RESTATE_ENGINE_BACKEND_ROCKSDB_ROCKSDB_STORE_H_

#include <cstdint>
#include <map>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/backend/backend.h"
#include "engine/backend/commit_store.h"
#include "engine/backend/history_log.h"
#include "engine/backend/rocksdb/rocksdb_options.h"
#include "engine/path/path.h"

namespace restate {

class RocksDbCore;

// A commit store in a RocksDB database, and the backends of the mounts whose
// trees it keeps. A batch is one atomic write to the log, fsync'd.
//
// Called by one thread at a time, as CommitStore says; the backends' snapshots
// are read from anywhere, and keep the database open.
class RocksDbStore : public CommitStore {
 public:
  // Opens the store in a directory, or makes an empty one.
  //   DATA_LOSS / CORRUPT: it is damaged, and that is not accepted. A batch cut
  //     off at the very end of the log is not damage: it was never answered, and
  //     is dropped.
  //   UNAVAILABLE / MOUNT_UNAVAILABLE: another process uses the directory, a
  //     newer server wrote it, or it cannot be opened for another reason.
  static absl::StatusOr<std::unique_ptr<RocksDbStore>> Open(
      const RocksDbOptions& options);
  // Does not Close: revisions go on above the reserved block.
  ~RocksDbStore() override;

  // The backend for the tree kept for this mount point, empty the first time.
  // Its number lasts: the same mount point gives the same tree after a restart.
  // The backend may outlive the store and stays usable after Reopen. Its tree
  // is written by Commit alone: its Apply is INTERNAL.
  absl::StatusOr<std::unique_ptr<Backend>> OpenMount(const Path& at);

  const CommitStoreState& state() const override;
  absl::Status Commit(const CommitBatch& batch) override;
  absl::Status WriteHistory(const HistoryChanges& changes) override;
  std::shared_ptr<const HistoryLog> history() const override;
  absl::Status ReadRequests(
      absl::FunctionRef<void(StoredRequest)> take) const override;
  absl::Status ReadJournal(
      uint32_t mount, absl::FunctionRef<void(Write)> take) const override;
  absl::Status CanReopen() const override;
  absl::Status Reopen() override;
  // Also moves what is in the log to files, so that the next start is quick.
  absl::Status Close(Revision last_given) override;

  // Whether the store was closed in order before it was opened.
  bool closed_cleanly() const;
  // Whether it was damaged, and this is what could be read of it. state() has a
  // record, kLossesRecord, that tells what could not.
  bool salvaged() const { return salvaged_; }

 private:
  explicit RocksDbStore(std::shared_ptr<RocksDbCore> core);

  const std::shared_ptr<RocksDbCore> core_;
  CommitStoreState state_;
  bool closed_cleanly_ = false;
  bool salvaged_ = false;
  // Up to where the journal of each mount has been released since the store was
  // opened: ranges that are deleted need not be deleted again.
  std::map<uint32_t, Revision> released_;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_BACKEND_ROCKSDB_ROCKSDB_STORE_H_
