#include "engine/subscription/subscription_stream.h"

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

namespace restate {

SubscriptionStream::SubscriptionStream(
    std::shared_ptr<Subscriber> subscriber,
    std::shared_ptr<const PublishedState> state,
    absl::AnyInvocable<void()> unsubscribe)
    : subscriber_(std::move(subscriber)),
      state_(std::move(state)),
      unsubscribe_(std::move(unsubscribe)) {
  if (subscriber_->spec().snapshot) {
    initial_.emplace(state_->tree(), state_->revision(),
                     subscriber_->spec().patterns);
  }
}

SubscriptionStream::~SubscriptionStream() { unsubscribe_(); }

absl::StatusOr<bool> SubscriptionStream::Take(size_t max_bytes,
                                              size_t max_events,
                                              EventBatch* batch) {
  *batch = EventBatch();
  if (state_ == nullptr) {
    return subscriber_->TakeQueued(max_bytes, max_events, batch);
  }
  absl::Status status = TakeInitial(max_bytes, max_events, batch);
  if (!status.ok()) return status;
  return true;
}

absl::Status SubscriptionStream::TakeInitial(size_t max_bytes,
                                             size_t max_events,
                                             EventBatch* batch) {
  size_t bytes = 0;
  while (initial_.has_value() && bytes < max_bytes &&
         batch->events.size() < max_events) {
    std::vector<Event> events;
    if (!initial_->Next(&events)) {
      if (!initial_->status().ok()) return initial_->status();
      initial_.reset();
      break;
    }
    for (Event& event : events) {
      if (!subscriber_->Wants(*event.emission, event.current_path)) continue;
      bytes += event.ByteSize();
      batch->events.push_back(std::move(event));
    }
  }
  if (!initial_.has_value()) {
    batch->synced = true;
    batch->revision = state_->revision();
    // What the snapshot pinned can go.
    state_.reset();
  }
  return absl::OkStatus();
}

}  // namespace restate
