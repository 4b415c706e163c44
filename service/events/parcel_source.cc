#include "service/events/parcel_source.h"

#include <algorithm>

#include "absl/status/statusor.h"

namespace restate {

Supply ParcelSource::Next(grpc::ByteBuffer* message, absl::Status* end) {
  while (true) {
    if (sent_ < messages_.size()) {
      *message = std::move(messages_[sent_++]);
      return Supply::kMessage;
    }
    messages_.clear();
    sent_ = 0;
    if (!end_.ok()) {
      *end = end_;
      return Supply::kEnd;
    }
    // Let go of before the messages are sent, which may take a slow reader long.
    Parcel parcel;
    const absl::StatusOr<bool> taken = stream_->Take(
        std::min(kMaxParcelBytes, options_.max_message_bytes / 4),
        kMaxParcelEvents, options_.clock->Monotonic(), &parcel);
    if (!taken.ok()) {
      *end = taken.status();
      return Supply::kEnd;
    }
    if (!*taken) return Supply::kNothingYet;
    end_ = Encode(parcel);
  }
}

}  // namespace restate
