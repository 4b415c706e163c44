#ifndef RESTATE_ENGINE_BACKEND_ROCKSDB_SALVAGE_H_
#define RESTATE_ENGINE_BACKEND_ROCKSDB_SALVAGE_H_

#include <string>

#include "absl/status/status.h"
#include "engine/backend/rocksdb/instance.h"
#include "engine/backend/rocksdb/rocksdb_options.h"

namespace restate {

// Makes a new store of what can be read of a damaged one, puts it in its place,
// and keeps the damaged files beside it, in a directory of the same name with
// ".damaged-1" or the next number that is free. The new store has an epoch of
// its own, no history and no answered requests, and a record of what was lost
// (commit_store.h, kLossesRecord). docs/disk-format.md tells what is taken.
//
// `cause` is what is damaged. Nobody may have the store open. Whatever happens on
// the way, either the old store is in its place or the new one.
//   UNAVAILABLE / MOUNT_UNAVAILABLE: there is no room for another store,
//     another process uses the directory, or a newer server wrote it.
absl::Status Salvage(const RocksDbOptions& options, const absl::Status& cause);

// A salvage that was interrupted between its last two steps is brought to its
// end; one that had not got that far is removed. Before the store is opened.
absl::Status FinishSalvage(const std::string& directory);

// Reads all of a store that is open. DATA_LOSS / CORRUPT naming what is
// unreadable.
absl::Status CheckContents(const Instance& instance);

}  // namespace restate

#endif  // RESTATE_ENGINE_BACKEND_ROCKSDB_SALVAGE_H_
