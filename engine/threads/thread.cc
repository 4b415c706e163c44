#include "engine/threads/thread.h"

#include <sys/resource.h>

#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/error/error.h"

namespace restate {
namespace {

constexpr int kNiceOfLow = 10;

}  // namespace

absl::Status Thread::Start(const std::string& name, std::function<void()> run,
                           Priority priority) {
  // The standard library throws; this is the border.
  try {
    thread_ = std::thread([name, priority, run = std::move(run)] {
      pthread_setname_np(pthread_self(), name.c_str());
      // On Linux 0 is the calling thread, not the process (setpriority(2)).
      if (priority == Priority::kLow) setpriority(PRIO_PROCESS, 0, kNiceOfLow);
      run();
    });
  } catch (const std::system_error& error) {
    return MakeError(
        Reason::kTooManyThreads,
        absl::StrCat("the system gives the server no more threads (",
                     error.code().message(),
                     "): raise its bound on processes and threads (ulimit -u, "
                     "or the pids limit of its container), or its memory"));
  }
  return absl::OkStatus();
}

void Thread::Join() {
  if (thread_.joinable()) thread_.join();
}

}  // namespace restate
