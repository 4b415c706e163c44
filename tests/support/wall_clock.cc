#include "tests/support/wall_clock.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "absl/strings/str_cat.h"

namespace restate::test {
namespace {

std::string ShimPath() {
  const char* root = std::getenv("TEST_SRCDIR");
  const char* workspace = std::getenv("TEST_WORKSPACE");
  return absl::StrCat(root == nullptr ? "." : root, "/",
                      workspace == nullptr ? "restate" : workspace,
                      "/tests/support/shifted_clock.so");
}

}  // namespace

bool WallClock::Works() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || \
    defined(_GLIBCXX_TSAN)
  return false;
#else
  return true;
#endif
}

WallClock::WallClock() : file_(directory_.path() + "/shift") {
  const int fd = open(file_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  void* map = MAP_FAILED;
  if (fd >= 0 && ftruncate(fd, sizeof(int64_t)) == 0) {
    map = mmap(nullptr, sizeof(int64_t), PROT_READ | PROT_WRITE, MAP_SHARED,
               fd, 0);
  }
  if (map == MAP_FAILED) {
    std::perror("the file of the shifted clock");
    std::abort();
  }
  close(fd);
  shift_ = static_cast<int64_t*>(map);
}

WallClock::~WallClock() {
  munmap(const_cast<int64_t*>(shift_), sizeof(int64_t));
}

std::vector<std::string> WallClock::environment() const {
  return {"LD_PRELOAD=" + ShimPath(), "RESTATE_CLOCK_SHIFT=" + file_};
}

void WallClock::Set(absl::Duration ahead) {
  *shift_ = absl::ToInt64Seconds(ahead);
}

}  // namespace restate::test
