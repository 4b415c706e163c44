#include "engine/commit/commit_queue.h"

#include <string>
#include <thread>
#include <vector>

#include "engine/error/error.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

// Told apart by their run_id.
QueuedCommit Named(std::string name, size_t bytes = 1) {
  QueuedCommit commit;
  commit.request.run_id = std::move(name);
  commit.request.bytes = bytes;
  return commit;
}

void Push(CommitQueue& queue, std::string name) {
  QueuedCommit commit = Named(std::move(name));
  ASSERT_EQ(queue.Push(commit), absl::OkStatus());
}

// "a b | c": what was taken, and what apart.
std::string Text(const CommitQueue::Work& work) {
  std::string text;
  for (const QueuedCommit& commit : work.commits) {
    if (!text.empty()) text += ' ';
    text += commit.request.run_id;
  }
  if (work.apart.has_value()) text += " | " + work.apart->request.run_id;
  if (work.finished) text += " end";
  return text;
}

TEST(CommitQueueTest, WhatWasSetAsideComesOneAtATimeBehindTheOthers) {
  CommitQueue queue(100, 100);
  queue.SetAside(Named("x"));
  queue.SetAside(Named("y"));
  for (const char* name : {"a", "b", "c"}) Push(queue, name);
  EXPECT_EQ(Text(queue.Take(2)), "a b | x");
  // The next when that is done with.
  EXPECT_EQ(Text(queue.Take(2)), "c");
  queue.EndApart();
  EXPECT_EQ(Text(queue.Take(2)), " | y");
  queue.SetAside(Named("z"));
  Push(queue, "d");
  queue.PutBack(Named("y again"));
  EXPECT_EQ(Text(queue.Take(2)), "d | y again");
  queue.EndApart();
  EXPECT_EQ(Text(queue.Take(2)), " | z");
}

TEST(CommitQueueTest, WhatIsPutBackWakesWhoWaits) {
  CommitQueue queue(100, 100);
  queue.SetAside(Named("x"));
  EXPECT_EQ(Text(queue.Take(2)), " | x");
  std::thread other([&queue] { queue.PutBack(Named("x again")); });
  EXPECT_EQ(Text(queue.Take(2)), " | x again");
  other.join();
}

TEST(CommitQueueTest, ItCountsAmongThoseThatWait) {
  CommitQueue queue(3, 10);
  queue.SetAside(Named("x", 4));
  queue.SetAside(Named("y", 4));
  EXPECT_EQ(queue.waiting().commits, 2u);
  EXPECT_EQ(queue.waiting().bytes, 8u);
  QueuedCommit large = Named("large", 3);
  EXPECT_EQ(ErrorReason(queue.Push(large)), "QUEUE_FULL");
  Push(queue, "a");
  QueuedCommit fourth = Named("fourth");
  EXPECT_EQ(ErrorReason(queue.Push(fourth)), "QUEUE_FULL");
  EXPECT_EQ(Text(queue.Take(100)), "a | x");
  EXPECT_EQ(queue.waiting().commits, 1u);
  EXPECT_EQ(queue.waiting().bytes, 4u);
}

TEST(CommitQueueTest, WhoTakesAllTakesItToo) {
  CommitQueue queue(100, 100);
  queue.SetAside(Named("x"));
  queue.SetAside(Named("y"));
  Push(queue, "a");
  CommitQueue::Work all = queue.TakeAllWithin(absl::ZeroDuration());
  EXPECT_EQ(Text(all), "a");
  ASSERT_EQ(all.aside.size(), 2u);
  EXPECT_EQ(all.aside[0].request.run_id, "x");
  EXPECT_EQ(all.aside[1].request.run_id, "y");
  EXPECT_EQ(queue.waiting().bytes, 0u);
}

TEST(CommitQueueTest, TheEndComesAfterIt) {
  CommitQueue queue(100, 100);
  queue.SetAside(Named("x"));
  queue.SetAside(Named("y"));
  Push(queue, "a");
  queue.Stop();
  EXPECT_EQ(Text(queue.Take(100)), "a | x");
  queue.EndApart();
  EXPECT_EQ(Text(queue.Take(100)), " | y");
  // Until it is known that it does not come again.
  std::thread other([&queue] { queue.PutBack(Named("y again")); });
  EXPECT_EQ(Text(queue.Take(100)), " | y again");
  other.join();
  EXPECT_EQ(Text(queue.TakeAllWithin(absl::ZeroDuration())), " end");
  queue.EndApart();
  EXPECT_EQ(Text(queue.Take(100)), " end");
}

}  // namespace
}  // namespace restate
