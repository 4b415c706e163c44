#include "service/streams/open_streams.h"

#include <utility>

#include "engine/clock/clock.h"

namespace restate {

void OpenStreams::Add(std::shared_ptr<OpenStream> stream) {
  OpenStream* const raw = stream.get();
  std::shared_ptr<OpenStream> held = stream;
  {
    MutexLock lock(&mutex_);
    streams_[raw] = std::move(stream);
  }
  // Drain sets the flag before it looks at the streams: one of the two sees
  // this one.
  if (draining()) held->Drain();
}

void OpenStreams::Remove(const OpenStream* stream) {
  std::shared_ptr<OpenStream> removed;
  {
    MutexLock lock(&mutex_);
    auto it = streams_.find(stream);
    if (it == streams_.end()) return;
    removed = std::move(it->second);
    streams_.erase(it);
    if (streams_.empty()) removed_.NotifyAll();
  }
}

void OpenStreams::Drain() {
  draining_.store(true, std::memory_order_release);
  for (const auto& stream : All()) stream->Drain();
}

void OpenStreams::CheckTime(absl::Duration now) {
  for (const auto& stream : All()) stream->CheckTime(now);
}

size_t OpenStreams::count() const {
  MutexLock lock(&mutex_);
  return streams_.size();
}

bool OpenStreams::WaitUntilNone(absl::Duration timeout) {
  const SystemClock clock;
  const absl::Duration deadline = clock.Monotonic() + timeout;
  MutexLock lock(&mutex_);
  while (!streams_.empty()) {
    const absl::Duration left = deadline - clock.Monotonic();
    if (left <= absl::ZeroDuration()) return false;
    removed_.WaitFor(&mutex_, left);
  }
  return true;
}

std::vector<std::shared_ptr<OpenStream>> OpenStreams::All() const {
  std::vector<std::shared_ptr<OpenStream>> all;
  MutexLock lock(&mutex_);
  all.reserve(streams_.size());
  for (const auto& [raw, stream] : streams_) all.push_back(stream);
  return all;
}

}  // namespace restate
