#ifndef RESTATE_ENGINE_BACKUP_BACKUP_WRITER_H_
#define RESTATE_ENGINE_BACKUP_BACKUP_WRITER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "engine/backend/backend.h"
#include "backup_record.pb.h"
#include "engine/backup/chunk_frame.h"
#include "engine/controller/controller.h"

namespace restate {

// What goes into a backup besides the state.
struct BackupOptions {
  std::string epoch;
  std::string server_version;
  absl::Time time;
  // About how many entries there are; 0 if nobody knows.
  int64_t expected_entries = 0;
  // About how much goes into one chunk.
  size_t chunk_bytes = size_t{256} << 10;
};

// Small records whose keys begin so are part of a backup: what is mounted, and
// what is derived.
std::vector<std::string> BackupRecordPrefixes();

// Writes down everything that one revision shows, chunk by chunk, while other
// commits go on. Of what is bound to a session nothing is kept: it would not
// outlive a restart either.
//
// Thread-compatible.
class BackupWriter {
 public:
  BackupWriter(Controller::Checkpoint checkpoint, BackupOptions options);

  // The next chunk, in its frame; nothing after the last. Reads what it needs,
  // and may block on it: DATA_LOSS / CORRUPT if the state is damaged,
  // UNAVAILABLE if a mount is down.
  absl::StatusOr<std::optional<std::string>> Next();

  Revision revision() const { return checkpoint_.state->revision(); }
  // Own values written so far.
  int64_t entries() const { return end_.entries(); }
  int64_t expected_entries() const { return options_.expected_entries; }

 private:
  enum class Stage { kHeader, kRecords, kEntries, kLeases, kEnd, kDone };

  // Each fills a chunk, and moves to the next stage when its own is over.
  void FillHeader(storage::v1::BackupChunk* chunk);
  void FillRecords(storage::v1::BackupChunk* chunk);
  absl::Status FillEntries(storage::v1::BackupChunk* chunk);
  absl::Status FillLeases(storage::v1::BackupChunk* chunk);
  // Whether a path, or one above it, is bound to a session.
  bool IsPresence(const Path& path) const;
  // Moves the cursor past what is bound to sessions.
  void SkipPresence();

  const Controller::Checkpoint checkpoint_;
  const BackupOptions options_;
  ChunkFramer framer_;
  Stage stage_ = Stage::kHeader;
  // Counts what was written.
  storage::v1::BackupEnd end_;
  // The next of checkpoint_.leases.
  size_t next_lease_ = 0;
  // Paths bound to sessions, in order, and the next one that may be met.
  std::vector<Path> presence_;
  size_t next_presence_ = 0;
  // Over the state, once its entries are begun.
  std::unique_ptr<Cursor> cursor_;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_BACKUP_BACKUP_WRITER_H_
