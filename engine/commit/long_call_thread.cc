#include "engine/commit/long_call_thread.h"

#include <chrono>
#include <optional>
#include <utility>

#include "engine/lua/lua_runtime.h"

namespace restate {
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
  // Not the least priority that there is: with a sixtieth of the weight of others a
  // function of some milliseconds takes a second on a busy machine, and who writes
  // its source waits for it.
  absl::Status status = slow_thread_.Start(
      "restate-lua", [this] { MakeCalls(); }, Thread::Priority::kLow);
  if (!status.ok()) return status;
  return thread_.Start("restate-long", [this] { PassOn(); });
}

void LongCallThread::Make(QueuedCommit commit, absl::Duration longest_wait) {
  MutexLock lock(&mutex_);
  commit_wait_ = longest_wait;
  commit_ = std::move(commit);
  wake_.NotifyOne();
}

void LongCallThread::PassOn() {
  while (true) {
    std::optional<QueuedCommit> commit;
    absl::Duration longest_wait;
    {
      MutexLock lock(&mutex_);
      while (!commit_.has_value() && !stopped_) wake_.Wait(&mutex_);
      if (!commit_.has_value()) break;
      commit.swap(commit_);
      longest_wait = commit_wait_;
    }
    AwaitCalls(commit->request.long_calls.get(), longest_wait);
    made_(*std::move(commit));
  }
}

void LongCallThread::AwaitCalls(LongCalls* calls,
                                absl::Duration longest_wait) {
  const auto began = std::chrono::steady_clock::now();
  const auto waited = [&] {
    return calls->waited() +
           absl::FromChrono(std::chrono::steady_clock::now() - began);
  };
  MutexLock lock(&slow_mutex_);
  calls_ = calls;
  ++wait_;
  slow_wake_.NotifyAll();
  while (calls_ != nullptr) {
    if (longest_wait == absl::InfiniteDuration()) {
      slow_wake_.Wait(&slow_mutex_);
      continue;
    }
    const absl::Duration left = longest_wait - waited();
    if (left <= absl::ZeroDuration()) {
      calls->EndWait();
      calls_ = nullptr;
    } else {
      slow_wake_.WaitFor(&slow_mutex_, left);
    }
  }
  calls->AddWait(absl::FromChrono(std::chrono::steady_clock::now() - began));
}

void LongCallThread::MakeCalls() {
  LuaRuntime runtime;
  while (true) {
    // A copy: whoever waits may go on with the commit before this is made.
    std::optional<LongCall> call;
    uint64_t wait = 0;
    {
      MutexLock lock(&slow_mutex_);
      while (calls_ == nullptr && !slow_stopped_) slow_wake_.Wait(&slow_mutex_);
      if (calls_ == nullptr) return;
      wait = wait_;
      if (const LongCall* const next = calls_->next(); next != nullptr) {
        call = *next;
      } else {
        calls_ = nullptr;
        slow_wake_.NotifyAll();
        continue;
      }
    }
    MakeLongCall(runtime, &*call);
    MutexLock lock(&slow_mutex_);
    if (calls_ != nullptr && wait_ == wait) *calls_->next() = *std::move(call);
  }
}

}  // namespace restate
