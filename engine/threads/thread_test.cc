#include "engine/threads/thread.h"

#include <pthread.h>

#include <cstddef>

#include "absl/status/status.h"
#include "engine/error/error.h"
#include "engine/threads/job_pool.h"
#include "engine/threads/spare_threads.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

// While it lives the system gives no thread: none that is asked for gets the
// stack that it wants. What a bound on processes does to a server, without
// privileges.
class NoMoreThreads {
 public:
  NoMoreThreads() {
    pthread_getattr_default_np(&before_);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    constexpr size_t kMoreThanThereIs = size_t{1} << 47;
    EXPECT_EQ(pthread_attr_setstacksize(&attributes, kMoreThanThereIs), 0);
    EXPECT_EQ(pthread_setattr_default_np(&attributes), 0);
    pthread_attr_destroy(&attributes);
  }
  ~NoMoreThreads() {
    pthread_setattr_default_np(&before_);
    pthread_attr_destroy(&before_);
  }

 private:
  pthread_attr_t before_;
};

TEST(Thread, RunsAndIsWaitedFor) {
  int ran = 0;
  Thread thread;
  EXPECT_FALSE(thread.running());
  ASSERT_TRUE(thread.Start("test", [&] { ++ran; }).ok());
  EXPECT_TRUE(thread.running());
  thread.Join();
  EXPECT_EQ(ran, 1);
  EXPECT_FALSE(thread.running());
  thread.Join();
}

// A server that was given no more threads, because somebody had mounted 60
// stores which took two each, ended on the exception of std::thread. It is an
// error like any other.
TEST(Thread, ThatTheSystemDoesNotGiveIsAnError) {
  int ran = 0;
  Thread thread;
  absl::Status status;
  {
    const NoMoreThreads none;
    status = thread.Start("test", [&] { ++ran; });
  }
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ErrorReason(status), "TOO_MANY_THREADS");
  EXPECT_NE(status.message().find("ulimit -u"), status.message().npos)
      << status;
  EXPECT_FALSE(thread.running());
  EXPECT_EQ(ran, 0);
  // It can be tried again.
  ASSERT_TRUE(thread.Start("test", [&] { ++ran; }).ok());
  thread.Join();
  EXPECT_EQ(ran, 1);
}

TEST(CheckSpareThreads, TellsWhetherThereAreAny) {
  EXPECT_EQ(CheckSpareThreads(0), absl::OkStatus());
  EXPECT_EQ(CheckSpareThreads(20), absl::OkStatus());
  const NoMoreThreads none;
  EXPECT_EQ(ErrorReason(CheckSpareThreads(1)), "TOO_MANY_THREADS");
}

TEST(JobPool, WithoutThreadsDoesNotStart) {
  const NoMoreThreads none;
  EXPECT_EQ(ErrorReason(JobPool::Start().status()), "TOO_MANY_THREADS");
}

}  // namespace
}  // namespace restate
