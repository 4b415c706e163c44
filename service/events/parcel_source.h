#ifndef RESTATE_SERVICE_EVENTS_PARCEL_SOURCE_H_
#define RESTATE_SERVICE_EVENTS_PARCEL_SOURCE_H_

#include <grpcpp/support/byte_buffer.h>

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "engine/clock/clock.h"
#include "engine/subscription/event_stream.h"
#include "service/adapters/event_adapter.h"
#include "service/streams/message_source.h"

namespace restate {

// About how much goes into one message: whatever waits, up to this.
inline constexpr size_t kMaxParcelEvents = 4096;
inline constexpr size_t kMaxParcelBytes = size_t{1} << 20;

// What the streams of events have in common.
struct ParcelSourceOptions {
  StreamOrigin origin;
  // Every message stays below it. Has room for an event without values.
  size_t max_message_bytes = 0;
  const Clock* clock = nullptr;
};

// The messages of a stream of events: an EventStream emptied a parcel at a
// time, each of which becomes a few messages.
class ParcelSource : public MessageSource<grpc::ByteBuffer> {
 public:
  Supply Next(grpc::ByteBuffer* message, absl::Status* end) override;
  bool MayBlock() const override {
    return sent_ == messages_.size() && stream_->MayWait();
  }
  bool Due(absl::Duration now) const override {
    return stream_->HeartbeatDue(now);
  }

 protected:
  ParcelSource(std::unique_ptr<EventStream> stream, ParcelSourceOptions options)
      : stream_(std::move(stream)), options_(std::move(options)) {}

  // Adds the messages of a parcel that is not empty. An error ends the stream
  // behind them.
  virtual absl::Status Encode(const Parcel& parcel) = 0;

  void Add(grpc::ByteBuffer message) {
    messages_.push_back(std::move(message));
  }
  const StreamOrigin& origin() const { return options_.origin; }
  size_t max_message_bytes() const { return options_.max_message_bytes; }

 private:
  const std::unique_ptr<EventStream> stream_;
  const ParcelSourceOptions options_;
  // The messages of the last parcel, of which `sent_` are taken.
  std::vector<grpc::ByteBuffer> messages_;
  size_t sent_ = 0;
  // Behind the messages.
  absl::Status end_;
};

}  // namespace restate

#endif  // RESTATE_SERVICE_EVENTS_PARCEL_SOURCE_H_
