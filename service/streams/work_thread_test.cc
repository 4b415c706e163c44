#include "service/streams/work_thread.h"

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace restate {
namespace {

TEST(WorkThread, RunsInOrderAndFinishesWhatIsQueued) {
  std::vector<int> ran;
  {
    WorkThread thread("test");
    for (int i = 0; i < 1000; ++i) {
      thread.Post([&ran, i] { ran.push_back(i); });
    }
  }
  ASSERT_EQ(ran.size(), 1000u);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(ran[i], i);
}

TEST(WorkThread, ATaskMayPost) {
  std::atomic<int> ran = 0;
  {
    WorkThread thread("test");
    thread.Post([&] {
      ++ran;
      thread.Post([&] { ++ran; });
    });
  }
  EXPECT_EQ(ran, 2);
}

TEST(WorkThread, LetsGoOfATaskBeforeTheNext) {
  auto held = std::make_shared<int>(1);
  std::weak_ptr<int> weak = held;
  bool gone = false;
  {
    WorkThread thread("test");
    thread.Post([held = std::move(held)] { EXPECT_EQ(*held, 1); });
    thread.Post([&] { gone = weak.expired(); });
  }
  EXPECT_TRUE(gone);
}

TEST(WorkThread, TakesFromManyThreads) {
  int ran = 0;
  {
    WorkThread thread("test");
    std::vector<std::thread> posters;
    for (int i = 0; i < 4; ++i) {
      posters.emplace_back([&] {
        for (int j = 0; j < 1000; ++j) thread.Post([&ran] { ++ran; });
      });
    }
    for (std::thread& poster : posters) poster.join();
  }
  EXPECT_EQ(ran, 4000);
}

}  // namespace
}  // namespace restate
