#ifndef RESTATE_TESTS_SUPPORT_STORE_PROCESS_H_
#define RESTATE_TESTS_SUPPORT_STORE_PROCESS_H_

#include <sys/types.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace restate::test {

// The custom store of clients/python/examples as a child process, on a port of
// 127.0.0.1 that it keeps. Killed when destroyed, or when the thread that
// started it ends. Thread-compatible.
class StoreProcess {
 public:
  // Starts it on `database`, a file that need not exist, and waits until it
  // serves. UNAVAILABLE if it ends before that.
  static absl::StatusOr<std::unique_ptr<StoreProcess>> Start(
      std::string database);
  ~StoreProcess() { Kill(); }
  StoreProcess(const StoreProcess&) = delete;
  StoreProcess& operator=(const StoreProcess&) = delete;

  // "127.0.0.1:PORT".
  const std::string& address() const { return address_; }
  // SIGKILL, and waits until it is gone.
  void Kill();
  // Starts it again on the same data and port. REQUIRES: it was killed.
  absl::Status Restart();

 private:
  explicit StoreProcess(std::string database)
      : database_(std::move(database)) {}

  const std::string database_;
  pid_t pid_ = -1;
  std::string address_ = "127.0.0.1:0";
};

}  // namespace restate::test

#endif  // RESTATE_TESTS_SUPPORT_STORE_PROCESS_H_
