#include "tests/benchmark/notification_load.h"

#include <chrono>
#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "engine/sync/mutex.h"
#include "tests/benchmark/unary_calls.h"

namespace restate::benchmark {
namespace {

// How long an answer or an event may take before the round is given up.
constexpr absl::Duration kPatience = absl::Seconds(10);

// gRPC's threads call Answered and Notified, in either order for each write;
// the later of the two sends the next one.
template <typename Service>
class NotificationLoad {
 public:
  NotificationLoad(const std::shared_ptr<grpc::Channel>& writer,
                   const std::shared_ptr<grpc::Channel>& reader,
                   const Subscription& subscription, const Round& round)
      : stub_(Service::Stubs::NewStub(writer)),
        notified_(round, 1),
        answered_(round, 1),
        subscriber_(reader, subscription,
                    [this](uint64_t events) { Notified(events); }) {}

  absl::StatusOr<NotificationFigures> Run() {
    subscriber_.Start();
    absl::Status live = subscriber_.WaitUntilLive();
    MutexLock lock(&mutex_);
    if (!live.ok()) return live;
    Send();
    while (!over_) {
      const uint64_t before = sent_;
      changed_.WaitFor(&mutex_, kPatience);
      if (over_ || sent_ != before) continue;
      Fail(absl::DeadlineExceededError("an event does not come"));
      Fail(subscriber_.status());
      context_->TryCancel();
      over_ = true;
    }
    while (in_call_) changed_.Wait(&mutex_);
    if (!error_.ok()) return error_;
    return NotificationFigures{notified_.Summarize(), answered_.Summarize()};
  }

 private:
  using Clock = Latencies::Clock;

  void Send() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    ++sent_;
    in_call_ = true;
    event_pending_ = true;
    context_.emplace();
    Service::Prepare(&source_, &request_);
    started_ = Clock::now();
    Service::Start(stub_.get(), &*context_, &request_, &response_,
                   [this](const grpc::Status& status) { Answered(status); });
  }

  void Answered(const grpc::Status& status) {
    const Clock::time_point now = Clock::now();
    MutexLock lock(&mutex_);
    in_call_ = false;
    answered_.Add(0, started_, now);
    if (!status.ok()) {
      Fail(absl::Status(static_cast<absl::StatusCode>(status.error_code()),
                        status.error_message()));
    }
    GoOn(now);
  }

  void Notified(uint64_t events) {
    const Clock::time_point now = Clock::now();
    MutexLock lock(&mutex_);
    if (events != 1 || !event_pending_) {
      Fail(absl::InternalError("a write has more than one event"));
    }
    event_pending_ = false;
    notified_.Add(0, started_, now);
    GoOn(now);
  }

  void GoOn(Clock::time_point now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (!error_.ok() ||
        (!in_call_ && !event_pending_ && notified_.Over(now))) {
      over_ = true;
    }
    if (over_) {
      changed_.NotifyAll();
    } else if (!in_call_ && !event_pending_) {
      Send();
    }
  }

  void Fail(absl::Status error) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    error_.Update(error);
  }

  const std::unique_ptr<typename Service::Stubs::Stub> stub_;

  Mutex mutex_;
  CondVar changed_;
  Latencies notified_ ABSL_GUARDED_BY(mutex_);
  Latencies answered_ ABSL_GUARDED_BY(mutex_);
  RequestSource source_ ABSL_GUARDED_BY(mutex_){1};
  std::optional<grpc::ClientContext> context_ ABSL_GUARDED_BY(mutex_);
  // Of the call under way, which owns them.
  typename Service::Request request_;
  typename Service::Response response_;
  Clock::time_point started_ ABSL_GUARDED_BY(mutex_);
  uint64_t sent_ ABSL_GUARDED_BY(mutex_) = 0;
  bool in_call_ ABSL_GUARDED_BY(mutex_) = false;
  bool event_pending_ ABSL_GUARDED_BY(mutex_) = false;
  bool over_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status error_ ABSL_GUARDED_BY(mutex_);

  // Last, so that it has ended before anything that its callback uses goes.
  EventSubscriber subscriber_;
};

}  // namespace

absl::StatusOr<NotificationFigures> RestateNotificationLoad(
    const std::shared_ptr<grpc::Channel>& writer,
    const std::shared_ptr<grpc::Channel>& reader,
    const Subscription& subscription, const Round& round) {
  return NotificationLoad<SetState>(writer, reader, subscription, round).Run();
}

absl::StatusOr<NotificationFigures> EtcdNotificationLoad(
    const std::shared_ptr<grpc::Channel>& writer,
    const std::shared_ptr<grpc::Channel>& reader,
    const Subscription& subscription, const Round& round) {
  return NotificationLoad<EtcdPut>(writer, reader, subscription, round).Run();
}

}  // namespace restate::benchmark
