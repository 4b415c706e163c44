#include "tests/support/store_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace restate::test {
namespace {

std::string Runfile(const std::string& path) {
  const char* root = std::getenv("TEST_SRCDIR");
  const char* workspace = std::getenv("TEST_WORKSPACE");
  return absl::StrCat(root == nullptr ? "." : root, "/",
                      workspace == nullptr ? "restate" : workspace, "/", path);
}

}  // namespace

absl::StatusOr<std::unique_ptr<StoreProcess>> StoreProcess::Start(
    std::string database) {
  std::unique_ptr<StoreProcess> store(new StoreProcess(std::move(database)));
  absl::Status started = store->Restart();
  if (!started.ok()) return started;
  return store;
}

absl::Status StoreProcess::Restart() {
  // Debian's own Python, because grpc is Debian's package.
  std::string python = "/usr/bin/python3";
  std::string program =
      Runfile("clients/python/examples/sqlite_backend/sqlite_backend.py");
  std::string database = database_;
  std::string address = address_;
  std::string path = absl::StrCat("PYTHONPATH=", Runfile("clients/python"));
  std::string no_cache = "PYTHONDONTWRITEBYTECODE=1";
  char* const argv[] = {python.data(), program.data(), database.data(),
                        address.data(), nullptr};
  char* const envp[] = {path.data(), no_cache.data(), nullptr};
  int out[2];
  if (pipe2(out, O_CLOEXEC) != 0) return absl::InternalError("pipe2 failed");
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child == 0) {
    // Only calls that are safe after a fork of a process with threads.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(127);
    dup2(out[1], STDOUT_FILENO);
    execve(argv[0], argv, envp);
    _exit(127);
  }
  close(out[1]);
  pid_ = child;
  std::string line;
  char c;
  while (read(out[0], &c, 1) == 1 && c != '\n') line.push_back(c);
  close(out[0]);
  absl::string_view rest = line;
  if (!absl::ConsumePrefix(&rest, "listening ")) {
    Kill();
    return absl::UnavailableError(
        absl::StrCat("the store did not start; it printed '", line, "'"));
  }
  address_ = std::string(rest);
  return absl::OkStatus();
}

void StoreProcess::Kill() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

}  // namespace restate::test
