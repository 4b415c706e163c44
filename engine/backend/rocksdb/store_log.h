#ifndef RESTATE_ENGINE_BACKEND_ROCKSDB_STORE_LOG_H_
#define RESTATE_ENGINE_BACKEND_ROCKSDB_STORE_LOG_H_

#include <memory>
#include <string>

#include "rocksdb/env.h"

namespace restate {

// What RocksDB has to say of itself, warnings and errors, goes to the file LOG
// in the store's directory; the one of the time before is kept as LOG.old.
// Lines that cannot be written are left out.
//
// It takes the place of RocksDB's own, which ends the process (in Debian's
// build, which has assertions) when it writes after a write of it has failed:
// when the disk is full, of all times.
std::shared_ptr<::rocksdb::Logger> NewStoreLog(const std::string& directory);

}  // namespace restate

#endif  // RESTATE_ENGINE_BACKEND_ROCKSDB_STORE_LOG_H_
