#ifndef RESTATE_TESTS_SUPPORT_READER_PROCESS_H_
#define RESTATE_TESTS_SUPPORT_READER_PROCESS_H_

#include <sys/types.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "restate/v1/event_service.pb.h"

namespace restate::test {

// counting_reader as a child process, which can be frozen. It does not outlive
// the thread that started it. Thread-compatible.
class ReaderProcess {
 public:
  // Starts it and waits until it is live.
  static absl::StatusOr<std::unique_ptr<ReaderProcess>> Start(
      const std::string& address, v1::SubscribeOverflow overflow,
      const std::string& pattern);
  // Kills it.
  ~ReaderProcess();
  ReaderProcess(const ReaderProcess&) = delete;
  ReaderProcess& operator=(const ReaderProcess&) = delete;

  // SIGSTOP, and waits until it stands still.
  void Freeze();
  // SIGCONT.
  void Thaw();
  // The next line that it prints; empty at its end, and at the test's deadline.
  std::string ReadLine();

 private:
  ReaderProcess(pid_t pid, int output) : pid_(pid), output_(output) {}

  const pid_t pid_;
  const int output_;
};

}  // namespace restate::test

#endif  // RESTATE_TESTS_SUPPORT_READER_PROCESS_H_
