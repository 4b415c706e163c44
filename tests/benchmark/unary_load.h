#ifndef RESTATE_TESTS_BENCHMARK_UNARY_LOAD_H_
#define RESTATE_TESTS_BENCHMARK_UNARY_LOAD_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <latch>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/sync/mutex.h"
#include "tests/benchmark/load.h"

namespace restate::benchmark {

// Keeps `round.in_flight` calls of one method going until the round is over.
// `Service` gives the types and how to fill in and start a call; it is asked by
// several threads.
template <typename Service>
class UnaryLoad {
 public:
  UnaryLoad(const Channels& channels, const Round& round,
            const Service& service = {})
      : service_(service),
        latencies_(round, round.in_flight),
        finished_(static_cast<ptrdiff_t>(round.in_flight)) {
    for (const std::shared_ptr<grpc::Channel>& channel : channels) {
      stubs_.push_back(Service::Stubs::NewStub(channel));
    }
    for (size_t i = 0; i < round.in_flight; ++i) slots_.emplace_back(i);
  }

  absl::StatusOr<Figures> Run() {
    for (Slot& slot : slots_) StartCall(&slot);
    finished_.wait();
    MutexLock lock(&mutex_);
    if (!error_.ok()) return error_;
    return latencies_.Summarize();
  }

 private:
  struct Slot {
    explicit Slot(size_t index)
        : index(index), source(static_cast<uint32_t>(index) + 1) {}

    const size_t index;
    RequestSource source;
    std::optional<grpc::ClientContext> context;
    typename Service::Request request;
    typename Service::Response response;
    Latencies::Clock::time_point started;
  };

  void StartCall(Slot* slot) {
    slot->context.emplace();
    service_.Prepare(&slot->source, &slot->request);
    slot->started = Latencies::Clock::now();
    Service::Start(
        stubs_[slot->index % stubs_.size()].get(), &*slot->context,
        &slot->request, &slot->response,
        [this, slot](grpc::Status status) { Answered(slot, status); });
  }

  void Answered(Slot* slot, const grpc::Status& status) {
    const Latencies::Clock::time_point now = Latencies::Clock::now();
    if (status.ok()) {
      latencies_.Add(slot->index, slot->started, now);
    } else {
      failed_ = true;
      MutexLock lock(&mutex_);
      if (error_.ok()) {
        error_ =
            absl::Status(static_cast<absl::StatusCode>(status.error_code()),
                         status.error_message());
      }
    }
    if (failed_ || latencies_.Over(now)) {
      finished_.count_down();
      return;
    }
    StartCall(slot);
  }

  const Service service_;
  std::vector<std::unique_ptr<typename Service::Stubs::Stub>> stubs_;
  std::deque<Slot> slots_;
  Latencies latencies_;
  std::latch finished_;
  std::atomic<bool> failed_ = false;
  Mutex mutex_;
  absl::Status error_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace restate::benchmark

#endif  // RESTATE_TESTS_BENCHMARK_UNARY_LOAD_H_
