#include "engine/commit/commit_queue.h"

#include <string>
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
  EXPECT_EQ(Text(queue.Take(2)), "c | y");
  queue.SetAside(Named("z"));
  EXPECT_EQ(Text(queue.Take(2)), " | z");
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
  EXPECT_EQ(Text(queue.TakeAllWithin(absl::ZeroDuration())), "a x y");
  EXPECT_EQ(queue.waiting().bytes, 0u);
}

TEST(CommitQueueTest, TheEndComesAfterIt) {
  CommitQueue queue(100, 100);
  queue.SetAside(Named("x"));
  queue.SetAside(Named("y"));
  Push(queue, "a");
  queue.Stop();
  EXPECT_EQ(Text(queue.Take(100)), "a | x");
  EXPECT_EQ(Text(queue.Take(100)), " | y end");
}

}  // namespace
}  // namespace restate
