#ifndef RESTATE_ENGINE_THREADS_JOB_POOL_H_
#define RESTATE_ENGINE_THREADS_JOB_POOL_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "engine/threads/thread.h"

namespace restate {

// What is done again and again, each time a little: bringing writes to one
// store, looking after one directory. It runs on one thread of its pool at a
// time.
//
// Thread-safe.
class Job {
 public:
  virtual ~Job() = default;

  // Has it run soon; a call while it runs has it run once more afterwards.
  // Nothing after Stop.
  virtual void Wake() = 0;
  // Wakes it, once, when there is something to be read from the descriptor `fd`.
  // One at a time for a job; it must stay open until it is woken or stopped.
  // Sets errno and returns false if the system refuses.
  virtual bool WakeWhenReadable(int fd) = 0;
  // It does not run any more: waits for the run that is under way. Not to be
  // called by its own run.
  virtual void Stop() = 0;
};

// A fixed number of threads that jobs share, so that a thousand mounts take no
// more threads than one.
//
// A run may block, as long as what it waits for needs no other job. So that jobs
// which do, such as those of stores that no longer answer, do not keep the
// others waiting, half of the threads never take a job whose last run was slow:
// a job holds one of these up once at most, until it has become known for it. And
// of jobs that depend on the same store, a group, two run at a time.
//
// Thread-safe. One lock, not held while a job runs. Jobs may outlive the pool,
// and do nothing then.
class JobPool {
 public:
  struct Options {
    // Of the threads, with a number behind it; 15 bytes in all.
    std::string name = "restate-job";
    // At least 2.
    size_t threads = 8;
    // A run that took longer was slow.
    absl::Duration slow = absl::Milliseconds(500);
  };

  // Starts the threads, and one more that knows the time. RESOURCE_EXHAUSTED /
  // TOO_MANY_THREADS if the system does not give them.
  static absl::StatusOr<std::unique_ptr<JobPool>> Start(Options options);
  static absl::StatusOr<std::unique_ptr<JobPool>> Start() {
    return Start(Options());
  }
  // Waits for runs that are under way; nothing runs any more.
  ~JobPool();
  JobPool(const JobPool&) = delete;
  JobPool& operator=(const JobPool&) = delete;

  // `run` gives how long until it is to run again if nobody wakes it before,
  // absl::InfiniteDuration() for never. The first run is when it is woken.
  // Whoever has it calls Job::Stop before what `run` needs goes away. A job with
  // an empty `group` is in none.
  std::shared_ptr<Job> Add(std::function<absl::Duration()> run,
                           std::string group = "");

  size_t threads() const { return workers_.size(); }

 private:
  class Queue;
  class PooledJob;

  JobPool();

  const std::shared_ptr<Queue> queue_;
  std::vector<Thread> workers_;
  Thread timer_;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_THREADS_JOB_POOL_H_
