#include "tests/benchmark/load.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "absl/strings/str_cat.h"

namespace restate::benchmark {
namespace {

std::chrono::steady_clock::duration Ticks(
    std::chrono::duration<double> seconds) {
  return std::chrono::duration_cast<std::chrono::steady_clock::duration>(
      seconds);
}

}  // namespace

Channels Connect(const std::string& address, size_t count) {
  Channels channels;
  for (size_t i = 0; i < count; ++i) {
    grpc::ChannelArguments arguments;
    // Channels with equal arguments would share one connection.
    arguments.SetInt("restate.benchmark.channel", static_cast<int>(i));
    channels.push_back(grpc::CreateCustomChannel(
        address, grpc::InsecureChannelCredentials(), arguments));
  }
  return channels;
}

uint32_t RequestSource::Next() {
  state_ ^= state_ << 13;
  state_ ^= state_ >> 17;
  state_ ^= state_ << 5;
  return state_;
}

void RequestSource::FillPath(v1::Path* path) {
  path->set_text(absl::StrCat("/benchmark/", Next() % kPaths));
}

void RequestSource::FillValue(v1::Value* value) {
  char text[kValueBytes + 1];
  std::snprintf(text, sizeof(text), "%08x%08x%048d", Next(), Next(), 0);
  value->set_string_value(text, kValueBytes);
}

Latencies::Latencies(const Round& round, size_t slots)
    : begin_(Clock::now() + Ticks(round.warm_up)),
      end_(begin_ + Ticks(round.duration)),
      slots_(slots) {}

void Latencies::Add(size_t slot, Clock::time_point started,
                    Clock::time_point answered) {
  if (answered < begin_ || answered >= end_) return;
  slots_[slot].push_back(
      std::chrono::duration<float, std::micro>(answered - started).count());
}

Figures Latencies::Summarize() const {
  std::vector<float> all;
  for (const std::vector<float>& slot : slots_) {
    all.insert(all.end(), slot.begin(), slot.end());
  }
  Figures figures;
  if (all.empty()) return figures;
  figures.calls_per_second =
      static_cast<double>(all.size()) /
      std::chrono::duration<double>(end_ - begin_).count();
  const auto percentile = [&all](double part) {
    const auto at =
        all.begin() +
        static_cast<ptrdiff_t>(part * static_cast<double>(all.size() - 1));
    std::nth_element(all.begin(), at, all.end());
    return *at / 1000.0;
  };
  figures.p50_ms = percentile(0.50);
  figures.p99_ms = percentile(0.99);
  return figures;
}

}  // namespace restate::benchmark
