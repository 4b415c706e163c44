#ifndef RESTATE_ENGINE_BACKEND_ROCKSDB_SALVAGE_LOGS_H_
#define RESTATE_ENGINE_BACKEND_ROCKSDB_SALVAGE_LOGS_H_

#include <string>
#include <vector>

#include "engine/backend/rocksdb/salvage_source.h"
#include "engine/backend/rocksdb/salvage_writer.h"

namespace restate {

// Writes what the write-ahead logs of a damaged database have beyond its data
// files, in order, leaving out what is unreadable. `losses` is told which commits
// that were.
void CopyLogs(const std::string& directory, const SalvageSource& source,
              SalvageWriter* writer, std::vector<std::string>* losses);

}  // namespace restate

#endif  // RESTATE_ENGINE_BACKEND_ROCKSDB_SALVAGE_LOGS_H_
