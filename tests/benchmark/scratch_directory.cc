#include "tests/benchmark/scratch_directory.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace restate::benchmark {
namespace {

bool IsInMemory(const std::string& directory) {
  struct statfs file_system;
  return statfs(directory.c_str(), &file_system) == 0 &&
         file_system.f_type == TMPFS_MAGIC;
}

// How often a second this directory's disk makes a small append durable.
double FsyncsPerSecond(const std::string& directory) {
  const std::string name = absl::StrCat(directory, "/fsync");
  const int fd = open(name.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  if (fd < 0) return 0;
  const std::string record(128, 'r');
  const auto begin = std::chrono::steady_clock::now();
  std::chrono::duration<double> taken{0};
  int count = 0;
  while (taken.count() < 1) {
    if (write(fd, record.data(), record.size()) < 0 || fdatasync(fd) != 0) {
      count = 0;
      break;
    }
    ++count;
    taken = std::chrono::steady_clock::now() - begin;
  }
  close(fd);
  unlink(name.c_str());
  return taken.count() > 0 ? count / taken.count() : 0;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ScratchDirectory>> ScratchDirectory::Make(
    const std::string& parent) {
  std::string path = absl::StrCat(parent, "/restate-benchmark.XXXXXX");
  if (mkdtemp(path.data()) == nullptr) {
    return absl::ErrnoToStatus(errno, parent);
  }
  std::unique_ptr<ScratchDirectory> scratch =
      absl::WrapUnique(new ScratchDirectory(std::move(path)));
  if (IsInMemory(scratch->path())) {
    std::printf(
        "note: %s is in memory, where fsync costs nothing; name a disk with "
        "--directory\n",
        parent.c_str());
  }
  std::printf("plain append and fdatasync, 128 bytes: %.0f per second\n",
              FsyncsPerSecond(scratch->path()));
  std::fflush(stdout);
  return scratch;
}

ScratchDirectory::ScratchDirectory(std::string path) : path_(std::move(path)) {}

ScratchDirectory::~ScratchDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string DefaultScratchParent() {
  const char* temporary = getenv("TMPDIR");
  return temporary != nullptr ? temporary : "/var/tmp";
}

}  // namespace restate::benchmark
