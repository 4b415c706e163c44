#ifndef RESTATE_ENGINE_BACKEND_ROCKSDB_INSTANCE_H_
#define RESTATE_ENGINE_BACKEND_ROCKSDB_INSTANCE_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "engine/backend/commit_store.h"
#include "engine/backend/rocksdb/dead_ranges.h"
#include "engine/backend/rocksdb/hot_leaves.h"
#include "engine/backend/rocksdb/rocksdb_options.h"
#include "engine/sync/mutex.h"
#include "rocksdb/db.h"
#include "rocksdb/env.h"

namespace restate {

// Counts the open instances of one store, so that it can wait until the last
// user of an instance has let go. Thread-safe.
class InstanceCount {
 public:
  void Add();
  void Remove();
  // Blocks until there is none; false if some are left after `at_most`.
  bool WaitForNone(absl::Duration at_most);

 private:
  Mutex mutex_;
  CondVar none_;
  int count_ ABSL_GUARDED_BY(mutex_) = 0;
};

// The database, open: from Open to the destructor, which closes it. Shared by
// the store and by every snapshot, so that it closes when the last one goes.
// Thread-safe, as RocksDB is.
class Instance {
 public:
  // Opens the store, or makes an empty one. DATA_LOSS / CORRUPT if it is
  // damaged; UNAVAILABLE / MOUNT_UNAVAILABLE if another process has it, it was
  // written by a newer version, or it cannot be opened for another reason.
  static absl::StatusOr<std::shared_ptr<Instance>> Open(
      const RocksDbOptions& options, std::shared_ptr<InstanceCount> count);
  ~Instance();
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  ::rocksdb::DB& db() const { return *db_; }
  ::rocksdb::ColumnFamilyHandle* tree() const { return tree_; }
  ::rocksdb::ColumnFamilyHandle* meta() const { return meta_; }
  ::rocksdb::ColumnFamilyHandle* history() const { return history_; }
  ::rocksdb::ColumnFamilyHandle* requests() const { return requests_; }
  ::rocksdb::ColumnFamilyHandle* journal() const { return journal_; }
  const std::string& directory() const { return directory_; }
  // Leaves of all mounts, by their keys in `tree()`. Told of each batch behind its
  // write, by the thread that writes.
  HotLeaves& hot_leaves() const { return hot_leaves_; }
  // Where nothing is, in `tree()`. Told of each batch like those.
  DeadRanges& dead_ranges() const { return dead_ranges_; }

  // As found when it was opened.
  const CommitStoreState& state() const { return state_; }
  // Whether the store was closed in order before it was opened this time.
  bool closed_cleanly() const { return closed_cleanly_; }

  // The value of a meta key: nothing if it is not there.
  absl::StatusOr<std::optional<std::string>> ReadMeta(
      std::string_view key) const;

 private:
  Instance(std::string directory, std::shared_ptr<InstanceCount> count);

  absl::Status OpenDatabase(const RocksDbOptions& options);
  // Reads the meta family into state_, or writes it for a new store.
  absl::Status LoadState();
  absl::Status LoadLeases();
  absl::Status LoadRecords();
  absl::Status InitializeMeta();
  absl::Status CheckFormat(std::string_view bytes) const;

  const std::string directory_;
  const std::shared_ptr<InstanceCount> count_;
  std::unique_ptr<::rocksdb::Env> env_;
  std::unique_ptr<::rocksdb::DB> db_;
  // Owned; closed before db_.
  std::vector<::rocksdb::ColumnFamilyHandle*> families_;
  ::rocksdb::ColumnFamilyHandle* tree_ = nullptr;
  ::rocksdb::ColumnFamilyHandle* meta_ = nullptr;
  ::rocksdb::ColumnFamilyHandle* history_ = nullptr;
  ::rocksdb::ColumnFamilyHandle* requests_ = nullptr;
  ::rocksdb::ColumnFamilyHandle* journal_ = nullptr;
  CommitStoreState state_;
  bool closed_cleanly_ = false;
  mutable HotLeaves hot_leaves_;
  mutable DeadRanges dead_ranges_;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_BACKEND_ROCKSDB_INSTANCE_H_
