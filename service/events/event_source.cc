#include "service/events/event_source.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace restate {
namespace {

// Message and field headers around a batch.
constexpr size_t kFrameBytes = 64;

}  // namespace

EventSource::EventSource(std::unique_ptr<EventStream> stream, std::string epoch,
                         EventView view, size_t max_message_bytes)
    : stream_(std::move(stream)),
      epoch_(std::move(epoch)),
      view_(view),
      max_message_bytes_(max_message_bytes) {}

Supply EventSource::Next(v1::SubscribeResponse* message, absl::Status* end) {
  batch_.events.clear();
  batch_.revision = 0;
  batch_.synced = false;
  const absl::StatusOr<bool> taken =
      stream_->Take(std::min(kMaxBatchBytes, max_message_bytes_ / 4),
                    kMaxBatchEvents, &batch_);
  if (!taken.ok()) {
    *end = taken.status();
    return Supply::kEnd;
  }
  if (!*taken) return Supply::kNothingYet;
  message->Clear();
  EncodeBatch(batch_, epoch_, view_, message->mutable_batch());
  if (message->ByteSizeLong() > max_message_bytes_) {
    OmitValues(max_message_bytes_ - kFrameBytes, message->mutable_batch());
  }
  return Supply::kMessage;
}

void OmitValues(size_t max_bytes, v1::EventBatch* batch) {
  std::vector<std::pair<size_t, v1::Event*>> by_size;
  for (v1::Event& event : *batch->mutable_events()) {
    by_size.emplace_back(event.ByteSizeLong(), &event);
  }
  std::sort(by_size.rbegin(), by_size.rend());
  size_t bytes = batch->ByteSizeLong();
  for (const auto& [before, event] : by_size) {
    if (bytes <= max_bytes) return;
    if (event->has_prev_value()) {
      event->clear_prev_value();
      event->set_prev_omitted(true);
    }
    if (event->has_new_value()) {
      event->clear_new_value();
      event->set_new_omitted(true);
    }
    bytes -= before - std::min(before, event->ByteSizeLong());
  }
}

}  // namespace restate
