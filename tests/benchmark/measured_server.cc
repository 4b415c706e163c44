#include "tests/benchmark/measured_server.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace restate::benchmark {
namespace {

// Reads up to a newline; what there is, if the other end closes first.
std::string ReadLine(int fd) {
  std::string line;
  char c;
  while (read(fd, &c, 1) == 1 && c != '\n') line.push_back(c);
  return line;
}

// What follows `prefix` in the line, up to a space.
absl::StatusOr<std::string> AddressIn(const std::string& line,
                                      absl::string_view prefix) {
  absl::string_view rest = line;
  if (!absl::ConsumePrefix(&rest, prefix)) {
    return absl::InternalError(
        absl::StrCat("it said '", line, "', not '", prefix, "...'"));
  }
  return std::string(rest.substr(0, rest.find(' ')));
}

}  // namespace

absl::StatusOr<std::unique_ptr<MeasuredServer>> MeasuredServer::Spawn(
    const std::vector<std::string>& command) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) {
    return absl::ErrnoToStatus(errno, "pipe");
  }
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  std::vector<char*> arguments;
  for (const std::string& word : command) {
    arguments.push_back(const_cast<char*>(word.c_str()));
  }
  arguments.push_back(nullptr);
  pid_t pid = 0;
  const int error = posix_spawn(&pid, arguments[0], &actions, nullptr,
                                arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  if (error != 0) {
    close(ends[0]);
    return absl::ErrnoToStatus(error, absl::StrCat("starting ", command[0]));
  }

  return absl::WrapUnique(new MeasuredServer(pid, ends[0]));
}

absl::StatusOr<std::unique_ptr<MeasuredServer>> MeasuredServer::Start(
    const std::vector<std::string>& command) {
  auto server = Spawn(command);
  if (!server.ok()) return server.status();
  absl::StatusOr<std::string> address =
      AddressIn(ReadLine((*server)->output_), "listening grpc=");
  if (!address.ok()) {
    return absl::InternalError(absl::StrCat(command[0], " does not serve: ",
                                            address.status().message()));
  }
  (*server)->address_ = *std::move(address);
  return server;
}

absl::StatusOr<std::string> MeasuredServer::ReadHttpAddress() {
  return AddressIn(ReadLine(output_), "listening http=");
}

absl::StatusOr<std::unique_ptr<MeasuredServer>> MeasuredServer::StartAt(
    const std::vector<std::string>& command, const std::string& address) {
  auto server = Spawn(command);
  if (server.ok()) (*server)->address_ = address;
  return server;
}

MeasuredServer::~MeasuredServer() {
  Stop();
  close(output_);
}

void MeasuredServer::Kill() { End(SIGKILL); }

void MeasuredServer::Stop() { End(SIGTERM); }

void MeasuredServer::End(int signal) {
  if (pid_ == 0) return;
  kill(pid_, signal);
  waitpid(pid_, nullptr, 0);
  pid_ = 0;
}

double MeasuredServer::CpuSeconds() const {
  std::ifstream file(absl::StrCat("/proc/", pid_, "/stat"));
  const std::string stat{std::istreambuf_iterator<char>(file), {}};
  // After the name, which is in parentheses: state is field 3, and utime and
  // stime are 14 and 15, in clock ticks.
  const size_t name_end = stat.rfind(") ");
  if (name_end == std::string::npos) return 0;
  const std::vector<std::string> fields =
      absl::StrSplit(stat.substr(name_end + 2), ' ');
  double user = 0, system = 0;
  if (fields.size() <= 12 || !absl::SimpleAtod(fields[11], &user) ||
      !absl::SimpleAtod(fields[12], &system)) {
    return 0;
  }
  return (user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

int64_t MeasuredServer::ResidentBytes() const {
  return MemoryInField("VmRSS:");
}

int64_t MeasuredServer::PeakResidentBytes() const {
  return MemoryInField("VmHWM:");
}

void MeasuredServer::ForgetPeak() {
  // proc(5): 5 sets the peak to what is resident now.
  std::ofstream(absl::StrCat("/proc/", pid_, "/clear_refs")) << "5";
}

int64_t MeasuredServer::MemoryInField(const std::string& field) const {
  std::ifstream file(absl::StrCat("/proc/", pid_, "/status"));
  std::string line;
  while (std::getline(file, line)) {
    absl::string_view rest = line;
    int64_t kibibytes = 0;
    if (absl::ConsumePrefix(&rest, field) &&
        absl::ConsumeSuffix(&rest, " kB") &&
        absl::SimpleAtoi(absl::StripAsciiWhitespace(rest), &kibibytes)) {
      return kibibytes * 1024;
    }
  }
  return 0;
}

}  // namespace restate::benchmark
