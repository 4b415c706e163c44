#include "engine/commit/long_call_thread.h"

#include <sys/resource.h>

#include <utility>

#include "engine/lua/lua_runtime.h"

namespace restate {
namespace {

// Of 0 to 19: a sixtieth of the weight of other threads, where these want all of
// the processors.
constexpr int kNice = 19;

}  // namespace

LongCallThread::~LongCallThread() {
  {
    MutexLock lock(&mutex_);
    stopped_ = true;
    wake_.NotifyAll();
  }
  thread_.Join();
  {
    MutexLock lock(&slow_mutex_);
    slow_stopped_ = true;
    slow_wake_.NotifyAll();
  }
  slow_thread_.Join();
}

absl::Status LongCallThread::Start() {
  absl::Status status =
      slow_thread_.Start("restate-lua", [this] { MakeCalls(); });
  if (!status.ok()) return status;
  return thread_.Start("restate-long", [this] { PassOn(); });
}

void LongCallThread::Make(QueuedCommit commit) {
  MutexLock lock(&mutex_);
  commit_ = std::move(commit);
  wake_.NotifyOne();
}

void LongCallThread::PassOn() {
  while (true) {
    std::optional<QueuedCommit> commit;
    {
      MutexLock lock(&mutex_);
      while (!commit_.has_value() && !stopped_) wake_.Wait(&mutex_);
      if (!commit_.has_value()) break;
      commit.swap(commit_);
    }
    AwaitCalls(commit->request.long_calls.get());
    made_(*std::move(commit));
  }
}

void LongCallThread::AwaitCalls(LongCalls* calls) {
  MutexLock lock(&slow_mutex_);
  calls_ = calls;
  slow_wake_.NotifyAll();
  while (calls_ != nullptr) slow_wake_.Wait(&slow_mutex_);
}

void LongCallThread::MakeCalls() {
  // On Linux 0 is the calling thread, not the process (setpriority(2)). Without
  // it the thread works as well, at others' cost.
  setpriority(PRIO_PROCESS, 0, kNice);
  LuaRuntime runtime;
  while (true) {
    LongCalls* calls = nullptr;
    {
      MutexLock lock(&slow_mutex_);
      while (calls_ == nullptr && !slow_stopped_) slow_wake_.Wait(&slow_mutex_);
      if (calls_ == nullptr) return;
      calls = calls_;
    }
    while (LongCall* const call = calls->next()) MakeLongCall(runtime, call);
    MutexLock lock(&slow_mutex_);
    calls_ = nullptr;
    slow_wake_.NotifyAll();
  }
}

}  // namespace restate
