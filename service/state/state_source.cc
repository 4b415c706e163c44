#include "service/state/state_source.h"

#include <optional>
#include <utility>

#include "engine/error/error.h"
#include "service/adapters/path_adapter.h"
#include "service/adapters/value_adapter.h"

namespace restate {

StateSource::StateSource(std::shared_ptr<const PublishedState> state,
                         std::string epoch, Path path, View view, bool slow,
                         v1::ValueEncoding encoding, size_t chunk_bytes,
                         const OpenStreams* open_streams)
    : state_(std::move(state)),
      epoch_(std::move(epoch)),
      slow_(slow),
      encoding_(encoding),
      chunk_bytes_(chunk_bytes),
      open_streams_(open_streams),
      walk_(&state_->tree(), state_->derivations().values, std::move(path),
            view) {}

Supply StateSource::Next(v1::StreamStateResponse* message, absl::Status* end) {
  if (open_streams_->draining()) {
    *end = MakeError(Reason::kShuttingDown,
                     "the server is shutting down: read again elsewhere or "
                     "later");
    return Supply::kEnd;
  }
  message->Clear();
  size_t bytes = 0;
  while (bytes < chunk_bytes_) {
    absl::StatusOr<std::optional<ViewWalk::Entry>> next = walk_.Next();
    if (!next.ok()) {
      *end = next.status();
      return Supply::kEnd;
    }
    if (!next->has_value()) break;
    const auto& [path, value] = **next;
    bytes += path.key().size() + value.ByteSize(chunk_bytes_);
    v1::StreamStateResponse::Entry* const entry = message->add_entries();
    EncodePath(path, entry->mutable_path());
    EncodeValue(value, encoding_, entry->mutable_value());
  }
  *end = absl::OkStatus();
  const bool first = std::exchange(first_, false);
  if (message->entries().empty() && !first) return Supply::kEnd;
  message->set_revision(state_->revision());
  message->set_epoch(epoch_);
  return Supply::kMessage;
}

}  // namespace restate
