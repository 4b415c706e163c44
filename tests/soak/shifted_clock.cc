// Loaded before the C library (LD_PRELOAD) into the server: its wall clock is as
// many seconds ahead of the machine's as the first eight bytes of the file
// RESTATE_CLOCK_SHIFT say. The monotonic clock is left alone.
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

namespace {

const volatile int64_t* MapShift() {
  const char* const file = getenv("RESTATE_CLOCK_SHIFT");
  const int fd = file == nullptr ? -1 : open(file, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return nullptr;
  void* const map =
      mmap(nullptr, sizeof(int64_t), PROT_READ, MAP_SHARED, fd, 0);
  close(fd);
  return map == MAP_FAILED ? nullptr : static_cast<const int64_t*>(map);
}

}  // namespace

extern "C" int clock_gettime(clockid_t clock, timespec* time) {
  static const volatile int64_t* const shift = MapShift();
  const long result = syscall(SYS_clock_gettime, clock, time);
  if (result == 0 && shift != nullptr &&
      (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
    time->tv_sec += *shift;
  }
  return static_cast<int>(result);
}

extern "C" int gettimeofday(timeval* time, void*) {
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  time->tv_sec = now.tv_sec;
  time->tv_usec = now.tv_nsec / 1000;
  return 0;
}

extern "C" time_t time(time_t* seconds) {
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (seconds != nullptr) *seconds = now.tv_sec;
  return now.tv_sec;
}
