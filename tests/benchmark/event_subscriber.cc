#include "tests/benchmark/event_subscriber.h"

#include <algorithm>
#include <string>
#include <thread>
#include <utility>

#include "absl/memory/memory.h"

namespace restate::benchmark {

EventSubscriber::EventSubscriber(const std::shared_ptr<grpc::Channel>& channel,
                                 const Subscription& subscription,
                                 OnEvents on_events)
    : layout_(subscription.layout),
      on_events_(std::move(on_events)),
      stub_(channel),
      request_(subscription.request) {}

EventSubscriber::~EventSubscriber() {
  context_.TryCancel();
  MutexLock lock(&mutex_);
  while (!done_) changed_.Wait(&mutex_);
}

void EventSubscriber::Start() {
  stub_.PrepareBidiStreamingCall(&context_, layout_->method, {}, this);
  if (layout_->half_close) {
    StartWriteLast(&request_, grpc::WriteOptions());
  } else {
    StartWrite(&request_);
  }
  StartRead(&response_);
  StartCall();
}

absl::Status EventSubscriber::WaitUntilLive() {
  MutexLock lock(&mutex_);
  while (!live_ && !done_) changed_.Wait(&mutex_);
  return live_ ? absl::OkStatus() : status_;
}

absl::Status EventSubscriber::status() const {
  MutexLock lock(&mutex_);
  return status_;
}

void EventSubscriber::OnReadDone(bool ok) {
  if (!ok) return;  // OnDone tells why.
  MessageCounts counts;
  const bool readable = CountEvents(*layout_, &response_, &counts);
  events_.store(events() + counts.events, std::memory_order_relaxed);
  if (!readable || counts.live || counts.lost) {
    MutexLock lock(&mutex_);
    if (!readable) {
      status_.Update(absl::InternalError("a message is not protobuf"));
    } else if (counts.lost) {
      status_.Update(absl::DataLossError("the server left events out"));
    }
    live_ = live_ || counts.live;
    changed_.NotifyAll();
  }
  response_.Clear();
  if (counts.events > 0 && on_events_ != nullptr) on_events_(counts.events);
  StartRead(&response_);
}

void EventSubscriber::OnDone(const grpc::Status& status) {
  MutexLock lock(&mutex_);
  status_.Update(
      status.ok()
          ? absl::UnavailableError("the server ended the stream")
          : absl::Status(static_cast<absl::StatusCode>(status.error_code()),
                         status.error_message()));
  done_ = true;
  changed_.NotifyAll();
}

absl::StatusOr<std::unique_ptr<EventSubscribers>> EventSubscribers::Open(
    const Channels& channels, size_t count, const Subscription& subscription) {
  std::unique_ptr<EventSubscribers> all =
      absl::WrapUnique(new EventSubscribers);
  for (size_t i = 0; i < count; ++i) {
    all->subscribers_.push_back(std::make_unique<EventSubscriber>(
        channels[i % channels.size()], subscription, nullptr));
    all->subscribers_.back()->Start();
  }
  for (const std::unique_ptr<EventSubscriber>& one : all->subscribers_) {
    absl::Status live = one->WaitUntilLive();
    if (!live.ok()) return live;
  }
  return all;
}

uint64_t EventSubscribers::TotalEvents() const {
  uint64_t total = 0;
  for (const std::unique_ptr<EventSubscriber>& one : subscribers_) {
    total += one->events();
  }
  return total;
}

Delivery EventSubscribers::WaitForEach(
    uint64_t events, std::chrono::duration<double> quiet) const {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point began = Clock::now();
  Clock::time_point last_came = began;
  uint64_t total = TotalEvents();
  while (Clock::now() - last_came < quiet &&
         std::any_of(subscribers_.begin(), subscribers_.end(),
                     [events](const std::unique_ptr<EventSubscriber>& one) {
                       return one->events() < events && one->status().ok();
                     })) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    const uint64_t now_total = TotalEvents();
    if (now_total != total) last_came = Clock::now();
    total = now_total;
  }

  Delivery delivery;
  delivery.took = Clock::now() - began;
  for (const std::unique_ptr<EventSubscriber>& one : subscribers_) {
    const uint64_t came = one->events();
    ++(came == events ? delivery.exact
       : came < events ? delivery.fewer
                       : delivery.more);
    delivery.status.Update(one->status());
  }
  return delivery;
}

}  // namespace restate::benchmark
