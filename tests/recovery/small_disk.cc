#include "tests/recovery/small_disk.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <limits>

#include "absl/strings/str_cat.h"

namespace restate::test {
namespace {

absl::Status Errno(const std::string& what) {
  return absl::ErrnoToStatus(errno, what);
}

}  // namespace

absl::Status AllowMounts() {
  const uid_t user = getuid();
  // Root can have mounts of its own; others only as the root of a user
  // namespace, where the system allows those.
  if (unshare(CLONE_NEWNS) != 0) {
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) {
      return absl::PermissionDeniedError("this system permits no mounts here");
    }
    std::ofstream("/proc/self/uid_map") << "0 " << user << " 1";
  }
  // Nothing of what follows goes back to the others.
  if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    return absl::PermissionDeniedError("mounts cannot be made private here");
  }
  return absl::OkStatus();
}

SmallDisk::SmallDisk(int64_t bytes) {
  const char* base = std::getenv("TEST_TMPDIR");
  path_ = absl::StrCat(base == nullptr ? "/tmp" : base, "/disk-XXXXXX");
  if (mkdtemp(path_.data()) == nullptr) {
    status_ = Errno("mkdtemp");
    return;
  }
  const std::string options = absl::StrCat("size=", bytes);
  if (mount("tmpfs", path_.c_str(), "tmpfs", 0, options.c_str()) != 0) {
    status_ = Errno("mounting a tmpfs");
  }
}

SmallDisk::~SmallDisk() {
  umount2(path_.c_str(), MNT_DETACH);
  rmdir(path_.c_str());
}

void SmallDisk::FillUp() { Take(std::numeric_limits<int64_t>::max()); }

void SmallDisk::Take(int64_t bytes) {
  const int fd = open(FillerPath().c_str(),
                      O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return;
  const std::string page(4096, 'x');
  // A write that fits in part is followed by one that does not fit at all.
  while (bytes > 0) {
    const ssize_t taken = write(fd, page.data(), page.size());
    if (taken <= 0) break;
    bytes -= taken;
  }
  close(fd);
}

void SmallDisk::MakeRoom() { unlink(FillerPath().c_str()); }

}  // namespace restate::test
