#ifndef RESTATE_SERVICE_STREAMS_WORK_THREAD_H_
#define RESTATE_SERVICE_STREAMS_WORK_THREAD_H_

#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "engine/sync/mutex.h"
#include "engine/threads/thread.h"

namespace restate {

// One named thread that runs what it is given, in order.
//
// It exists for work that must not be done where it is found out: the engine's
// callbacks run on the sequencer's thread and gRPC's on threads that poll the
// sockets, and neither may block.
//
// Thread-safe. Tasks run without any lock held and may post.
class WorkThread {
 public:
  using Task = absl::AnyInvocable<void()>;

  // `name` is what the thread is called in a debugger, up to 15 bytes.
  explicit WorkThread(std::string name,
                      Thread::Priority priority = Thread::Priority::kNormal);
  // Runs what is queued, then ends. REQUIRES: nobody posts any more.
  ~WorkThread();
  WorkThread(const WorkThread&) = delete;
  WorkThread& operator=(const WorkThread&) = delete;

  // OK, or RESOURCE_EXHAUSTED / TOO_MANY_THREADS: then it is of no use, and
  // nothing may be posted.
  const absl::Status& status() const { return status_; }

  void Post(Task task);

 private:
  void Loop();

  const std::string name_;
  Mutex mutex_;
  CondVar wake_;
  std::vector<Task> queue_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  // Last, so that it starts when the rest is there.
  Thread thread_;
  const absl::Status status_;
};

}  // namespace restate

#endif  // RESTATE_SERVICE_STREAMS_WORK_THREAD_H_
