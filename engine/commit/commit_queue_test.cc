#include "engine/commit/commit_queue.h"

#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "engine/client/client_id.h"
#include "engine/clock/clock.h"
#include "engine/error/error.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

class ManualClock final : public Clock {
 public:
  absl::Time Now() const override { return absl::UnixEpoch(); }
  absl::Duration Monotonic() const override { return now; }
  absl::Duration now = absl::Seconds(100);
};
ManualClock clock;

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
  CommitQueue queue({.commits = 100, .bytes = 100}, &clock);
  queue.SetAside(Named("x"));
  queue.SetAside(Named("y"));
  for (const char* name : {"a", "b", "c"}) Push(queue, name);
  EXPECT_EQ(Text(queue.Take({.commits = 2})), "a b | x");
  // The next when that is done with.
  EXPECT_EQ(Text(queue.Take({.commits = 2})), "c");
  queue.EndApart();
  EXPECT_EQ(Text(queue.Take({.commits = 2})), " | y");
  queue.SetAside(Named("z"));
  Push(queue, "d");
  queue.PutBack(Named("y again"));
  EXPECT_EQ(Text(queue.Take({.commits = 2})), "d | y again");
  queue.EndApart();
  EXPECT_EQ(Text(queue.Take({.commits = 2})), " | z");
}

TEST(CommitQueueTest, WhatIsPutBackWakesWhoWaits) {
  CommitQueue queue({.commits = 100, .bytes = 100}, &clock);
  queue.SetAside(Named("x"));
  EXPECT_EQ(Text(queue.Take({.commits = 2})), " | x");
  std::thread other([&queue] { queue.PutBack(Named("x again")); });
  EXPECT_EQ(Text(queue.Take({.commits = 2})), " | x again");
  other.join();
}

TEST(CommitQueueTest, ItCountsAmongThoseThatWait) {
  CommitQueue queue({.commits = 3, .bytes = 10}, &clock);
  queue.SetAside(Named("x", 4));
  queue.SetAside(Named("y", 4));
  EXPECT_EQ(queue.waiting().commits, 2u);
  EXPECT_EQ(queue.waiting().bytes, 8u);
  QueuedCommit large = Named("large", 3);
  EXPECT_EQ(ErrorReason(queue.Push(large)), "QUEUE_FULL");
  Push(queue, "a");
  QueuedCommit fourth = Named("fourth");
  EXPECT_EQ(ErrorReason(queue.Push(fourth)), "QUEUE_FULL");
  EXPECT_EQ(Text(queue.Take({.commits = 100})), "a | x");
  EXPECT_EQ(queue.waiting().commits, 1u);
  EXPECT_EQ(queue.waiting().bytes, 4u);
}

TEST(CommitQueueTest, WhoTakesAllTakesItToo) {
  CommitQueue queue({.commits = 100, .bytes = 100}, &clock);
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
  CommitQueue queue({.commits = 100, .bytes = 100}, &clock);
  queue.SetAside(Named("x"));
  queue.SetAside(Named("y"));
  Push(queue, "a");
  queue.Stop();
  EXPECT_EQ(Text(queue.Take({.commits = 100})), "a | x");
  queue.EndApart();
  EXPECT_EQ(Text(queue.Take({.commits = 100})), " | y");
  // Until it is known that it does not come again.
  std::thread other([&queue] { queue.PutBack(Named("y again")); });
  EXPECT_EQ(Text(queue.Take({.commits = 100})), " | y again");
  other.join();
  EXPECT_EQ(Text(queue.TakeAllWithin(absl::ZeroDuration())), " end");
  queue.EndApart();
  EXPECT_EQ(Text(queue.Take({.commits = 100})), " end");
}

QueuedCommit From(std::string_view client, std::string name, size_t bytes = 1,
                  size_t operations = 1) {
  QueuedCommit commit = Named(std::move(name), bytes);
  commit.request.client = ClientId::OfAddress(client);
  commit.request.operations.resize(operations);
  return commit;
}

// One client's commits filled the whole queue, and everybody else's were refused.
TEST(CommitQueueTest, OneClientCannotFillIt) {
  CommitQueue queue({.commits = 100,
                     .bytes = 1'000,
                     .commits_per_client = 2,
                     .bytes_per_client = 10}, &clock);
  QueuedCommit commit = From("10.0.0.1", "a");
  ASSERT_EQ(queue.Push(commit), absl::OkStatus());
  commit = From("10.0.0.1", "b");
  ASSERT_EQ(queue.Push(commit), absl::OkStatus());
  commit = From("10.0.0.1", "c");
  const absl::Status refused = queue.Push(commit);
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ErrorReason(refused), "QUEUE_FULL");
  EXPECT_EQ(refused.message(),
            "your address has 2 commits of 2 bytes waiting, as much as one "
            "client may: slow down and try again");
  // The commit is still the caller's.
  EXPECT_EQ(commit.request.run_id, "c");
  EXPECT_EQ(queue.refused_of_client().value(), 1u);
  EXPECT_EQ(queue.refused_of_all().value(), 0u);

  QueuedCommit other = From("10.0.0.2", "d", 5);
  ASSERT_EQ(queue.Push(other), absl::OkStatus());
  other = From("10.0.0.2", "e", 6);
  EXPECT_EQ(ErrorReason(queue.Push(other)), "QUEUE_FULL");
  // Nobody in particular, and whom such bounds do not hold for.
  for (int i = 0; i < 5; ++i) Push(queue, "x");
  for (int i = 0; i < 5; ++i) {
    QueuedCommit free = Named("y");
    free.request.client =
        ClientId::OfAddress("10.0.0.9", ClientId::Bounds::kDoNotHold);
    EXPECT_EQ(queue.Push(free), absl::OkStatus());
  }
  // What was taken leaves room.
  (void)queue.Take({});
  EXPECT_EQ(queue.Push(commit), absl::OkStatus());
}

TEST(CommitQueueTest, WhatIsSetAsideCountsForItsClient) {
  CommitQueue queue({.commits_per_client = 1}, &clock);
  queue.SetAside(From("10.0.0.1", "x"));
  QueuedCommit commit = From("10.0.0.1", "a");
  EXPECT_EQ(ErrorReason(queue.Push(commit)), "QUEUE_FULL");
  EXPECT_EQ(Text(queue.Take({})), " | x");
  queue.EndApart();
  EXPECT_EQ(queue.Push(commit), absl::OkStatus());
}

TEST(CommitQueueTest, OneThatIsLargerThanTheBoundComesAlone) {
  CommitQueue queue({.bytes_per_client = 10}, &clock);
  QueuedCommit large = From("10.0.0.1", "large", 100);
  EXPECT_EQ(queue.Push(large), absl::OkStatus());
  QueuedCommit small = From("10.0.0.1", "small");
  EXPECT_EQ(ErrorReason(queue.Push(small)), "QUEUE_FULL");
}

// A batch took all that had come, however much work that was: those who came
// then waited for 16,384 sets.
TEST(CommitQueueTest, ABatchIsBoundedInOperationsAndBytes) {
  CommitQueue queue({}, &clock);
  for (const char* name : {"a", "b", "c", "d", "e"}) {
    QueuedCommit commit = From("10.0.0.1", name, 10, 4);
    ASSERT_EQ(queue.Push(commit), absl::OkStatus());
  }
  EXPECT_EQ(Text(queue.Take({.operations = 10})), "a b");
  EXPECT_EQ(Text(queue.Take({.bytes = 20})), "c d");
  // One at least.
  EXPECT_EQ(Text(queue.Take({.operations = 3, .bytes = 9})), "e");
}

TEST(CommitQueueTest, AnEndOfLeasesIsABatchOfItsOwn) {
  CommitQueue queue({}, &clock);
  QueuedCommit expiry = Named("expiry");
  expiry.request.expiry.emplace();
  ASSERT_EQ(queue.Push(expiry), absl::OkStatus());
  for (const char* name : {"a", "b"}) {
    QueuedCommit commit = From("10.0.0.1", name);
    ASSERT_EQ(queue.Push(commit), absl::OkStatus());
  }
  EXPECT_EQ(Text(queue.Take({})), "expiry");
  EXPECT_EQ(Text(queue.Take({})), "a b");
}

QueuedCommit Of(const char* ip, std::string name, size_t bytes = 1,
                std::shared_ptr<CommitOrder> order = nullptr) {
  QueuedCommit commit = Named(std::move(name), bytes);
  commit.request.client = ClientId::OfAddress(ip);
  commit.request.order = std::move(order);
  return commit;
}
constexpr size_t kLarge = LargeCommitPace::kMostBytes + 1;

// Client 2 has written "a", and of two large commits of client 1 the first is taken.
void TakeFirstOfTwoLarge(CommitQueue& queue) {
  QueuedCommit a = Of("10.0.0.2", "a");
  ASSERT_EQ(queue.Push(a), absl::OkStatus());
  EXPECT_EQ(Text(queue.Take({})), "a");
  for (const char* name : {"L", "M"}) {
    QueuedCommit large = Of("10.0.0.1", name, kLarge);
    ASSERT_EQ(queue.Push(large), absl::OkStatus());
  }
  EXPECT_EQ(Text(queue.Take({})), "L");
  clock.now += absl::Milliseconds(10);
}

TEST(CommitQueueTest, ALargeOneIsABatchByItselfBetweenTwoOfOthers) {
  CommitQueue queue({}, &clock);
  std::vector<QueuedCommit> commits;
  commits.push_back(Of("10.0.0.1", "L", kLarge));
  commits.push_back(Of("10.0.0.1", "M", kLarge));
  commits.push_back(Of("10.0.0.2", "a"));
  commits.push_back(Of("10.0.0.2", "b"));
  for (QueuedCommit& commit : commits) {
    ASSERT_EQ(queue.Push(commit), absl::OkStatus());
  }
  EXPECT_EQ(Text(queue.Take({})), "L");
  EXPECT_EQ(Text(queue.Take({})), "a b");
  EXPECT_EQ(Text(queue.Take({})), "M");
}

TEST(CommitQueueTest, TheNextLargeOneWaitsWhileOthersWrite) {
  CommitQueue queue({}, &clock);
  TakeFirstOfTwoLarge(queue);
  QueuedCommit b = Of("10.0.0.2", "b");
  ASSERT_EQ(queue.Push(b), absl::OkStatus());
  EXPECT_EQ(Text(queue.Take({})), "b");
  QueuedCommit c = Of("10.0.0.2", "c");
  ASSERT_EQ(queue.Push(c), absl::OkStatus());
  EXPECT_EQ(Text(queue.Take({})), "c");
  clock.now += absl::Milliseconds(190);
  QueuedCommit d = Of("10.0.0.2", "d");
  ASSERT_EQ(queue.Push(d), absl::OkStatus());
  EXPECT_EQ(Text(queue.Take({})), "M");
  EXPECT_EQ(Text(queue.Take({})), "d");
}

TEST(CommitQueueTest, AStreamKeepsItsOrderAroundALargeOne) {
  CommitQueue queue({}, &clock);
  const auto order = std::make_shared<CommitOrder>();
  std::vector<QueuedCommit> commits;
  commits.push_back(Of("10.0.0.1", "1", 1, order));
  commits.push_back(Of("10.0.0.1", "2", kLarge, order));
  commits.push_back(Of("10.0.0.1", "3", 1, order));
  commits.push_back(Of("10.0.0.1", "4", kLarge, order));
  commits.push_back(Of("10.0.0.1", "5", 1, order));
  for (QueuedCommit& commit : commits) {
    ASSERT_EQ(queue.Push(commit), absl::OkStatus());
  }
  for (const char* expected : {"1", "2", "3", "4", "5"}) {
    EXPECT_EQ(Text(queue.Take({})), expected);
  }
  QueuedCommit last = Of("10.0.0.1", "6", 1, order);
  ASSERT_EQ(queue.Push(last), absl::OkStatus());
  EXPECT_EQ(Text(queue.Take({})), "6");
  EXPECT_EQ(queue.waiting().commits, 0u);
}

TEST(CommitQueueTest, ABatchIsLongerWhileNobodyWritesLittle) {
  CommitQueue queue({}, &clock);
  const auto push = [&](size_t operations, std::string name) {
    QueuedCommit commit = Of("10.0.0.1", std::move(name));
    commit.request.operations.resize(operations);
    ASSERT_EQ(queue.Push(commit), absl::OkStatus());
  };
  const BatchBounds bounds = {.operations = 200};
  for (const char* name : {"a", "b", "c", "d", "e"}) push(200, name);
  EXPECT_EQ(Text(queue.Take(bounds)), "a b c d");
  push(1, "f");
  EXPECT_EQ(Text(queue.Take(bounds)), "e");
  EXPECT_EQ(Text(queue.Take(bounds)), "f");
  clock.now += bounds.bulk_after;
  for (const char* name : {"g", "h"}) push(200, name);
  EXPECT_EQ(Text(queue.Take(bounds)), "g");
  clock.now += absl::Milliseconds(1);
  push(200, "i");
  EXPECT_EQ(Text(queue.Take(bounds)), "h i");
}

TEST(CommitQueueTest, TheEndWaitsForNoRest) {
  CommitQueue queue({}, &clock);
  TakeFirstOfTwoLarge(queue);
  queue.Stop();
  EXPECT_EQ(Text(queue.Take({})), "M end");
}

}  // namespace
}  // namespace restate
