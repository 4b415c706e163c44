#include "tests/benchmark/fanout_round.h"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <thread>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace restate::benchmark {
namespace {

using Clock = std::chrono::steady_clock;

// After so long without an event, no more is expected.
constexpr std::chrono::seconds kQuiet{5};

// The counters at one moment.
struct Sample {
  Clock::time_point at;
  double server_cpu_seconds;
  double client_cpu_seconds;
  uint64_t events;
};

double OwnCpuSeconds() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) /
             1e6;
}

Sample TakeSample(const MeasuredServer& server,
                  const EventSubscribers* subscribers) {
  return {Clock::now(), server.CpuSeconds(), OwnCpuSeconds(),
          subscribers != nullptr ? subscribers->TotalEvents() : 0};
}

std::string Complaint(const Delivery& delivery, uint64_t expected) {
  if (delivery.fewer == 0 && delivery.more == 0 && delivery.status.ok()) {
    return "";
  }
  std::string complaint =
      absl::StrCat("of the ", expected, " events, ", delivery.fewer,
                   " subscribers got fewer and ", delivery.more, " more");
  if (!delivery.status.ok()) {
    absl::StrAppend(&complaint, "; ", delivery.status.ToString());
  }
  return complaint;
}

}  // namespace

absl::StatusOr<FanoutFigures> RunFanout(const FanoutCase& fanout,
                                        const Round& round) {
  std::unique_ptr<EventSubscribers> subscribers;
  if (fanout.subscribers > 0) {
    auto opened = EventSubscribers::Open(
        fanout.subscriber_channels, fanout.subscribers, fanout.subscription);
    if (!opened.ok()) return opened.status();
    subscribers = *std::move(opened);
  }

  absl::StatusOr<Figures> written;
  std::thread writers([&] { written = fanout.write(round); });
  std::this_thread::sleep_for(round.warm_up);
  const Sample before = TakeSample(*fanout.server, subscribers.get());
  std::this_thread::sleep_for(round.duration);
  const Sample after = TakeSample(*fanout.server, subscribers.get());
  writers.join();
  if (!written.ok()) return written.status();

  const double seconds =
      std::chrono::duration<double>(after.at - before.at).count();
  FanoutFigures figures;
  figures.server_cores =
      (after.server_cpu_seconds - before.server_cpu_seconds) / seconds;
  figures.client_cores =
      (after.client_cpu_seconds - before.client_cpu_seconds) / seconds;
  figures.writes_per_second =
      written->calls_per_second * static_cast<double>(fanout.writes_per_call);
  figures.events_per_second =
      std::min(static_cast<double>(after.events - before.events) / seconds,
               figures.writes_per_second *
                   static_cast<double>(fanout.subscribers));
  figures.p50_ms = written->p50_ms;
  figures.p99_ms = written->p99_ms;
  if (subscribers != nullptr) {
    const uint64_t expected = written->answered * fanout.writes_per_call;
    const Delivery delivery = subscribers->WaitForEach(expected, kQuiet);
    figures.behind_ms =
        std::chrono::duration<double, std::milli>(delivery.took).count();
    figures.complaint = Complaint(delivery, expected);
  }
  return figures;
}

}  // namespace restate::benchmark
