// Loaded before the C library (LD_PRELOAD): a wall clock that a test sets while
// the process runs. It is as many seconds ahead of the machine's as the first
// eight bytes of the file RESTATE_CLOCK_SHIFT say. The monotonic clock is left
// alone.
//
// Who waits until a time of day feels a step as the kernel would have it: a
// condition variable or a futex that waits by the wall clock goes on waiting
// when that is set back, and ends when it is set ahead.
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

namespace {

constexpr int64_t kSecond = 1'000'000'000;
// How long a wait by the wall clock may go on without looking at it.
constexpr int64_t kSlice = kSecond / 50;

using Syscall = long (*)(long, ...);
using ClockWait = int (*)(pthread_cond_t*, pthread_mutex_t*, clockid_t,
                          const timespec*);

template <typename Function>
Function Next(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

Syscall NextSyscall() {
  static const auto next = Next<Syscall>("syscall");
  return next;
}

const volatile int64_t* MapShift() {
  const char* const file = getenv("RESTATE_CLOCK_SHIFT");
  const int fd = file == nullptr ? -1 : open(file, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return nullptr;
  void* const map =
      mmap(nullptr, sizeof(int64_t), PROT_READ, MAP_SHARED, fd, 0);
  close(fd);
  return map == MAP_FAILED ? nullptr : static_cast<const int64_t*>(map);
}

int64_t ShiftSeconds() {
  static const volatile int64_t* const shift = MapShift();
  return shift == nullptr ? 0 : *shift;
}

bool IsWall(clockid_t clock) {
  return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE;
}

int64_t Nanoseconds(const timespec& time) {
  return time.tv_sec * kSecond + time.tv_nsec;
}

timespec Timespec(int64_t nanoseconds) {
  return {nanoseconds / kSecond, nanoseconds % kSecond};
}

int64_t MachineNow() {
  timespec now;
  NextSyscall()(SYS_clock_gettime, CLOCK_REALTIME, &now);
  return Nanoseconds(now);
}

// What is left until `deadline` on the shifted clock.
int64_t LeftUntil(const timespec& deadline) {
  return Nanoseconds(deadline) - (MachineNow() + ShiftSeconds() * kSecond);
}

// Until when the machine is to wait at the most, by its own wall clock.
timespec EndOfSlice(int64_t left) {
  return Timespec(MachineNow() + (left < kSlice ? left : kSlice));
}

}  // namespace

extern "C" {

int clock_gettime(clockid_t clock, timespec* time) noexcept {
  const long result = NextSyscall()(SYS_clock_gettime, clock, time);
  if (result == 0 && IsWall(clock)) time->tv_sec += ShiftSeconds();
  return static_cast<int>(result);
}

int gettimeofday(timeval* __restrict time, void* __restrict) noexcept {
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  time->tv_sec = now.tv_sec;
  time->tv_usec = now.tv_nsec / 1000;
  return 0;
}

time_t time(time_t* out) noexcept {
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (out != nullptr) *out = now.tv_sec;
  return now.tv_sec;
}

int pthread_cond_clockwait(pthread_cond_t* condition, pthread_mutex_t* mutex,
                           clockid_t clock, const timespec* deadline) {
  static const auto next = Next<ClockWait>("pthread_cond_clockwait");
  if (!IsWall(clock)) return next(condition, mutex, clock, deadline);
  const int64_t left = LeftUntil(*deadline);
  if (left <= 0) return ETIMEDOUT;
  const timespec end = EndOfSlice(left);
  // A slice that is over is a spurious wake-up: whoever waits asks again.
  const int result = next(condition, mutex, clock, &end);
  return result == ETIMEDOUT && LeftUntil(*deadline) > 0 ? 0 : result;
}

int pthread_cond_timedwait(pthread_cond_t* __restrict condition,
                           pthread_mutex_t* __restrict mutex,
                           const timespec* __restrict deadline) {
  // Where the condition's clock is the monotonic one, the deadline is no time
  // of day: a machine does not run that long.
  const bool monotonic = deadline->tv_sec < 1'000'000'000;
  return pthread_cond_clockwait(condition, mutex,
                                monotonic ? CLOCK_MONOTONIC : CLOCK_REALTIME,
                                deadline);
}

long syscall(long number, ...) noexcept {
  long arguments[6];
  va_list list;
  va_start(list, number);
  for (long& argument : arguments) argument = va_arg(list, long);
  va_end(list);
  timespec end;
  const timespec* deadline = nullptr;
  if (number == SYS_futex && (arguments[1] & FUTEX_CLOCK_REALTIME) != 0 &&
      arguments[3] != 0) {
    deadline = reinterpret_cast<const timespec*>(arguments[3]);
    const int64_t left = LeftUntil(*deadline);
    if (left <= 0) {
      errno = ETIMEDOUT;
      return -1;
    }
    end = EndOfSlice(left);
    arguments[3] = reinterpret_cast<long>(&end);
  }
  const long result =
      NextSyscall()(number, arguments[0], arguments[1], arguments[2],
                    arguments[3], arguments[4], arguments[5]);
  if (result == -1 && errno == ETIMEDOUT && deadline != nullptr &&
      LeftUntil(*deadline) > 0) {
    errno = EINTR;
  }
  return result;
}

}  // extern "C"
