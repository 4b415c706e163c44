// Eight clients read, write, add, delete, compare and set on a few keys, one
// call at a time each, and record what they asked and were answered. The
// history must be linearizable: every call happened at one moment between its
// beginning and its end. Also when the server is killed in the middle of it,
// again and again: calls without an answer happened once, before the server was
// gone, or never.
//
// A checker made by others judges, see
// docs/decisions/0021-linearizability-checker.md.
//
// RESTATE_KILLS and RESTATE_CALLS set how many kills, and how many answers
// before each; RESTATE_SEED replays a run as far as the machine's scheduling
// allows.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "tests/linearizability/checker_process.h"
#include "tests/linearizability/history.h"
#include "tests/linearizability/register_client.h"
#include "tests/support/server_test.h"

namespace restate::test {
namespace {

constexpr int kClients = 8;
constexpr int64_t kDefaultKills = 5;
constexpr int64_t kDefaultCalls = 1'500;

int64_t FromEnvironment(const char* name, int64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::atoll(text);
}

class LinearizabilityTest : public StorageTest {
 protected:
  LinearizabilityTest()
      : seed_(FromEnvironment("RESTATE_SEED", std::random_device()())),
        calls_(FromEnvironment("RESTATE_CALLS", kDefaultCalls)),
        keys_({"/registers/a", "/registers/b", "/registers/c"}) {
    std::cout << "seed " << seed_ << std::endl;
  }

  // Starts clients that each make `calls` calls, or call until the server is
  // gone.
  void StartClients(int64_t round, int64_t calls) {
    for (int id = 0; id < kClients; ++id) {
      history_.CallerBegins();
      threads_.emplace_back([this, id, round, calls] {
        RegisterClient client(server().address(), id,
                              seed_ + static_cast<uint64_t>(round) * 101, keys_,
                              &history_);
        for (int64_t i = 0; i < calls && client.CallOnce(); ++i) {
        }
        history_.CallerEnds();
      });
    }
  }

  void JoinClients() {
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
    history_.End();
  }

  // Asks the checker about all that was recorded.
  void Judge() {
    SCOPED_TRACE("seed " + std::to_string(seed_));
    const Verdict verdict = Check(history_.operations());
    EXPECT_EQ(verdict.kind, Verdict::kLinearizable) << verdict.report;
    std::cout << verdict.report << std::flush;
  }

  // How many operations were of a kind and had an outcome.
  size_t Count(Operation::Kind kind, Operation::Outcome outcome) const {
    const std::vector<Operation> all = history_.operations();
    return std::count_if(all.begin(), all.end(), [&](const Operation& one) {
      return one.kind == kind && one.outcome == outcome;
    });
  }

  const uint64_t seed_;
  const int64_t calls_;
  const std::vector<std::string> keys_;
  History history_;
  std::vector<std::thread> threads_;
};

INSTANTIATE_OVER_STORAGES(LinearizabilityTest);

TEST_P(LinearizabilityTest, ConcurrentCalls) {
  StartClients(0, calls_);
  JoinClients();
  Judge();
  // The conditions were worth judging.
  for (const auto kind : {Operation::Kind::kSetIfEqual,
                          Operation::Kind::kSetIfUnchanged}) {
    EXPECT_GT(Count(kind, Operation::Outcome::kDone), 0);
    EXPECT_GT(Count(kind, Operation::Outcome::kRefused), 0);
  }
}

// A recorded history is refused as soon as one answer in it is another: what
// the test above accepts, it does not accept for want of looking.
TEST_P(LinearizabilityTest, ARecordedHistoryWithOneWrongAnswerIsRefused) {
  StartClients(0, 200);
  JoinClients();
  std::vector<Operation> history = history_.operations();
  std::mt19937_64 random(seed_);
  std::vector<size_t> reads;
  for (size_t i = 0; i < history.size(); ++i) {
    if (history[i].found.has_value()) reads.push_back(i);
  }
  ASSERT_FALSE(reads.empty());
  Operation& wrong = history[reads[random() % reads.size()]];
  // A value that nobody ever wrote.
  wrong.found = 1'000'000'000;
  EXPECT_EQ(Check(history).kind, Verdict::kNotLinearizable)
      << "seed " << seed_;
}

class LinearizabilityAcrossKillsTest : public LinearizabilityTest {};

INSTANTIATE_TEST_SUITE_P(RocksDb, LinearizabilityAcrossKillsTest,
                         testing::Values(Storage::kRocksDb));

TEST_P(LinearizabilityAcrossKillsTest, ConcurrentCalls) {
  const int64_t kills = FromEnvironment("RESTATE_KILLS", kDefaultKills);
  std::mt19937_64 random(seed_);
  for (int64_t round = 0; round < kills; ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    StartClients(round, INT64_MAX);
    history_.WaitForAnswers(1 + random() % static_cast<uint64_t>(calls_));
    server().Kill();
    JoinClients();
    const absl::Status restarted = server().Restart();
    ASSERT_TRUE(restarted.ok()) << restarted;
  }
  // What the last kill left is read too.
  StartClients(kills, 50);
  JoinClients();
  Judge();
}

}  // namespace
}  // namespace restate::test
