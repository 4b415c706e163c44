#include "tests/benchmark/load.h"

#include <algorithm>
#include <atomic>
#include <cinttypes>
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
  static std::atomic<int> made{0};
  for (size_t i = 0; i < count; ++i) {
    grpc::ChannelArguments arguments;
    // Channels with equal arguments would share one connection.
    arguments.SetInt("restate.benchmark.channel", ++made);
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

std::string PathText(uint32_t number) {
  return absl::StrCat("/benchmark/", number);
}

std::string RequestSource::NextPath() { return PathText(Next() % kPaths); }

std::vector<std::string> RequestSource::NextPaths(size_t count) {
  // Steps that have no divisor in common with kPaths, a product of twos and fives,
  // come to no place twice.
  constexpr uint32_t kStep = 3'333;
  const uint32_t first = Next() % kPaths;
  std::vector<std::string> paths;
  for (uint32_t i = 0; i < count; ++i) {
    paths.push_back(PathText((first + i * kStep) % kPaths));
  }
  return paths;
}

std::string RequestSource::NextValue() {
  static std::atomic<uint64_t> given{0};
  char text[kValueBytes + 1];
  std::snprintf(text, sizeof(text), "%016" PRIx64 "%048" PRIu32, ++given,
                Next());
  return std::string(text, kValueBytes);
}

Latencies::Latencies(const Round& round, size_t slots)
    : begin_(Clock::now() + Ticks(round.warm_up)),
      end_(begin_ + Ticks(round.duration)),
      slots_(slots) {}

void Latencies::Add(size_t slot, Clock::time_point started,
                    Clock::time_point answered) {
  ++slots_[slot].answered;
  if (answered < begin_ || answered >= end_) return;
  slots_[slot].microseconds.push_back(
      std::chrono::duration<float, std::micro>(answered - started).count());
}

Figures Latencies::Summarize() const {
  std::vector<float> all;
  Figures figures;
  for (const Slot& slot : slots_) {
    all.insert(all.end(), slot.microseconds.begin(), slot.microseconds.end());
    figures.answered += slot.answered;
  }
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
