#include "engine/commit/long_call_thread.h"

#include <sys/resource.h>

#include <utility>

#include "engine/derivation/long_calls.h"
#include "engine/lua/lua_runtime.h"

namespace restate {
namespace {

// Of 0 to 19: a sixtieth of the weight of other threads, where these want all of
// the processors.
constexpr int kNice = 19;

}  // namespace

LongCallThread::~LongCallThread() {
  std::thread thread;
  {
    MutexLock lock(&mutex_);
    stopped_ = true;
    thread.swap(thread_);
    wake_.NotifyAll();
  }
  if (thread.joinable()) thread.join();
}

void LongCallThread::Make(QueuedCommit commit) {
  MutexLock lock(&mutex_);
  commit_ = std::move(commit);
  if (!thread_.joinable()) thread_ = std::thread([this] { Run(); });
  wake_.NotifyOne();
}

void LongCallThread::Run() {
  // On Linux 0 is the calling thread, not the process (setpriority(2)). Without
  // it the thread works as well, at others' cost.
  setpriority(PRIO_PROCESS, 0, kNice);
  LuaRuntime runtime;
  while (true) {
    std::optional<QueuedCommit> commit;
    {
      MutexLock lock(&mutex_);
      while (!commit_.has_value() && !stopped_) wake_.Wait(&mutex_);
      if (!commit_.has_value()) return;
      commit.swap(commit_);
    }
    while (LongCall* const call = commit->request.long_calls->next()) {
      MakeLongCall(runtime, call);
    }
    made_(*std::move(commit));
  }
}

}  // namespace restate
