#include "service/streams/work_thread.h"

#include <utility>

namespace restate {

WorkThread::WorkThread(std::string name, Thread::Priority priority)
    : name_(std::move(name)),
      status_(thread_.Start(name_, [this] { Loop(); }, priority)) {}

WorkThread::~WorkThread() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
  }
  wake_.NotifyOne();
  thread_.Join();
}

void WorkThread::Post(Task task) {
  bool was_empty;
  {
    MutexLock lock(&mutex_);
    was_empty = queue_.empty();
    queue_.push_back(std::move(task));
  }
  // The thread takes the whole queue at once: later posts need no wake-up.
  if (was_empty) wake_.NotifyOne();
}

void WorkThread::Loop() {
  std::vector<Task> batch;
  while (true) {
    {
      MutexLock lock(&mutex_);
      while (queue_.empty() && !stopping_) wake_.Wait(&mutex_);
      if (queue_.empty()) return;
      batch.swap(queue_);
    }
    for (Task& task : batch) {
      task();
      // What it held is let go of before the next one runs.
      task = nullptr;
    }
    batch.clear();
  }
}

}  // namespace restate
