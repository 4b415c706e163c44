#include "service/admin/backup_source.h"

#include <optional>
#include <string>
#include <utility>

#include "engine/error/error.h"

namespace restate {

BackupSource::BackupSource(BackupWriter writer, bool slow,
                           const OpenStreams* open_streams)
    : writer_(std::move(writer)), slow_(slow), open_streams_(open_streams) {}

Supply BackupSource::Next(v1::BackupResponse* message, absl::Status* end) {
  if (open_streams_->draining()) {
    *end = MakeError(Reason::kShuttingDown,
                     "the server is shutting down: this backup has no end; "
                     "begin another one later");
    return Supply::kEnd;
  }
  absl::StatusOr<std::optional<std::string>> chunk = writer_.Next();
  if (!chunk.ok()) {
    *end = chunk.status();
    return Supply::kEnd;
  }
  if (!chunk->has_value()) {
    *end = absl::OkStatus();
    return Supply::kEnd;
  }
  message->Clear();
  message->set_data(**std::move(chunk));
  v1::BackupProgress& progress = *message->mutable_progress();
  progress.set_revision(writer_.revision());
  progress.set_entries(writer_.entries());
  progress.set_expected_entries(writer_.expected_entries());
  return Supply::kMessage;
}

}  // namespace restate
