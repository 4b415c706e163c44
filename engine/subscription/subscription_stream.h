#ifndef RESTATE_ENGINE_SUBSCRIPTION_SUBSCRIPTION_STREAM_H_
#define RESTATE_ENGINE_SUBSCRIPTION_SUBSCRIPTION_STREAM_H_

#include <memory>
#include <optional>

#include "absl/functional/any_invocable.h"
#include "engine/commit/published_state.h"
#include "engine/subscription/event_stream.h"
#include "engine/subscription/initial_events.h"
#include "engine/subscription/subscriber.h"

namespace restate {

// The receiving end of a Subscriber: first the snapshot, if one was asked for,
// then what the sequencer queues.
class SubscriptionStream final : public EventStream {
 public:
  // `state` is what was published when the subscriber was added; `unsubscribe`
  // is called once, when the stream is dropped.
  SubscriptionStream(std::shared_ptr<Subscriber> subscriber,
                     std::shared_ptr<const PublishedState> state,
                     absl::AnyInvocable<void()> unsubscribe);
  ~SubscriptionStream() override;

  absl::StatusOr<bool> Take(size_t max_bytes, size_t max_events,
                            EventBatch* batch) override;

 private:
  // Fills `batch` from the snapshot; ends it with `synced`.
  absl::Status TakeInitial(size_t max_bytes, size_t max_events,
                           EventBatch* batch);

  const std::shared_ptr<Subscriber> subscriber_;
  // Until `synced` was handed over.
  std::shared_ptr<const PublishedState> state_;
  std::optional<InitialEvents> initial_;
  absl::AnyInvocable<void()> unsubscribe_;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_SUBSCRIPTION_SUBSCRIPTION_STREAM_H_
