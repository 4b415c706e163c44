#ifndef RESTATE_ENGINE_BACKEND_ROCKSDB_NEWEST_LOG_H_
#define RESTATE_ENGINE_BACKEND_ROCKSDB_NEWEST_LOG_H_

#include <string>

#include "absl/status/status.h"
#include "rocksdb/listener.h"

namespace restate {

// RocksDB notices when a log is gone that it has finished, but not the one that
// it was writing: without it a database opens as it was some time before. So
// the file NEWEST_LOG in its directory says which number that one has. It is
// written before anything is written to the log. The next log but one has a
// higher number, and whatever log there is with that number or a higher one is
// or comes after it.
//
// Registered with the database, it follows the logs. Thread-safe.
class NewestLog : public ::rocksdb::EventListener {
 public:
  explicit NewestLog(std::string directory)
      : directory_(std::move(directory)) {}

  // A new log has been begun.
  void OnMemTableSealed(const ::rocksdb::MemTableInfo&) override { Note(); }

  // Writes down which log is the newest. A note that cannot be written leaves
  // the one before, which asks for less.
  void Note() const;

  // Nothing is in a log that is not in a file too: none is missed.
  static void Forget(const std::string& directory);

  // DATA_LOSS / CORRUPT if the log that was the newest is gone. The database is
  // not open.
  static absl::Status Check(const std::string& directory);

 private:
  const std::string directory_;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_BACKEND_ROCKSDB_NEWEST_LOG_H_
