#include "tests/support/server_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "tests/support/deadline.h"

namespace restate::test {
namespace {

constexpr absl::string_view kAddressPrefix = "listening grpc=";
constexpr absl::string_view kHttpPrefix = "listening http=";

std::string RunfilesPath(absl::string_view path) {
  const char* root = std::getenv("TEST_SRCDIR");
  const char* workspace = std::getenv("TEST_WORKSPACE");
  return absl::StrCat(root == nullptr ? "." : root, "/",
                      workspace == nullptr ? "restate" : workspace, "/", path);
}

int MillisecondsLeft() {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
      TestDeadline() - std::chrono::system_clock::now());
  return left.count() < 0 ? 0 : static_cast<int>(left.count());
}

// Between fork and exec only calls that are safe after a fork of a process with
// threads.
[[noreturn]] void BecomeServer(pid_t parent, char* const* argv,
                               char* const* environment, const rlimit& descriptors,
                               int stdout_fd, int stderr_fd) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  // The parent may have died before the line above.
  if (getppid() != parent) _exit(127);
  if (descriptors.rlim_max > 0) setrlimit(RLIMIT_NOFILE, &descriptors);
  dup2(stdout_fd, STDOUT_FILENO);
  dup2(stderr_fd, STDERR_FILENO);
  execve(argv[0], argv, environment);
  static constexpr char kMessage[] = "cannot execute the server binary\n";
  [[maybe_unused]] const ssize_t written =
      write(STDERR_FILENO, kMessage, sizeof(kMessage) - 1);
  _exit(127);
}

absl::Status Errno(absl::string_view what) {
  return absl::InternalError(absl::StrCat(what, ": ", strerror(errno)));
}

// The next line, which is to begin with `prefix`, without that.
absl::StatusOr<std::string> ReadAddress(int stdout_fd,
                                        absl::string_view prefix) {
  std::string line;
  while (true) {
    pollfd waiting = {stdout_fd, POLLIN, 0};
    if (poll(&waiting, 1, MillisecondsLeft()) == 0) {
      return absl::UnavailableError("the server did not start in time");
    }
    char c;
    const ssize_t n = read(stdout_fd, &c, 1);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      return absl::UnavailableError(absl::StrCat(
          "the server ended before it served; it printed '", line, "'"));
    }
    if (c == '\n') break;
    line.push_back(c);
  }
  absl::string_view rest = line;
  if (!absl::ConsumePrefix(&rest, prefix)) {
    return absl::UnavailableError(
        absl::StrCat("the line is '", line, "', not '", prefix, "...'"));
  }
  // More may follow on the line, after a space.
  return std::string(rest.substr(0, rest.find(' ')));
}

}  // namespace

ServerProcess::ServerProcess(Options options) : options_(std::move(options)) {}

absl::StatusOr<std::unique_ptr<ServerProcess>> ServerProcess::Start(
    Options options) {
  std::unique_ptr<ServerProcess> server(new ServerProcess(std::move(options)));
  const char* base = std::getenv("TEST_TMPDIR");
  server->log_path_ =
      absl::StrCat(base == nullptr ? "/tmp" : base, "/restated-log-XXXXXX");
  const int fd = mkstemp(server->log_path_.data());
  if (fd < 0) return Errno("mkstemp");
  close(fd);
  if (absl::Status started = server->Restart(); !started.ok()) return started;
  return server;
}

ServerProcess::~ServerProcess() {
  Kill();
  unlink(log_path_.c_str());
}

absl::Status ServerProcess::Restart(std::vector<std::string> environment) {
  const bool kept = options_.keep_address && !address_.empty();
  std::vector<std::string> args = {RunfilesPath("service/restated"), "--listen",
                                   kept ? address_ : "127.0.0.1:0",
                                   "--http-listen",
                                   options_.metrics ? "127.0.0.1:0" : "off"};
  if (!options_.data_dir.empty()) {
    args.push_back("--data-dir");
    args.push_back(options_.data_dir);
  }
  args.insert(args.end(), options_.extra_args.begin(),
              options_.extra_args.end());
  std::vector<char*> argv;
  for (std::string& arg : args) argv.push_back(arg.data());
  argv.push_back(nullptr);
  environment.insert(environment.end(), options_.environment.begin(),
                     options_.environment.end());
  std::vector<char*> variables;
  for (std::string& variable : environment) {
    variables.push_back(variable.data());
  }
  for (char** own = environ; *own != nullptr; ++own) variables.push_back(*own);
  variables.push_back(nullptr);

  int out[2];
  if (pipe2(out, O_CLOEXEC) != 0) return Errno("pipe2");
  const int log =
      open(log_path_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC | O_CREAT, 0600);
  const pid_t parent = getpid();
  const int most = options_.max_descriptors;
  const int soft = options_.soft_max_descriptors;
  const rlimit descriptors = {static_cast<rlim_t>(soft > 0 ? soft : most),
                              static_cast<rlim_t>(most)};
  const pid_t child = fork();
  if (child == 0) {
    BecomeServer(parent, argv.data(), variables.data(), descriptors, out[1],
                 log);
  }
  close(out[1]);
  close(log);
  if (child < 0) {
    close(out[0]);
    return Errno("fork");
  }
  pid_ = child;
  const absl::Status ready = ReadAddresses(out[0]);
  // The server writes no more, so nobody has to go on reading.
  close(out[0]);
  if (!ready.ok()) {
    Kill();
    return absl::UnavailableError(
        absl::StrCat(ready.message(), "; its standard error:\n", Log()));
  }
  return absl::OkStatus();
}

absl::Status ServerProcess::ReadAddresses(int stdout_fd) {
  absl::StatusOr<std::string> address = ReadAddress(stdout_fd, kAddressPrefix);
  if (!address.ok()) return address.status();
  address_ = *std::move(address);
  if (!options_.metrics) return absl::OkStatus();
  address = ReadAddress(stdout_fd, kHttpPrefix);
  if (address.ok()) http_address_ = *std::move(address);
  return address.status();
}

void ServerProcess::Kill() {
  if (!running()) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

void ServerProcess::Freeze() {
  kill(pid_, SIGSTOP);
  waitpid(pid_, nullptr, WUNTRACED);
}

void ServerProcess::Thaw() { kill(pid_, SIGCONT); }

void ServerProcess::RequestStop() {
  if (running()) kill(pid_, SIGTERM);
}

void ServerProcess::Signal(int number) {
  if (running()) kill(pid_, number);
}

int ServerProcess::WaitForExit() {
  if (!running()) return -1;
  const int fd = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0));
  if (fd >= 0) {
    pollfd waiting = {fd, POLLIN, 0};
    const bool ended = poll(&waiting, 1, MillisecondsLeft()) > 0;
    close(fd);
    if (!ended) {
      Kill();
      return -1;
    }
  }
  int status = 0;
  waitpid(pid_, &status, 0);
  pid_ = -1;
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int ServerProcess::Terminate() {
  RequestStop();
  return WaitForExit();
}

int64_t ServerProcess::FromStatus(const std::string& field) const {
  std::ifstream status(absl::StrCat("/proc/", pid_, "/status"));
  std::string word;
  while (status >> word) {
    int64_t number = 0;
    if (word == field && status >> number) return number;
  }
  return 0;
}

int64_t ServerProcess::ResidentBytes() const {
  return FromStatus("VmRSS:") * 1024;
}

int ServerProcess::Threads() const {
  return static_cast<int>(FromStatus("Threads:"));
}

int ServerProcess::OpenDescriptors() const {
  std::error_code error;
  const std::filesystem::directory_iterator all(
      absl::StrCat("/proc/", pid_, "/fd"), error);
  return error ? 0
               : static_cast<int>(std::distance(
                     begin(all), std::filesystem::directory_iterator()));
}

std::string ServerProcess::Log() const {
  std::ifstream file(log_path_);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace restate::test
