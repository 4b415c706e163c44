#ifndef RESTATE_ENGINE_BACKEND_ROCKSDB_DATA_FILE_PROBE_H_
#define RESTATE_ENGINE_BACKEND_ROCKSDB_DATA_FILE_PROBE_H_

#include <string>

#include "absl/status/status.h"

namespace restate {

// Whether RocksDB can open a data file: its footer, index and properties. Asked
// in a process of its own, for Debian's RocksDB ends the process at some damage.
// What is damaged in the file's contents is looked for only with `whole`; such a
// file is refused then.
enum class DataFileState { kOpens, kRefused, kEndsTheProcess };
DataFileState ProbeDataFile(const std::string& path, bool whole = false);

// DATA_LOSS / CORRUPT naming a data file that would end the process.
absl::Status CheckDataFiles(const std::string& directory);

}  // namespace restate

#endif  // RESTATE_ENGINE_BACKEND_ROCKSDB_DATA_FILE_PROBE_H_
