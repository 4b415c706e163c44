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
  // UNAVAILABLE / SHUTTING_DOWN. `slow`: whether there are mounts that take long
  // to read.
  BackupSource(BackupWriter writer, bool slow, const OpenStreams* open_streams);

  Supply Next(v1::BackupResponse* message, absl::Status* end) override;
  bool MayBlock() const override { return slow_; }

 private:
  BackupWriter writer_;
  const bool slow_;
  const OpenStreams* const open_streams_;
};

}  // namespace restate

#endif  // RESTATE_SERVICE_ADMIN_BACKUP_SOURCE_H_
