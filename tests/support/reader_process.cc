#include "tests/support/reader_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "tests/support/deadline.h"

namespace restate::test {
namespace {

std::string BinaryPath() {
  const char* root = std::getenv("TEST_SRCDIR");
  const char* workspace = std::getenv("TEST_WORKSPACE");
  return absl::StrCat(root == nullptr ? "." : root, "/",
                      workspace == nullptr ? "restate" : workspace,
                      "/tests/support/counting_reader");
}

}  // namespace

absl::StatusOr<std::unique_ptr<ReaderProcess>> ReaderProcess::Start(
    const std::string& address, v1::SubscribeOverflow overflow,
    const std::string& pattern) {
  std::vector<std::string> args = {BinaryPath(), address,
                                   absl::StrCat(static_cast<int>(overflow)),
                                   pattern};
  std::vector<char*> argv;
  for (std::string& arg : args) argv.push_back(arg.data());
  argv.push_back(nullptr);
  int out[2];
  if (pipe2(out, O_CLOEXEC) != 0) return absl::InternalError("pipe2");
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child == 0) {
    // Only calls that are safe after a fork of a process with threads.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(127);
    dup2(out[1], STDOUT_FILENO);
    execv(argv[0], argv.data());
    _exit(127);
  }
  close(out[1]);
  if (child < 0) {
    close(out[0]);
    return absl::InternalError("fork");
  }
  std::unique_ptr<ReaderProcess> reader(new ReaderProcess(child, out[0]));
  const std::string line = reader->ReadLine();
  if (line != "synced") {
    return absl::UnavailableError(absl::StrCat("it printed '", line, "'"));
  }
  return reader;
}

ReaderProcess::~ReaderProcess() {
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  close(output_);
}

void ReaderProcess::Freeze() {
  kill(pid_, SIGSTOP);
  waitpid(pid_, nullptr, WUNTRACED);
}

void ReaderProcess::Thaw() { kill(pid_, SIGCONT); }

std::string ReaderProcess::ReadLine() {
  std::string line;
  while (true) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        TestDeadline() - std::chrono::system_clock::now());
    pollfd waiting = {output_, POLLIN, 0};
    const int ready =
        poll(&waiting, 1, left.count() < 0 ? 0 : static_cast<int>(left.count()));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return "";
    char c;
    const ssize_t n = read(output_, &c, 1);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return "";
    if (c == '\n') return line;
    line.push_back(c);
  }
}

}  // namespace restate::test
