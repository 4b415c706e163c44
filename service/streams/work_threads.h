#ifndef RESTATE_SERVICE_STREAMS_WORK_THREADS_H_
#define RESTATE_SERVICE_STREAMS_WORK_THREADS_H_

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "service/streams/work_thread.h"

namespace restate {

// A few work threads among which streams are dealt out, one after the other, so
// that all cores send. A stream stays with its thread: what is posted for it
// runs in order.
//
// Thread-safe.
class WorkThreads {
 public:
  // One for each core, up to four. They are called `name` with a number behind
  // it, 15 bytes in all.
  explicit WorkThreads(const std::string& name);
  // `count` of them, at least one.
  WorkThreads(const std::string& name, size_t count,
              Thread::Priority priority = Thread::Priority::kNormal);

  // As WorkThread::status, of all of them.
  absl::Status status() const;

  // The thread for the next stream.
  WorkThread* Next();

 private:
  std::vector<std::unique_ptr<WorkThread>> threads_;
  std::atomic<size_t> next_ = 0;
};

}  // namespace restate

#endif  // RESTATE_SERVICE_STREAMS_WORK_THREADS_H_
