#ifndef RESTATE_TESTS_BENCHMARK_MEASURED_SERVER_H_
#define RESTATE_TESTS_BENCHMARK_MEASURED_SERVER_H_

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace restate::benchmark {

// A server that runs as a child process until this is destroyed, which asks it
// to stop (SIGTERM) and waits for it.
class MeasuredServer {
 public:
  // Starts `command` and waits for its first line on standard output,
  // "listening grpc=HOST:PORT". An error if it ends without one.
  static absl::StatusOr<std::unique_ptr<MeasuredServer>> Start(
      const std::vector<std::string>& command);
  // Starts `command`, which is known to serve at `address` before long.
  static absl::StatusOr<std::unique_ptr<MeasuredServer>> StartAt(
      const std::vector<std::string>& command, const std::string& address);
  ~MeasuredServer();
  MeasuredServer(const MeasuredServer&) = delete;
  MeasuredServer& operator=(const MeasuredServer&) = delete;

  // "127.0.0.1:41234".
  const std::string& address() const { return address_; }
  // The same of its metrics, which it names in its second line, "listening
  // http=HOST:PORT": to be called once, if they were asked for.
  absl::StatusOr<std::string> ReadHttpAddress();
  // Ends it without a warning (SIGKILL), and waits until it is gone.
  void Kill();
  // Asks it to stop, and waits until it has.
  void Stop();
  // The processor time it has used so far.
  double CpuSeconds() const;
  // The memory of its that is in use now (VmRSS), in bytes; 0 if it has ended.
  int64_t ResidentBytes() const;
  // The most that was in use at any time (VmHWM) since the start, or since
  // ForgetPeak.
  int64_t PeakResidentBytes() const;
  void ForgetPeak();

 private:
  // Starts `command`, with its standard output in the pipe output_.
  static absl::StatusOr<std::unique_ptr<MeasuredServer>> Spawn(
      const std::vector<std::string>& command);

  MeasuredServer(pid_t pid, int output) : pid_(pid), output_(output) {}

  // What /proc says in the line that begins with `field`, in bytes.
  int64_t MemoryInField(const std::string& field) const;
  // Sends `signal` and waits for the end. Nothing if it has ended already.
  void End(int signal);

  // 0 once it has ended.
  pid_t pid_;
  // The reading end of its standard output, kept open until it has ended.
  const int output_;
  std::string address_;
};

}  // namespace restate::benchmark

#endif  // RESTATE_TESTS_BENCHMARK_MEASURED_SERVER_H_
