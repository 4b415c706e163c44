#include "engine/commit/fair_queue.h"

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "engine/client/client_id.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

// Told apart by its run_id.
QueuedCommit Commit(std::string_view client, std::string name,
                    size_t operations = 1,
                    std::shared_ptr<CommitOrder> order = nullptr) {
  QueuedCommit commit;
  commit.request.client = ClientId::OfAddress(client);
  commit.request.run_id = std::move(name);
  commit.request.operations.resize(operations);
  commit.request.order = std::move(order);
  return commit;
}

// The names of the next `count`.
std::string Next(FairQueue& queue, int count) {
  std::string names;
  for (int i = 0; i < count; ++i) {
    const std::string front = queue.Front().request.run_id;
    const std::string popped = queue.PopFront().request.run_id;
    EXPECT_EQ(front, popped);
    names += (i > 0 ? " " : "") + popped;
  }
  return names;
}

TEST(FairQueueTest, OneClientGetsHisCommitsInOrder) {
  FairQueue queue;
  for (int i = 0; i < 1'000; ++i) queue.Push(Commit("a", std::to_string(i)));
  EXPECT_EQ(queue.size(), 1'000u);
  for (int i = 0; i < 1'000; ++i) EXPECT_EQ(Next(queue, 1), std::to_string(i));
  EXPECT_TRUE(queue.empty());
}

// A client that loaded data in transactions of 256 sets, thousands of them ahead
// of everybody else's single sets, made those wait for all of it.
TEST(FairQueueTest, WhoSendsMuchGetsATurnLikeWhoSendsLittle) {
  FairQueue queue;
  for (int i = 0; i < 1'000; ++i) {
    queue.Push(Commit("bulk", "B" + std::to_string(i), 256));
  }
  queue.Push(Commit("small", "s0"));
  queue.Push(Commit("small", "s1"));
  queue.Push(Commit("other", "o0"));
  EXPECT_EQ(Next(queue, 5), "B0 s0 s1 o0 B1");
  queue.Push(Commit("small", "s2"));
  EXPECT_EQ(Next(queue, 2), "B2 s2");
}

TEST(FairQueueTest, SoDoTheStreamsOfOneClientAndHisOtherCalls) {
  FairQueue queue;
  const auto first = std::make_shared<CommitOrder>();
  const auto second = std::make_shared<CommitOrder>();
  for (int i = 0; i < 100; ++i) {
    queue.Push(Commit("a", "f" + std::to_string(i), 256, first));
    queue.Push(Commit("a", "g" + std::to_string(i), 256, second));
  }
  queue.Push(Commit("a", "s0"));
  queue.Push(Commit("a", "s1"));
  EXPECT_EQ(Next(queue, 6), "f0 g0 s0 s1 f1 g1");
}

TEST(FairQueueTest, StreamsAreNoWayToMoreTurns) {
  FairQueue queue;
  for (int i = 0; i < 4; ++i) {
    queue.Push(Commit("many", "m" + std::to_string(i), 256,
                      std::make_shared<CommitOrder>()));
  }
  for (int i = 0; i < 4; ++i) {
    queue.Push(Commit("one", "o" + std::to_string(i), 256));
  }
  EXPECT_EQ(Next(queue, 8), "m0 o0 m1 o1 m2 o2 m3 o3");
}

TEST(FairQueueTest, WhoTookTooMuchWaitsForItsWorth) {
  FairQueue queue;
  queue.Push(Commit("large", "L0", 1'024));
  queue.Push(Commit("large", "L1", 1'024));
  for (int i = 0; i < 6; ++i) {
    queue.Push(Commit("b", "b" + std::to_string(i), 256));
  }
  // 1,024 are four turns.
  EXPECT_EQ(Next(queue, 8), "L0 b0 b1 b2 b3 L1 b4 b5");
}

TEST(FairQueueTest, ADebtIsNotForgottenWithTheLastCommit) {
  FairQueue queue;
  queue.Push(Commit("large", "L0", 1'024));
  EXPECT_EQ(Next(queue, 1), "L0");
  queue.Push(Commit("large", "L1", 1'024));
  for (int i = 0; i < 4; ++i) {
    queue.Push(Commit("b", "b" + std::to_string(i), 256));
  }
  EXPECT_EQ(Next(queue, 5), "b0 b1 b2 L1 b3");
}

TEST(FairQueueTest, BytesCountToo) {
  FairQueue queue;
  for (int i = 0; i < 2; ++i) {
    QueuedCommit large = Commit("large", "L" + std::to_string(i));
    large.request.bytes = size_t{1} << 20;
    queue.Push(std::move(large));
  }
  for (int i = 0; i < 9; ++i) {
    queue.Push(Commit("b", "b" + std::to_string(i), 256));
  }
  // A MiB is about 2,048 operations, eight turns.
  EXPECT_EQ(Next(queue, 11), "L0 b0 b1 b2 b3 b4 b5 b6 b7 L1 b8");
}

// Thousands of leases end in portions, one after the other: who writes waits for one
// of them and not for all.
TEST(FairQueueTest, ClientsComeBetweenTwoPortionsOfLeases) {
  FairQueue queue;
  const auto expiry = [](std::string name) {
    QueuedCommit commit;
    commit.request.run_id = std::move(name);
    commit.request.expiry.emplace();
    return commit;
  };
  queue.Push(expiry("E0"));
  queue.Push(Commit("a", "a0"));
  EXPECT_EQ(Next(queue, 1), "E0");
  queue.Push(expiry("E1"));
  queue.Push(Commit("b", "b0"));
  queue.Push(Commit("a", "a1"));
  EXPECT_EQ(Next(queue, 4), "a0 a1 b0 E1");
}

TEST(FairQueueTest, ManyClientsAndStreamsThatComeAndGo) {
  FairQueue queue;
  const auto name = [](int i) { return "c" + std::to_string(i); };
  for (int i = 0; i < 1'000; ++i) {
    queue.Push(Commit(name(i), name(i), 1, std::make_shared<CommitOrder>()));
    if (i % 3 == 0) queue.Push(Commit(name(i), "again" + name(i)));
    EXPECT_EQ(Next(queue, 1), name(i));
    if (i % 3 == 0) {
      EXPECT_EQ(Next(queue, 1), "again" + name(i));
    }
  }
  EXPECT_TRUE(queue.empty());
}

}  // namespace
}  // namespace restate
