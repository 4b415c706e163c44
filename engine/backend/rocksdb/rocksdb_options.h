#ifndef RESTATE_ENGINE_BACKEND_ROCKSDB_ROCKSDB_OPTIONS_H_
#define RESTATE_ENGINE_BACKEND_ROCKSDB_ROCKSDB_OPTIONS_H_

#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "engine/backend/rocksdb/descriptor_reserve.h"

namespace restate {

// How to open a RocksDbStore.
struct RocksDbOptions {
  // The database's directory: used by one process at a time.
  std::string directory;
  // Make the directory (not its parents) and an empty store if there is none.
  bool create_if_missing = true;
  // Memory for blocks read from disk.
  size_t block_cache_bytes = size_t{256} << 20;
  // Writes of one column family kept in memory before they go to a file.
  size_t write_buffer_bytes = size_t{64} << 20;
  // Look through the whole store for damage, and if there is any go on, in a new
  // epoch, with what can be read (salvage.h). Otherwise it changes nothing.
  bool accept_data_loss = false;
  // Damage that others have found; with accept_data_loss.
  absl::Status known_damage;
  // What the store has left when the process has no descriptor left. Null: it
  // keeps one of its own.
  std::shared_ptr<DescriptorReserve> descriptors;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_BACKEND_ROCKSDB_ROCKSDB_OPTIONS_H_
