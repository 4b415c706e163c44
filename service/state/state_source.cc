#include "service/state/state_source.h"

#include <utility>

#include "engine/error/error.h"
#include "service/adapters/path_adapter.h"
#include "service/adapters/value_adapter.h"

namespace restate {

StateSource::StateSource(std::shared_ptr<const PublishedState> state,
                         std::string epoch, Path path,
                         v1::ValueEncoding encoding, size_t chunk_bytes,
                         const OpenStreams* open_streams)
    : state_(std::move(state)),
      epoch_(std::move(epoch)),
      path_(std::move(path)),
      encoding_(encoding),
      chunk_bytes_(chunk_bytes),
      open_streams_(open_streams) {}

Supply StateSource::Next(v1::StreamStateResponse* message, absl::Status* end) {
  if (open_streams_->draining()) {
    *end = MakeError(Reason::kShuttingDown,
                     "the server is shutting down: read again elsewhere or "
                     "later");
    return Supply::kEnd;
  }
  const bool first = cursor_ == nullptr;
  if (first) {
    cursor_ = state_->tree().NewCursor();
    cursor_->Seek(path_.key());
  }
  message->Clear();
  size_t bytes = 0;
  while (bytes < chunk_bytes_ && cursor_->Valid() &&
         cursor_->key().starts_with(path_.key())) {
    absl::StatusOr<Value> value = cursor_->value();
    if (!value.ok()) {
      *end = value.status();
      return Supply::kEnd;
    }
    bytes += cursor_->key().size() + value->ByteSize(chunk_bytes_);
    v1::StreamStateResponse::Entry* const entry = message->add_entries();
    EncodePath(Path::FromKey(std::string(cursor_->key())),
               entry->mutable_path());
    EncodeValue(*value, encoding_, entry->mutable_value());
    cursor_->Next();
  }
  *end = cursor_->status();
  if (!end->ok()) return Supply::kEnd;
  if (message->entries().empty() && !first) return Supply::kEnd;
  message->set_revision(state_->revision());
  message->set_epoch(epoch_);
  return Supply::kMessage;
}

}  // namespace restate
