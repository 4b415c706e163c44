#ifndef RESTATE_SERVICE_ADMIN_BACKUP_SOURCE_H_
#define RESTATE_SERVICE_ADMIN_BACKUP_SOURCE_H_

#include "absl/status/status.h"
#include "engine/backup/backup_writer.h"
#include "restate/v1/backup.pb.h"
#include "service/streams/message_source.h"
#include "service/streams/open_streams.h"

namespace restate {

// The messages of Backup: a chunk each.
class BackupSource final : public MessageSource<v1::BackupResponse> {
 public:
  // `open_streams` outlives this; when it drains, the source ends with
  // UNAVAILABLE / SHUTTING_DOWN.
  BackupSource(BackupWriter writer, const OpenStreams* open_streams);

  Supply Next(v1::BackupResponse* message, absl::Status* end) override;

 private:
  BackupWriter writer_;
  const OpenStreams* const open_streams_;
};

}  // namespace restate

#endif  // RESTATE_SERVICE_ADMIN_BACKUP_SOURCE_H_
