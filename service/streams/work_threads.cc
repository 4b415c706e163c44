#include "service/streams/work_threads.h"

#include <algorithm>
#include <thread>

#include "absl/strings/str_cat.h"

namespace restate {
namespace {

// Beyond this the sockets and the sequencer are what is busy.
constexpr size_t kMaxThreads = 4;

}  // namespace

WorkThreads::WorkThreads(const std::string& name)
    : WorkThreads(name, std::clamp<size_t>(std::thread::hardware_concurrency(),
                                           1, kMaxThreads)) {}

WorkThreads::WorkThreads(const std::string& name, size_t count,
                         Thread::Priority priority) {
  for (size_t i = 0; i < count; ++i) {
    threads_.push_back(
        std::make_unique<WorkThread>(absl::StrCat(name, i), priority));
  }
}

absl::Status WorkThreads::status() const {
  for (const auto& thread : threads_) {
    if (!thread->status().ok()) return thread->status();
  }
  return absl::OkStatus();
}

WorkThread* WorkThreads::Next() {
  return threads_[next_.fetch_add(1, std::memory_order_relaxed) %
                  threads_.size()]
      .get();
}

}  // namespace restate
