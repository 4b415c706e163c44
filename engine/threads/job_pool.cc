#include "engine/threads/job_pool.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "engine/sync/mutex.h"

namespace restate {
namespace {

absl::Duration Now() {
  return absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
}

// Longer waits are looked at again in between.
constexpr absl::Duration kLongestSleep = absl::Hours(1);
// How many jobs of a group run at a time.
constexpr int kMostOfGroup = 2;

}  // namespace

// What threads and jobs share. A job is idle, queued, or runs; while it waits
// for a time it is idle and in `timers_`, while it waits for a descriptor it is
// idle and in `watched_`.
class JobPool::Queue {
 public:
  Queue()
      : epoll_(epoll_create1(EPOLL_CLOEXEC)),
        called_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    epoll_event event = {};
    event.events = EPOLLIN;
    event.data.u64 = kCalled;
    if (epoll_ >= 0) epoll_ctl(epoll_, EPOLL_CTL_ADD, called_, &event);
  }
  ~Queue() {
    if (epoll_ >= 0) close(epoll_);
    if (called_ >= 0) close(called_);
  }

  bool valid() const { return epoll_ >= 0 && called_ >= 0; }
  void set_slow(absl::Duration slow) { slow_ = slow; }

  // What is known of a job; the lock's.
  struct Entry {
    std::function<absl::Duration()> run;
    std::string group;
    bool queued = false;
    bool running = false;
    // Woken while it ran.
    bool again = false;
    bool stopped = false;
    // Its last run took long.
    bool slow = false;
    // When it is to run by itself; infinite: never.
    absl::Duration due = absl::InfiniteDuration();
    // The descriptor it waits for and the number that epoll knows that by.
    int fd = -1;
    uint64_t watch = 0;
  };

  void Wake(const std::shared_ptr<Entry>& entry) {
    MutexLock lock(&mutex_);
    WakeLocked(entry);
  }

  bool WakeWhenReadable(const std::shared_ptr<Entry>& entry, int fd) {
    MutexLock lock(&mutex_);
    if (entry->stopped || ended_) return true;
    Unwatch(entry.get());
    epoll_event event = {};
    event.events = EPOLLIN | EPOLLONESHOT;
    event.data.u64 = ++last_watch_;
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) return false;
    entry->fd = fd;
    entry->watch = last_watch_;
    watched_[last_watch_] = entry;
    return true;
  }

  void Stop(const std::shared_ptr<Entry>& entry) {
    std::function<absl::Duration()> dropped;
    MutexLock lock(&mutex_);
    entry->stopped = true;
    Unwatch(entry.get());
    ClearTimer(entry);
    while (entry->running) ended_run_.Wait(&mutex_);
    // What it holds is let go of, outside of the lock.
    dropped.swap(entry->run);
  }

  // One of the threads. One that is `patient` takes slow jobs too, and before
  // others.
  void Work(bool patient) {
    while (true) {
      std::shared_ptr<Entry> entry;
      {
        MutexLock lock(&mutex_);
        while (!ended_ && (entry = Take(patient)) == nullptr) {
          (patient ? work_ : quick_work_).Wait(&mutex_);
        }
        if (entry == nullptr) return;
      }
      const absl::Duration began = Now();
      const absl::Duration next = entry->run();
      Ran(entry, Now() - began, next);
    }
  }

  // The thread that waits for times and descriptors.
  void WatchTime() {
    while (true) {
      absl::Duration sleep = kLongestSleep;
      {
        MutexLock lock(&mutex_);
        if (ended_) return;
        const absl::Duration now = Now();
        while (!timers_.empty() && timers_.begin()->first <= now) {
          const std::shared_ptr<Entry> entry = timers_.begin()->second;
          WakeLocked(entry);
        }
        if (!timers_.empty()) {
          sleep = std::min(sleep, timers_.begin()->first - now);
        }
      }
      constexpr int kMost = 64;
      epoll_event events[kMost];
      const int milliseconds =
          static_cast<int>(std::ceil(absl::ToDoubleMilliseconds(sleep)));
      const int count = epoll_wait(epoll_, events, kMost, milliseconds);
      MutexLock lock(&mutex_);
      for (int i = 0; i < count; ++i) Happened(events[i].data.u64);
    }
  }

  void End() {
    MutexLock lock(&mutex_);
    ended_ = true;
    work_.NotifyAll();
    quick_work_.NotifyAll();
    CallTimer();
  }

 private:
  // What epoll knows the eventfd by; jobs count from 1.
  static constexpr uint64_t kCalled = 0;

  struct Later {
    bool operator()(
        const std::pair<absl::Duration, std::shared_ptr<Entry>>& a,
        const std::pair<absl::Duration, std::shared_ptr<Entry>>& b) const {
      return a.first != b.first ? a.first < b.first : a.second < b.second;
    }
  };

  void WakeLocked(const std::shared_ptr<Entry>& entry)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    ClearTimer(entry);
    if (entry->stopped || entry->queued) return;
    if (entry->running) {
      entry->again = true;
      return;
    }
    Enqueue(entry);
  }

  void Enqueue(const std::shared_ptr<Entry>& entry)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    entry->queued = true;
    if (entry->slow) {
      slow_queue_.push_back(entry);
      work_.NotifyOne();
      return;
    }
    quick_queue_.push_back(entry);
    // Whichever thread is free.
    quick_work_.NotifyOne();
    work_.NotifyOne();
  }

  std::shared_ptr<Entry> Take(bool patient)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    std::shared_ptr<Entry> entry;
    if (patient) entry = TakeFrom(&slow_queue_);
    if (entry == nullptr) entry = TakeFrom(&quick_queue_);
    return entry;
  }

  // The first whose group may have one more.
  std::shared_ptr<Entry> TakeFrom(std::deque<std::shared_ptr<Entry>>* queue)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    for (auto it = queue->begin(); it != queue->end();) {
      if ((*it)->stopped) {
        (*it)->queued = false;
        it = queue->erase(it);
        continue;
      }
      if (!(*it)->group.empty() && running_of_[(*it)->group] >= kMostOfGroup) {
        ++it;
        continue;
      }
      std::shared_ptr<Entry> entry = std::move(*it);
      queue->erase(it);
      entry->queued = false;
      entry->running = true;
      if (!entry->group.empty()) ++running_of_[entry->group];
      return entry;
    }
    return nullptr;
  }

  void Ran(const std::shared_ptr<Entry>& entry, absl::Duration took,
           absl::Duration next) {
    MutexLock lock(&mutex_);
    entry->running = false;
    entry->slow = took > slow_;
    if (!entry->group.empty()) {
      if (--running_of_[entry->group] == 0) running_of_.erase(entry->group);
      // For one of the group that had to wait, whoever may take it.
      quick_work_.NotifyOne();
      work_.NotifyOne();
    }
    const bool again = std::exchange(entry->again, false);
    if (entry->stopped) {
      ended_run_.NotifyAll();
      return;
    }
    if (again || next <= absl::ZeroDuration()) {
      Enqueue(entry);
    } else if (next < absl::InfiniteDuration()) {
      entry->due = Now() + next;
      const bool first =
          timers_.empty() || entry->due < timers_.begin()->first;
      timers_.emplace(entry->due, entry);
      if (first) CallTimer();
    }
  }

  void ClearTimer(const std::shared_ptr<Entry>& entry)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (entry->due == absl::InfiniteDuration()) return;
    timers_.erase({entry->due, entry});
    entry->due = absl::InfiniteDuration();
  }

  void Unwatch(Entry* entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (entry->fd < 0) return;
    epoll_ctl(epoll_, EPOLL_CTL_DEL, entry->fd, nullptr);
    watched_.erase(entry->watch);
    entry->fd = -1;
  }

  void Happened(uint64_t watch) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (watch == kCalled) {
      uint64_t count = 0;
      (void)!read(called_, &count, sizeof(count));
      return;
    }
    const auto found = watched_.find(watch);
    // Stopped meanwhile, if it is gone.
    if (found == watched_.end()) return;
    const std::shared_ptr<Entry> entry = found->second;
    Unwatch(entry.get());
    WakeLocked(entry);
  }

  // Has the thread that watches the time look again.
  void CallTimer() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const uint64_t one = 1;
    // It can only fail when it is readable already.
    (void)!write(called_, &one, sizeof(one));
  }

  const int epoll_;
  const int called_;
  absl::Duration slow_;

  Mutex mutex_;
  // For threads that take anything, and for those that take quick jobs only.
  CondVar work_;
  CondVar quick_work_;
  CondVar ended_run_;
  std::deque<std::shared_ptr<Entry>> quick_queue_ ABSL_GUARDED_BY(mutex_);
  std::deque<std::shared_ptr<Entry>> slow_queue_ ABSL_GUARDED_BY(mutex_);
  // Of each group of which one runs.
  std::map<std::string, int> running_of_ ABSL_GUARDED_BY(mutex_);
  std::set<std::pair<absl::Duration, std::shared_ptr<Entry>>, Later> timers_
      ABSL_GUARDED_BY(mutex_);
  std::map<uint64_t, std::shared_ptr<Entry>> watched_ ABSL_GUARDED_BY(mutex_);
  uint64_t last_watch_ ABSL_GUARDED_BY(mutex_) = kCalled;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
};

class JobPool::PooledJob final : public Job {
 public:
  PooledJob(std::shared_ptr<Queue> queue, std::function<absl::Duration()> run,
            std::string group)
      : queue_(std::move(queue)), entry_(std::make_shared<Queue::Entry>()) {
    entry_->run = std::move(run);
    entry_->group = std::move(group);
  }
  ~PooledJob() override { Stop(); }

  void Wake() override { queue_->Wake(entry_); }
  bool WakeWhenReadable(int fd) override {
    return queue_->WakeWhenReadable(entry_, fd);
  }
  void Stop() override { queue_->Stop(entry_); }

 private:
  const std::shared_ptr<Queue> queue_;
  const std::shared_ptr<Queue::Entry> entry_;
};

JobPool::JobPool() : queue_(std::make_shared<Queue>()) {}

absl::StatusOr<std::unique_ptr<JobPool>> JobPool::Start(Options options) {
  std::unique_ptr<JobPool> pool(new JobPool());
  if (!pool->queue_->valid()) {
    return absl::ResourceExhaustedError(
        "the system gives the server no more file descriptors: raise its bound "
        "on open files (ulimit -n)");
  }
  pool->queue_->set_slow(options.slow);
  Queue* const queue = pool->queue_.get();
  absl::Status status =
      pool->timer_.Start(absl::StrCat(options.name, "t"),
                         [queue] { queue->WatchTime(); });
  const size_t count = std::max<size_t>(options.threads, 2);
  for (size_t i = 0; i < count && status.ok(); ++i) {
    status = pool->workers_.emplace_back().Start(
        absl::StrCat(options.name, i),
        [queue, patient = i < count / 2] { queue->Work(patient); });
  }
  // What has been started is ended by the destructor.
  if (!status.ok()) return status;
  return pool;
}

JobPool::~JobPool() {
  queue_->End();
  for (Thread& worker : workers_) worker.Join();
  timer_.Join();
}

std::shared_ptr<Job> JobPool::Add(std::function<absl::Duration()> run,
                                  std::string group) {
  return std::make_shared<PooledJob>(queue_, std::move(run), std::move(group));
}

}  // namespace restate
