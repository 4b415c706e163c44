#ifndef RESTATE_ENGINE_BACKEND_ROCKSDB_ROCKSDB_STATUS_H_
#define RESTATE_ENGINE_BACKEND_ROCKSDB_ROCKSDB_STATUS_H_

#include <string>

#include "absl/status/status.h"
#include "rocksdb/status.h"

namespace restate {

// What an error of RocksDB means for the caller, with the directory and what to
// do in the message. OK stays OK.
//   DATA_LOSS / CORRUPT: the files are damaged.
//   UNAVAILABLE / MOUNT_UNAVAILABLE: everything else: another process uses the
//     directory, no space, no permission, a disk that fails.
absl::Status FromRocksDb(const ::rocksdb::Status& status,
                         const std::string& directory);

// UNAVAILABLE / MOUNT_UNAVAILABLE: a file or a directory of the store is there and
// cannot be opened, by errno.
absl::Status CannotLook(const std::string& directory, const std::string& file);

// DATA_LOSS / CORRUPT for a store whose files are damaged.
absl::Status DamagedStore(const std::string& directory,
                          const std::string& detail);

}  // namespace restate

#endif  // RESTATE_ENGINE_BACKEND_ROCKSDB_ROCKSDB_STATUS_H_
