#include "engine/threads/thread.h"

#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/error/error.h"

namespace restate {

absl::Status Thread::Start(const std::string& name,
                           std::function<void()> run) {
  // The standard library throws; this is the border.
  try {
    thread_ = std::thread([name, run = std::move(run)] {
      pthread_setname_np(pthread_self(), name.c_str());
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
