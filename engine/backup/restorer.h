#ifndef RESTATE_ENGINE_BACKUP_RESTORER_H_
#define RESTATE_ENGINE_BACKUP_RESTORER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "backup_record.pb.h"
#include "engine/backend/backend.h"
#include "engine/backup/chunk_frame.h"
#include "engine/commit/commit_request.h"
#include "engine/controller/controller.h"
#include "engine/derivation/definition.h"

namespace restate {

// How a restore is done.
struct RestoreOptions {
  // Bounds of one commit.
  size_t commit_entries = 1'000;
  size_t commit_bytes = size_t{1} << 20;
  // Makes mounts of the small records of a backup, which are then also in the
  // store. Without it the records are only written: for a controller that
  // mounts nothing.
  std::function<absl::Status(const std::map<std::string, std::string>&)>
      restore_records;
};

// How far a restore is. Thread-safe.
struct RestoreProgress {
  std::atomic<int64_t> entries = 0;
  // As the backup says; 0 if it does not.
  std::atomic<int64_t> expected_entries = 0;
};

// What was restored.
struct RestoreResult {
  int64_t records = 0;
  int64_t entries = 0;
  int64_t leases = 0;
  // The last commit of the restore, in this server's epoch.
  Revision revision = 0;
  // What the backup is of.
  std::string backup_epoch;
  Revision backup_revision = 0;
};

// A record with this key is there while a restore is incomplete: from its first
// commit until its last, also after a restart.
inline constexpr char kIncompleteRestoreKey[] = "restore/incomplete";

// Why what the server holds is not to be relied on, and what to do, if a
// restore was begun and did not end; empty if not.
std::string IncompleteRestore(const Controller& controller);

// Writes a backup into an empty server: in path order, by ordinary commits of
// bounded size, each after its chunk was found intact. Nobody else may write
// meanwhile.
//
// The first error ends it. What was written by then stays, and so does the
// record that says that it is not everything.
//
// Thread-compatible; blocks on its commits, so it must not be called on the
// sequencer's thread. `controller` and `progress` outlive it.
class Restorer {
 public:
  Restorer(Controller* controller, RestoreOptions options,
           RestoreProgress* progress);

  // The next bytes of the backup, of any size.
  //   FAILED_PRECONDITION / NOT_EMPTY: the server is not empty, or somebody
  //     else wrote to it.
  //   INVALID_ARGUMENT / INVALID_REQUEST: this is no backup, or a newer
  //     server's.
  //   DATA_LOSS / CORRUPT naming the chunk.
  //   Errors of commits and of restore_records.
  absl::Status Feed(std::string_view bytes);
  // There are no more bytes. Errors as Feed: DATA_LOSS / CORRUPT if the backup
  // has not ended.
  absl::StatusOr<RestoreResult> Finish();

 private:
  // The kinds of chunks, in the order in which they may come.
  enum class Stage { kHeader, kRecords, kEntries, kLeases, kEnded };

  absl::Status FeedChunks();
  absl::Status TakeChunk(uint64_t number, const std::string& payload);
  absl::Status Begin(const storage::v1::BackupHeader& header);
  absl::Status TakeRecords(const storage::v1::BackupRecords& records);
  absl::Status TakeEntries(uint64_t number,
                           const storage::v1::BackupEntries& entries);
  absl::Status TakeLeases(uint64_t number,
                          const storage::v1::BackupLeases& leases);
  // NOT_EMPTY unless there is nothing but what an earlier, incomplete restore
  // left beside the tree.
  absl::Status CheckEmpty() const;
  // The path of an entry or a lease, which come in order.
  absl::StatusOr<Path> TakePath(uint64_t number, const std::string& key);
  // Adds to the commit at hand, and writes it when it is full.
  absl::Status Add(Operation operation, size_t bytes);
  absl::Status Flush();
  absl::Status Commit(CommitRequest request);
  // The first error, kept, with what to do about what is half there.
  absl::Status Fail(absl::Status status);

  Controller* const controller_;
  const RestoreOptions options_;
  RestoreProgress* const progress_;
  ChunkUnframer unframer_;
  Stage stage_ = Stage::kHeader;
  absl::Status status_;
  // Whether the record of an incomplete restore is there.
  bool begun_ = false;
  RestoreResult result_;
  // Defined when everything else is there.
  std::vector<Definition> definitions_;
  // What the end of the backup says.
  storage::v1::BackupEnd end_;
  // The last path, of entries or of leases.
  std::optional<Path> last_path_;
  // The commit at hand.
  CommitRequest commit_;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_BACKUP_RESTORER_H_
