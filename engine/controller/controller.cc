#include "engine/controller/controller.h"

#include <future>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "engine/error/error.h"
#include "engine/subscription/subscriber.h"
#include "engine/subscription/subscription_stream.h"

namespace restate {

absl::StatusOr<std::unique_ptr<Controller>> Controller::Start(
    ControllerOptions options) {
  std::unique_ptr<Controller> controller(new Controller());
  options.listener = &controller->router_;
  absl::StatusOr<std::unique_ptr<Sequencer>> sequencer =
      Sequencer::Start(std::move(options));
  if (!sequencer.ok()) return sequencer.status();
  controller->sequencer_ = *std::move(sequencer);
  MutexLock lock(&controller->link_->mutex);
  controller->link_->sequencer = controller->sequencer_.get();
  return controller;
}

Controller::~Controller() {
  if (sequencer_ != nullptr) Stop().IgnoreError();
}

absl::StatusOr<std::unique_ptr<EventStream>> Controller::Subscribe(
    SubscriptionSpec spec, ReadyCallback ready) {
  if (absl::Status status = CheckEpoch(spec.epoch); !status.ok()) {
    return status;
  }
  auto subscriber =
      std::make_shared<Subscriber>(std::move(spec), std::move(ready));
  auto added =
      std::make_shared<std::promise<std::shared_ptr<const PublishedState>>>();
  absl::Status status = sequencer_->AtBoundary([this, subscriber, added] {
    router_.Add(subscriber);
    added->set_value(Published());
  });
  if (!status.ok()) return status;
  std::shared_ptr<const PublishedState> state = added->get_future().get();
  auto unsubscribe = [link = link_, router = &router_,
                      raw = subscriber.get()]() mutable {
    MutexLock lock(&link->mutex);
    // Once stopped, nothing routes to it any more.
    if (link->sequencer == nullptr) return;
    link->sequencer->AtBoundary([router, raw] { router->Remove(raw); })
        .IgnoreError();
  };
  return std::make_unique<SubscriptionStream>(
      std::move(subscriber), std::move(state), std::move(unsubscribe));
}

absl::Status Controller::Stop() {
  absl::Status status = sequencer_->Stop();
  {
    MutexLock lock(&link_->mutex);
    // Another call has ended the streams, or is about to.
    if (std::exchange(link_->sequencer, nullptr) == nullptr) return status;
  }
  router_.EndAll(MakeError(
      Reason::kShuttingDown,
      "the server is shutting down: subscribe again, it may come back or "
      "another take its place"));
  return status;
}

}  // namespace restate
