#ifndef RESTATE_TESTS_BENCHMARK_EVENT_SUBSCRIBER_H_
#define RESTATE_TESTS_BENCHMARK_EVENT_SUBSCRIBER_H_

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/sync/mutex.h"
#include "tests/benchmark/event_layout.h"
#include "tests/benchmark/load.h"

namespace restate::benchmark {

// What to subscribe to.
struct Subscription {
  const EventLayout* layout = nullptr;
  // The request, serialized.
  grpc::ByteBuffer request;
};

// One stream that counts the events it is sent, and does nothing else with
// them. Ends with this, at any time after Start.
//
// Thread-safe. gRPC calls the reactor's methods from its threads, one read at a
// time.
class EventSubscriber final
    : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  // Called for each message that has events, from a thread of gRPC's, with how
  // many it has.
  using OnEvents = std::function<void(uint64_t)>;

  EventSubscriber(const std::shared_ptr<grpc::Channel>& channel,
                  const Subscription& subscription, OnEvents on_events);
  // Cancels the stream and waits for its end. REQUIRES: Start was called.
  ~EventSubscriber() override;

  void Start();
  // Waits until the server says that the subscription is live; how the stream
  // ended, if it did first.
  absl::Status WaitUntilLive();
  // How many events have come so far.
  uint64_t events() const { return events_.load(std::memory_order_relaxed); }
  // OK while events can still come and none was left out.
  absl::Status status() const;

  void OnReadDone(bool ok) override;
  void OnDone(const grpc::Status& status) override;

 private:
  const EventLayout* const layout_;
  const OnEvents on_events_;
  grpc::GenericStub stub_;
  grpc::ClientContext context_;
  // Used by one write.
  grpc::ByteBuffer request_;
  // Used by one read at a time.
  grpc::ByteBuffer response_;
  // Written by one read at a time.
  std::atomic<uint64_t> events_{0};

  mutable Mutex mutex_;
  CondVar changed_;
  bool live_ ABSL_GUARDED_BY(mutex_) = false;
  bool done_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
};

// What a number of subscribers came to, once nothing more was written.
struct Delivery {
  // Subscribers with exactly the expected number of events, with fewer, and
  // with more.
  size_t exact = 0, fewer = 0, more = 0;
  // How long it took until all had the expected number, or until nothing came
  // any more.
  std::chrono::duration<double> took{0};
  // Of the first subscriber that ended or lost something.
  absl::Status status;
};

// Subscribers to the same thing, each on its own stream.
class EventSubscribers {
 public:
  // Opens `count` streams, spread over `channels`, and waits until all are
  // live.
  static absl::StatusOr<std::unique_ptr<EventSubscribers>> Open(
      const Channels& channels, size_t count, const Subscription& subscription);

  // Events that have come so far to all of them together.
  uint64_t TotalEvents() const;
  // Waits until each has `events`, or none has had any for `quiet`.
  Delivery WaitForEach(uint64_t events, std::chrono::duration<double> quiet)
      const;

 private:
  EventSubscribers() = default;

  std::vector<std::unique_ptr<EventSubscriber>> subscribers_;
};

}  // namespace restate::benchmark

#endif  // RESTATE_TESTS_BENCHMARK_EVENT_SUBSCRIBER_H_
