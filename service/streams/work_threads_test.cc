#include "service/streams/work_threads.h"

#include "gtest/gtest.h"

namespace restate {
namespace {

TEST(WorkThreads, AreDealtOutInTurn) {
  WorkThreads threads("test", 3);
  WorkThread* const first = threads.Next();
  WorkThread* const second = threads.Next();
  WorkThread* const third = threads.Next();
  EXPECT_NE(first, second);
  EXPECT_NE(second, third);
  EXPECT_NE(third, first);
  EXPECT_EQ(threads.Next(), first);
  EXPECT_EQ(threads.Next(), second);
}

TEST(WorkThreads, ThereIsAlwaysOne) {
  WorkThreads threads("test");
  EXPECT_NE(threads.Next(), nullptr);
}

}  // namespace
}  // namespace restate
