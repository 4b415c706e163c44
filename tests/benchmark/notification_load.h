#ifndef RESTATE_TESTS_BENCHMARK_NOTIFICATION_LOAD_H_
#define RESTATE_TESTS_BENCHMARK_NOTIFICATION_LOAD_H_

#include "absl/status/statusor.h"
#include "tests/benchmark/event_subscriber.h"
#include "tests/benchmark/load.h"

namespace restate::benchmark {

// What one round with one writer and one subscriber came to.
struct NotificationFigures {
  // From just before the write is sent to the receipt of its event.
  Figures notified;
  // From just before the write is sent to the receipt of its answer.
  Figures answered;
};

// Both run one round: one write after another, each sent once the event and the
// answer of the one before are there. The subscription must match every path of
// the load once. An error if an event does not come.
absl::StatusOr<NotificationFigures> RestateNotificationLoad(
    const std::shared_ptr<grpc::Channel>& writer,
    const std::shared_ptr<grpc::Channel>& reader,
    const Subscription& subscription, const Round& round);
absl::StatusOr<NotificationFigures> EtcdNotificationLoad(
    const std::shared_ptr<grpc::Channel>& writer,
    const std::shared_ptr<grpc::Channel>& reader,
    const Subscription& subscription, const Round& round);

}  // namespace restate::benchmark

#endif  // RESTATE_TESTS_BENCHMARK_NOTIFICATION_LOAD_H_
