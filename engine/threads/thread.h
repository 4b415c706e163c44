#ifndef RESTATE_ENGINE_THREADS_THREAD_H_
#define RESTATE_ENGINE_THREADS_THREAD_H_

#include <pthread.h>

#include <functional>
#include <string>
#include <thread>

#include "absl/status/status.h"

namespace restate {

// A thread whose start can fail. std::thread throws when the system gives no
// more threads (a bound on processes, no memory), and who does not expect that
// ends the server; so threads are started here and nowhere else.
//
// Thread-compatible. REQUIRES: not running when it is destroyed; see Join.
class Thread {
 public:
  Thread() = default;
  Thread(Thread&&) = default;
  Thread& operator=(Thread&&) = default;

  // kLow is for work that nobody but who asked for it should wait for: it gets a
  // ninth of what others get of a processor that all of them want (nice 10).
  // Without the system's consent it is as kNormal, at others' cost.
  enum class Priority { kNormal, kLow };

  // Starts it; `name`, up to 15 bytes, is what it is called in a debugger.
  //   RESOURCE_EXHAUSTED / TOO_MANY_THREADS: the system gives none; `run` is not
  //     called.
  // REQUIRES: !running().
  absl::Status Start(const std::string& name, std::function<void()> run,
                     Priority priority = Priority::kNormal);

  // Whether it was started and not waited for yet.
  bool running() const { return thread_.joinable(); }
  // Waits until it has ended, if it was ever started.
  void Join();
  // REQUIRES: running().
  pthread_t handle() { return thread_.native_handle(); }

 private:
  std::thread thread_;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_THREADS_THREAD_H_
