#ifndef RESTATE_ENGINE_BACKEND_ROCKSDB_LOG_CHECK_H_
#define RESTATE_ENGINE_BACKEND_ROCKSDB_LOG_CHECK_H_

#include <string>

#include "absl/status/status.h"

namespace restate {

// Looks through the logs of a database that is not open: its write-ahead logs,
// and the MANIFEST that CURRENT names, which is a log too.
//
// RocksDB takes some damage for the end that a crash cuts off: a record whose
// length reaches beyond the end of the file, one of a kind that stands for
// older contents, a stretch of zeros. What comes after it would be dropped
// without a word, answered writes with it. Here, an end counts as cut off only
// if nothing in it can be a record that was written to its end.
//
// DATA_LOSS / CORRUPT naming the file and the byte. OK also where there is no
// database, or where RocksDB itself sees what is wrong.
absl::Status CheckLogs(const std::string& directory);

}  // namespace restate

#endif  // RESTATE_ENGINE_BACKEND_ROCKSDB_LOG_CHECK_H_
