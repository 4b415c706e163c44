// restated: a reactive state tree, served over gRPC.

#include <sys/stat.h>

#include <cstdio>
#include <memory>
#include <optional>
#include <string>

#include <spdlog/spdlog.h>

#include "absl/synchronization/mutex.h"
#include "engine/clock/clock.h"
#include "engine/crash/crash_point.h"
#include "engine/threads/spare_threads.h"
#include "service/config/command_line.h"
#include "service/server/descriptor_limit.h"
#include "service/server/logging.h"
#include "service/server/server.h"
#include "service/server/signal_table.h"
#include "service/server/termination.h"

namespace {

constexpr int kFailed = 1;
constexpr int kUsage = 2;

// About what a server takes that nobody uses yet.
constexpr size_t kThreads = 48;

int Fail(const absl::Status& status, int exit_status) {
  const std::string message(status.message());
  std::fprintf(stderr, "restated: %s\n", message.c_str());
  return exit_status;
}

}  // namespace

int main(int argc, char** argv) {
  restate::TakeOverSignals();
  // Whatever the server writes is its own; files in mounted directories are the
  // user's and get the modes that they would have had.
  const mode_t files_umask = umask(S_IRWXG | S_IRWXO);
  const absl::StatusOr<restate::CommandLine> command_line =
      restate::ParseCommandLine(argc, argv);
  if (!command_line.ok()) return Fail(command_line.status(), kUsage);
  if (command_line->print.has_value()) {
    std::fputs(command_line->print->c_str(), stdout);
    return 0;
  }
  absl::StatusOr<restate::Config> config = restate::LoadConfig(*command_line);
  if (!config.ok()) return Fail(config.status(), kFailed);
  config->files_umask = files_umask;
  restate::StartLogging(config->log_level);
  // Debian's Abseil looks at each lock of gRPC's for a cycle in the order of
  // locks, which is for those who debug theirs (docs/decisions/0024).
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  const absl::StatusOr<std::optional<restate::CrashRequest>> crash =
      restate::RequestedCrash();
  if (!crash.ok()) return Fail(crash.status(), kUsage);
  if (crash->has_value()) {
    spdlog::warn(
        "RESTATE_CRASH_AT is set: this server ends itself with SIGKILL on its "
        "way, as only tests want it");
  }

  const absl::StatusOr<std::unique_ptr<restate::Termination>> termination =
      restate::Termination::Start();
  if (!termination.ok()) return Fail(termination.status(), kFailed);
  restate::RaiseDescriptorLimit();
  // gRPC and RocksDB end the process where they get none.
  const absl::Status threads = restate::CheckSpareThreads(kThreads);
  if (!threads.ok()) return Fail(threads, kFailed);
  const restate::SystemClock clock;
  absl::StatusOr<std::unique_ptr<restate::Server>> server =
      restate::Server::Start(*config, &clock);
  if (!server.ok()) return Fail(server.status(), kFailed);
  // The first lines, for those who started this with port 0; together, so that
  // who reads the first alone may go then.
  std::string lines = "listening grpc=" + (*server)->address() + "\n";
  const std::string http = (*server)->http_address();
  if (!http.empty()) lines += "listening http=" + http + "\n";
  std::fputs(lines.c_str(), stdout);
  std::fflush(stdout);
  spdlog::info("restated {} listens on {}; {}", restate::kVersion,
               (*server)->address(),
               config->data_dir.empty()
                   ? std::string("nothing is kept on disk")
                   : "data directory " + config->data_dir);

  const int signal = (*termination)->Wait();
  spdlog::info("stopping on {}; SIGTERM or SIGINT ends the process at once",
               restate::SignalName(signal));
  const absl::Status stopped = (*server)->Stop();
  if (!stopped.ok()) return Fail(stopped, kFailed);
  spdlog::info("stopped");
  return 0;
}
