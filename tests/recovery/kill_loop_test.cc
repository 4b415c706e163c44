// kill -9 while eight clients write, one reads and one listens; then a start on
// the same data; again and again. Afterwards, on durable mounts:
//   - every answered write is there, relaxed ones apart;
//   - what is there is a prefix of the commits in the order of their revisions;
//   - nothing that a reader or a subscriber saw is gone;
//   - no revision was given twice, and the epoch is the same;
// and the volatile mount is empty, which has a revision of its own. How the
// writes make all this visible is told in ledger.h.
//
// RESTATE_KILLS sets how many kills; RESTATE_SEED replays a run as far as the
// machine's scheduling allows.

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "tests/recovery/ledger.h"
#include "tests/support/client.h"
#include "tests/support/error_info.h"
#include "tests/support/json.h"
#include "tests/support/server_test.h"

namespace restate::test {
namespace {

constexpr int kWriters = 8;
constexpr int kDefaultKills = 5;
// Unanswered commits of one Write stream.
constexpr int kWindow = 16;

int64_t FromEnvironment(const char* name, int64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::atoll(text);
}

// Decides what a writer does next.
class Choice {
 public:
  Choice(uint64_t seed, int round, int writer)
      : random_(seed * 1'000'003 + round * 101 + writer) {}

  Attempt Next() {
    Attempt attempt;
    const uint64_t kind = random_() % 10;
    attempt.kind = kind < 5   ? WriteKind::kTransaction
                   : kind < 8 ? WriteKind::kSingle
                              : WriteKind::kVolatile;
    attempt.relaxed = random_() % 8 == 0;
    return attempt;
  }

 private:
  std::mt19937_64 random_;
};

// One call at a time.
void WriteUnary(const std::string& address, int w, Choice choice,
                Ledger* ledger) {
  Client client(address);
  while (true) {
    const Attempt attempt = choice.Next();
    const int number = ledger->Sent(w, attempt);
    const auto reply = client.Commit(CommitFor(w, number, attempt));
    if (!reply.ok()) {
      EXPECT_EQ(FailureOf(reply.status).code, "UNAVAILABLE");
      return;
    }
    ledger->Answered(w, number, reply.response);
  }
}

// Many under way on one stream.
void WritePipelined(const std::string& address, int w, Choice choice,
                    Ledger* ledger) {
  Client client(address);
  const auto context = NewContext();
  const auto stream = client.state().Write(context.get());
  v1::WriteResponse response;
  auto read_one = [&] {
    if (!stream->Read(&response)) return false;
    EXPECT_TRUE(response.has_commit()) << ToJson(response);
    ledger->Answered(w, static_cast<int>(response.sequence()),
                     response.commit());
    return true;
  };
  for (int waiting = 0;;) {
    const Attempt attempt = choice.Next();
    const int number = ledger->Sent(w, attempt);
    v1::WriteRequest request;
    request.set_sequence(number);
    *request.mutable_commit() = CommitFor(w, number, attempt);
    if (!stream->Write(request)) break;
    if (++waiting < kWindow) continue;
    if (!read_one()) break;
    --waiting;
  }
  while (read_one()) {
  }
  EXPECT_EQ(FailureOf(stream->Finish()).code, "UNAVAILABLE");
}

v1::BatchGetStateRequest ReadAll() {
  v1::BatchGetStateRequest request;
  for (const char* path : {"/order", "/log", "/single", "/tmp"}) {
    request.add_paths()->set_text(path);
  }
  request.set_encoding(v1::VALUE_ENCODING_TYPED);
  return request;
}

void ReadUntilItEnds(const std::string& address, Ledger* ledger) {
  Client client(address);
  int64_t last = 0;
  while (true) {
    const auto reply = client.BatchGetState(ReadAll());
    if (!reply.ok()) {
      EXPECT_EQ(FailureOf(reply.status).code, "UNAVAILABLE");
      return;
    }
    EXPECT_GE(reply.response.revision(), last);
    last = reply.response.revision();
    ledger->Read(reply.response);
  }
}

class KillLoopTest : public ServerTest {
 protected:
  // Writes, reads and listens until `answers` commits were answered, then
  // kills the server.
  void WriteAndKill(uint64_t seed, int round, int answers, Ledger* ledger) {
    v1::SubscribeRequest request;
    request.add_patterns()->set_text("/");
    SubscriptionReader subscriber(
        Connect(server().address()), request,
        [&](const v1::Event& event) { ledger->Heard(event); });
    ASSERT_TRUE(subscriber.WaitForSynced());
    std::vector<std::thread> threads;
    for (int w = 0; w < kWriters; ++w) {
      ledger->WriterBegins();
      threads.emplace_back([this, w, seed, round, ledger] {
        const auto write = w % 2 == 0 ? WriteUnary : WritePipelined;
        write(server().address(), w, Choice(seed, round, w), ledger);
        ledger->WriterEnds();
      });
    }
    threads.emplace_back(
        [this, ledger] { ReadUntilItEnds(server().address(), ledger); });
    ledger->WaitForAnswers(answers);
    server().Kill();
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(FailureOf(subscriber.WaitForEnd()).code, "UNAVAILABLE");
    EXPECT_EQ(subscriber.Violations(), std::vector<std::string>());
  }

  // Starts the server again and holds it to what was recorded.
  void RestartAndSettle(const std::string& epoch, Ledger* ledger) {
    const int64_t told = ledger->last_revision();
    const absl::Status restarted = server().Restart();
    ASSERT_TRUE(restarted.ok()) << restarted;
    Client client(server().address());
    const auto reply = client.BatchGetState(ReadAll());
    ASSERT_TRUE(reply.ok()) << FailureOf(reply.status);
    EXPECT_EQ(reply.response.epoch(), epoch);
    // The same if there was nothing in /tmp to reset.
    EXPECT_GE(reply.response.revision(), told);
    EXPECT_FALSE(reply.response.results(3).exists()) << "/tmp is not empty";
    EXPECT_EQ(ledger->Settle(reply.response), std::vector<std::string>());
  }
};

TEST_F(KillLoopTest, WhatACrashLeaves) {
  const uint64_t seed = FromEnvironment("RESTATE_SEED", std::random_device()());
  const int kills =
      static_cast<int>(FromEnvironment("RESTATE_KILLS", kDefaultKills));
  std::cout << "seed " << seed << ", " << kills << " kills" << std::endl;
  SCOPED_TRACE("seed " + std::to_string(seed));
  const std::string epoch = client().Epoch();
  std::mt19937_64 random(seed);
  Ledger ledger(kWriters);
  for (int round = 0; round < kills; ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    const int answers = 1 + static_cast<int>(random() % 600);
    WriteAndKill(seed, round, answers, &ledger);
    if (HasFailure()) return;
    RestartAndSettle(epoch, &ledger);
    if (HasFailure()) return;
  }
  // And once without a crash.
  EXPECT_EQ(server().Terminate(), 0);
  RestartAndSettle(epoch, &ledger);
  std::cout << ledger.answers() << " commits were answered" << std::endl;
}

TEST_F(KillLoopTest, KilledAgainRightAfterEachStart) {
  client().Set("/a", "1");
  int64_t last = client().Revision();
  const std::string epoch = client().Epoch();
  for (int i = 0; i < 5; ++i) {
    server().Kill();
    const absl::Status restarted = server().Restart();
    ASSERT_TRUE(restarted.ok()) << restarted;
    Client again(server().address());
    EXPECT_GT(again.Revision(), last);
    EXPECT_EQ(again.Epoch(), epoch);
    EXPECT_EQ(*again.Get("/"), R"({"a":1})");
    last = again.Revision();
  }
}

}  // namespace
}  // namespace restate::test
