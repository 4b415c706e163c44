#ifndef RESTATE_TESTS_SUPPORT_SERVER_PROCESS_H_
#define RESTATE_TESTS_SUPPORT_SERVER_PROCESS_H_

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace restate::test {

// The real server, `restated`, as a child process on a free port of 127.0.0.1.
//
// The child does not outlive the thread that started it (PR_SET_PDEATHSIG), so
// start it from a thread that stays, in practice the test's main thread.
// Thread-compatible; address() and Log() may be called from anywhere while no
// other method runs.
class ServerProcess {
 public:
  struct Options {
    // Where the server keeps its data; empty: nowhere, all in memory.
    std::string data_dir;
    // Passed on as they are.
    std::vector<std::string> extra_args;
    // Whether it comes back on the same port, for those who know its address.
    bool keep_address = false;
    // Whether it serves metrics, on a free port.
    bool metrics = false;
    // Variables ("NAME=VALUE") beside those of the test.
    std::vector<std::string> environment;
    // How many files it may have open, and how many without asking for more (the
    // soft limit; 0: as many). 0: as the test.
    int max_descriptors = 0;
    int soft_max_descriptors = 0;
  };

  // Starts the server and waits until it says that it serves. UNAVAILABLE with
  // what it wrote to standard error if it ends before that.
  static absl::StatusOr<std::unique_ptr<ServerProcess>> Start(Options options);
  // Kills it.
  ~ServerProcess();
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  // "127.0.0.1:PORT". Another one after each Restart, unless it is kept.
  const std::string& address() const { return address_; }
  // The same of its metrics; empty if there are none.
  const std::string& http_address() const { return http_address_; }
  bool running() const { return pid_ > 0; }
  // What it has in memory now (VmRSS), in bytes; 0 if it does not run.
  int64_t ResidentBytes() const;
  // How many threads it has now; 0 if it does not run.
  int Threads() const;
  // How many files and connections it has open.
  int OpenDescriptors() const;

  // SIGKILL, and waits until it is gone.
  void Kill();
  // SIGSTOP, and waits until it stands still. SIGCONT.
  void Freeze();
  void Thaw();
  // SIGTERM, without waiting.
  void RequestStop();
  // Waits for the end and gives the exit code, 128 + N if signal N ended it.
  // Kills it, and gives -1, if the test's deadline comes first.
  int WaitForExit();
  // Sends it a signal.
  void Signal(int number);
  // RequestStop and WaitForExit.
  int Terminate();
  // Starts it again on the same data, with these variables ("NAME=VALUE")
  // beside those of the test. REQUIRES: !running().
  absl::Status Restart(std::vector<std::string> environment = {});

  // What it has written to standard error since it was first started.
  std::string Log() const;

 private:
  explicit ServerProcess(Options options);

  // A number of /proc/PID/status; 0 if it does not run.
  int64_t FromStatus(const std::string& field) const;
  // Reads the lines that name the addresses.
  absl::Status ReadAddresses(int stdout_fd);

  const Options options_;
  // Holds standard error.
  std::string log_path_;
  pid_t pid_ = -1;
  std::string address_;
  std::string http_address_;
};

}  // namespace restate::test

#endif  // RESTATE_TESTS_SUPPORT_SERVER_PROCESS_H_
