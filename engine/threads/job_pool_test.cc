#include "engine/threads/job_pool.h"

#include <unistd.h>

#include <atomic>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "engine/sync/mutex.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

constexpr absl::Duration kNever = absl::InfiniteDuration();

// A number that threads add to and a test waits for.
class Counter {
 public:
  void Add(int number = 1) {
    MutexLock lock(&mutex_);
    value_ += number;
    changed_.NotifyAll();
  }
  // Returns when it is at least `value`.
  void Await(int value) {
    MutexLock lock(&mutex_);
    while (value_ < value) changed_.Wait(&mutex_);
  }
  int value() {
    MutexLock lock(&mutex_);
    return value_;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  int value_ ABSL_GUARDED_BY(mutex_) = 0;
};

std::unique_ptr<JobPool> Pool(size_t threads,
                              absl::Duration slow = absl::Hours(1)) {
  JobPool::Options options;
  options.threads = threads;
  options.slow = slow;
  return *JobPool::Start(options);
}

TEST(JobPool, RunsAJobWhenItIsWoken) {
  const auto pool = Pool(2);
  Counter runs;
  const auto job = pool->Add([&] {
    runs.Add();
    return kNever;
  });
  EXPECT_EQ(runs.value(), 0);
  job->Wake();
  runs.Await(1);
  job->Wake();
  runs.Await(2);
  job->Stop();
}

TEST(JobPool, AWakeDuringARunIsNotLost) {
  const auto pool = Pool(4);
  Counter began;
  Counter let;
  std::atomic<int> at_once = 0;
  const auto job = pool->Add([&] {
    EXPECT_EQ(at_once.fetch_add(1), 0);
    began.Add();
    let.Await(1);
    at_once.fetch_sub(1);
    return kNever;
  });
  job->Wake();
  began.Await(1);
  // However often: it runs once more, after this one.
  for (int i = 0; i < 10; ++i) job->Wake();
  let.Add();
  began.Await(2);
  job->Stop();
  EXPECT_EQ(began.value(), 2);
}

TEST(JobPool, RunsAgainWhenItSaidSo) {
  const auto pool = Pool(2);
  Counter runs;
  std::vector<absl::Duration> next = {absl::ZeroDuration(),
                                      absl::Milliseconds(1), kNever};
  const auto job = pool->Add([&] {
    const absl::Duration wait = next[runs.value()];
    runs.Add();
    return wait;
  });
  job->Wake();
  runs.Await(3);
  job->Stop();
  EXPECT_EQ(runs.value(), 3);
}

TEST(JobPool, AWakeComesBeforeTheTime) {
  const auto pool = Pool(2);
  Counter runs;
  const auto job = pool->Add([&] {
    runs.Add();
    return absl::Hours(24);
  });
  job->Wake();
  runs.Await(1);
  job->Wake();
  runs.Await(2);
  job->Stop();
}

TEST(JobPool, WakesAJobThatWaitsForADescriptor) {
  const auto pool = Pool(2);
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  Counter runs;
  const auto job = pool->Add([&] {
    runs.Add();
    return kNever;
  });
  ASSERT_TRUE(job->WakeWhenReadable(ends[0]));
  ASSERT_EQ(write(ends[1], "x", 1), 1);
  runs.Await(1);
  // Once: what is there still does not wake it until it asks again.
  ASSERT_TRUE(job->WakeWhenReadable(ends[0]));
  runs.Await(2);
  job->Stop();
  EXPECT_EQ(runs.value(), 2);
  close(ends[0]);
  EXPECT_FALSE(pool->Add([] { return kNever; })->WakeWhenReadable(ends[0]));
  close(ends[1]);
}

TEST(JobPool, StopWaitsForTheRunAndEndsTheRest) {
  const auto pool = Pool(2);
  Counter began;
  auto held = std::make_shared<int>(1);
  const std::weak_ptr<int> weak = held;
  const auto job = pool->Add([&, held = std::move(held)] {
    began.Add();
    // Until it is stopped, and then once more.
    if (began.value() < 100) return absl::ZeroDuration();
    return kNever;
  });
  job->Wake();
  began.Await(1);
  job->Stop();
  const int runs = began.value();
  EXPECT_TRUE(weak.expired());
  job->Wake();
  EXPECT_EQ(began.value(), runs);
}

TEST(JobPool, AJobMayOutliveIt) {
  Counter runs;
  auto pool = Pool(2);
  const auto job = pool->Add([&] {
    runs.Add();
    return kNever;
  });
  pool = nullptr;
  job->Wake();
  EXPECT_EQ(runs.value(), 0);
}

// Two stores that did not answer held both threads, and nothing was brought to
// any other.
TEST(JobPool, SlowJobsLeaveThreadsToOthers) {
  // So each run is slow.
  const auto pool = Pool(2, absl::ZeroDuration());
  Counter slow_runs;
  Counter let;
  std::vector<std::shared_ptr<Job>> slow;
  for (int i = 0; i < 3; ++i) {
    slow.push_back(pool->Add([&, first = true]() mutable {
      if (!std::exchange(first, false)) let.Await(1);
      slow_runs.Add();
      return kNever;
    }));
    slow.back()->Wake();
    slow_runs.Await(i + 1);
  }
  // Each is known for it. They wait for what only the end of the test gives.
  for (const auto& job : slow) job->Wake();
  Counter quick_runs;
  std::vector<std::shared_ptr<Job>> quick;
  for (int i = 0; i < 3; ++i) {
    quick.push_back(pool->Add([&] {
      quick_runs.Add();
      return kNever;
    }));
    quick.back()->Wake();
    quick_runs.Await(i + 1);
  }
  EXPECT_EQ(slow_runs.value(), 3);
  let.Add();
  slow_runs.Await(6);
  for (const auto& job : slow) job->Stop();
  for (const auto& job : quick) job->Stop();
}

// One store that did not answer was mounted at many places: all threads waited
// for it.
TEST(JobPool, OfAGroupTwoRunAtATime) {
  const auto pool = Pool(4);
  Counter began;
  Counter let;
  std::vector<std::shared_ptr<Job>> stuck;
  for (int i = 0; i < 10; ++i) {
    stuck.push_back(pool->Add(
        [&] {
          began.Add();
          let.Await(1);
          return kNever;
        },
        "store"));
    stuck.back()->Wake();
  }
  began.Await(2);
  Counter others;
  std::vector<std::shared_ptr<Job>> free;
  for (int i = 0; i < 3; ++i) {
    free.push_back(pool->Add(
        [&] {
          others.Add();
          return kNever;
        },
        i == 0 ? "" : "another"));
    free.back()->Wake();
    others.Await(i + 1);
  }
  EXPECT_EQ(began.value(), 2);
  let.Add();
  began.Await(10);
  for (const auto& job : stuck) job->Stop();
  for (const auto& job : free) job->Stop();
}

}  // namespace
}  // namespace restate
