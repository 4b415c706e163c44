// Eight clients move amounts between ten accounts: each reads two accounts and
// writes them, and a line in the ledger, on the condition that neither has
// changed. Meanwhile readers and a subscriber hold the accounts, at every
// revision that they see, to their sum and to the ledger; and the server is
// killed, again and again. A transfer whose answer was lost is sent again, as
// the same request. Every answered transfer happened once, every refused one
// never.
//
// RESTATE_KILLS and RESTATE_TRANSFERS set how many kills, and how many answers
// before each; RESTATE_SEED replays a run as far as the machine's scheduling
// allows.

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_format.h"
#include "gtest/gtest.h"
#include "tests/support/client.h"
#include "tests/support/error_info.h"
#include "tests/support/server_test.h"
#include "tests/transactions/bank.h"

namespace restate::test {
namespace {

constexpr int kClients = 8;
constexpr int64_t kDefaultKills = 5;
constexpr int64_t kDefaultTransfers = 300;

int64_t FromEnvironment(const char* name, int64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::atoll(text);
}

// Moves amounts, over several servers one after the other.
class Customer {
 public:
  Customer(uint64_t seed, int id, Bank* bank)
      : random_(seed * 1'000'003 + id), bank_(bank) {}

  // Transfers until the server is gone or `stop` is set.
  void Work(const std::string& address, const std::atomic<bool>* stop) {
    Client client(address);
    if (pending_.has_value() && !Send(&client)) return;
    while (!*stop) {
      if (!Prepare(&client)) return;
      if (pending_.has_value() && !Send(&client)) return;
    }
  }

 private:
  // A transfer, and the commit that it is: what is sent again is the same.
  struct Pending {
    Transfer transfer;
    v1::CommitRequest commit;
  };

  // Reads two accounts and decides. False if the server is gone.
  bool Prepare(Client* client) {
    Transfer transfer;
    transfer.from = static_cast<int>(random_() % kAccounts);
    transfer.to = static_cast<int>((transfer.from + 1 + random_() % 9) % 10);
    int64_t balances[2];
    int64_t revisions[2];
    const bool together = random_() % 2 == 0;
    const int accounts[2] = {transfer.from, transfer.to};
    if (together) {
      v1::BatchGetStateRequest request;
      request.set_encoding(v1::VALUE_ENCODING_TYPED);
      for (const int account : accounts) {
        request.add_paths()->set_text(AccountPath(account));
      }
      const auto reply = client->BatchGetState(request);
      if (!reply.ok()) return Gone(reply.status);
      for (int i = 0; i < 2; ++i) {
        balances[i] = reply.response.results(i).value().int_value();
        revisions[i] = reply.response.revision();
      }
    } else {
      for (int i = 0; i < 2; ++i) {
        v1::GetStateRequest request;
        request.set_encoding(v1::VALUE_ENCODING_TYPED);
        request.mutable_path()->set_text(AccountPath(accounts[i]));
        const auto reply = client->GetState(request);
        if (!reply.ok()) return Gone(reply.status);
        balances[i] = reply.response.value().int_value();
        revisions[i] = reply.response.revision();
      }
    }
    if (balances[0] == 0) return true;
    const uint64_t most = static_cast<uint64_t>(balances[0]);
    transfer.amount = 1 + static_cast<int64_t>(random_() % most);
    transfer.id = NewId();
    pending_ = Pending{transfer,
                       CommitFor(transfer, balances[0], revisions[0],
                                 balances[1], revisions[1])};
    bank_->Tried(transfer);
    return true;
  }

  // False if the server is gone, and the transfer stays pending.
  bool Send(Client* client) {
    const auto reply = client->Commit(pending_->commit);
    const std::string id = pending_->transfer.id;
    if (reply.ok()) {
      bank_->Answered(id);
    } else {
      const Failure failure = FailureOf(reply.status);
      if (failure.code != "ABORTED") return Gone(reply.status);
      bank_->Refused(id);
    }
    pending_.reset();
    return true;
  }

  static bool Gone(const grpc::Status& status) {
    EXPECT_EQ(FailureOf(status).code, "UNAVAILABLE") << FailureOf(status);
    return false;
  }

  // A UUID.
  std::string NewId() {
    const uint64_t high = random_();
    const uint64_t low = random_();
    return absl::StrFormat("%08x-%04x-4%03x-8%03x-%012x", high >> 32,
                           (high >> 16) & 0xffff, high & 0xfff, low >> 52,
                           low & 0xffff'ffff'ffff);
  }

  std::mt19937_64 random_;
  Bank* const bank_;
  std::optional<Pending> pending_;
};

// Reads the accounts together, as a map, and with the ledger, in turn.
void ReadUntilItEnds(const std::string& address, const std::atomic<bool>* stop,
                     Bank* bank) {
  Client client(address);
  v1::BatchGetStateRequest each;
  each.set_encoding(v1::VALUE_ENCODING_TYPED);
  for (int i = 0; i < kAccounts; ++i) {
    each.add_paths()->set_text(AccountPath(i));
  }
  int64_t last = 0;
  for (int turn = 0; !*stop; ++turn) {
    int64_t revision = 0;
    if (turn % 2 == 0) {
      const auto reply = client.BatchGetState(each);
      if (!reply.ok()) return;
      revision = reply.response.revision();
      v1::Value accounts;
      for (int i = 0; i < kAccounts; ++i) {
        (*accounts.mutable_map_value()->mutable_fields())[std::to_string(i)] =
            reply.response.results(i).value();
      }
      bank->Read(revision, accounts);
    } else {
      const bool all = turn % 16 == 1;
      v1::GetStateRequest request;
      request.set_encoding(v1::VALUE_ENCODING_TYPED);
      request.mutable_path()->set_text(all ? "/bank" : "/bank/accounts");
      const auto reply = client.GetState(request);
      if (!reply.ok()) return;
      revision = reply.response.revision();
      if (all) {
        bank->ReadAll(revision, reply.response.value());
      } else {
        bank->Read(revision, reply.response.value());
      }
    }
    EXPECT_GE(revision, last);
    last = revision;
  }
}

class TransfersTest : public ServerTest {
 protected:
  TransfersTest()
      : seed_(FromEnvironment("RESTATE_SEED", std::random_device()())) {
    std::cout << "seed " << seed_ << std::endl;
  }

  void SetUp() override {
    ServerTest::SetUp();
    v1::CommitRequest open;
    for (int i = 0; i < kAccounts; ++i) {
      v1::SetOperation* set = open.add_operations()->mutable_set();
      set->mutable_path()->set_text(AccountPath(i));
      set->mutable_value()->set_int_value(kOpening);
    }
    const auto reply = client().Commit(open);
    ASSERT_TRUE(reply.ok()) << FailureOf(reply.status);
    for (int id = 0; id < kClients; ++id) {
      customers_.push_back(std::make_unique<Customer>(seed_, id, &bank_));
    }
  }

  // A subscriber that goes on where the one before it ended.
  std::unique_ptr<SubscriptionReader> Follow() {
    v1::SubscribeRequest request;
    request.add_patterns()->set_text("/bank/accounts/*");
    request.set_encoding(v1::VALUE_ENCODING_TYPED);
    if (token_.empty()) {
      request.mutable_snapshot();
    } else {
      request.set_resume_token(token_);
    }
    return std::make_unique<SubscriptionReader>(
        Connect(server().address()), request,
        [this](const v1::Event& event) { bank_.Heard(event); });
  }

  // Transfers, reads and listens until so many transfers were answered; then
  // the server is killed, or everybody stops.
  void Run(size_t transfers, bool kill) {
    std::unique_ptr<SubscriptionReader> subscriber = Follow();
    std::atomic<bool> stop = false;
    std::vector<std::thread> threads;
    for (const auto& customer : customers_) {
      bank_.ClientBegins();
      threads.emplace_back([this, &stop, work = customer.get()] {
        work->Work(server().address(), &stop);
        bank_.ClientEnds();
      });
    }
    for (int reader = 0; reader < 2; ++reader) {
      threads.emplace_back([this, &stop] {
        ReadUntilItEnds(server().address(), &stop, &bank_);
      });
    }
    bank_.WaitForAnswers(transfers);
    if (kill) {
      server().Kill();
    } else {
      stop = true;
    }
    for (std::thread& thread : threads) thread.join();
    if (kill) {
      EXPECT_EQ(FailureOf(subscriber->WaitForEnd()).code, "UNAVAILABLE");
    } else {
      EXPECT_TRUE(subscriber->WaitForRevision(LastTransfer()));
      subscriber->Cancel();
      subscriber->WaitForEnd();
    }
    EXPECT_EQ(subscriber->Violations(), std::vector<std::string>());
    if (!subscriber->token().empty()) token_ = subscriber->token();
  }

  // Makes a last commit, one that leaves the accounts as they are, and gives its
  // revision: who is told of it has been told of all before it.
  int64_t LastTransfer() {
    v1::CommitRequest commit;
    for (const auto& [account, amount] : {std::pair(0, 1), std::pair(0, -1)}) {
      v1::SetOperation* add = commit.add_operations()->mutable_set();
      add->mutable_path()->set_text(AccountPath(account));
      add->mutable_value()->set_int_value(amount);
      add->set_mode(v1::WRITE_MODE_ADD);
    }
    const auto reply = NewClient()->Commit(commit);
    EXPECT_TRUE(reply.ok()) << FailureOf(reply.status);
    return reply.response.revision();
  }

  // Holds what a server at rest has to what was answered.
  void Settle() {
    v1::GetStateRequest request;
    request.set_encoding(v1::VALUE_ENCODING_TYPED);
    request.mutable_path()->set_text("/bank");
    const auto reply = NewClient()->GetState(request);
    ASSERT_TRUE(reply.ok()) << FailureOf(reply.status);
    bank_.ReadAll(reply.response.revision(), reply.response.value());
    bank_.Settle(reply.response.value());
    EXPECT_EQ(bank_.broken(), std::vector<std::string>());
  }

  const uint64_t seed_;
  Bank bank_;
  std::vector<std::unique_ptr<Customer>> customers_;
  std::string token_;
};

TEST_F(TransfersTest, AcrossKills) {
  SCOPED_TRACE("seed " + std::to_string(seed_));
  const int64_t kills = FromEnvironment("RESTATE_KILLS", kDefaultKills);
  const uint64_t transfers =
      FromEnvironment("RESTATE_TRANSFERS", kDefaultTransfers);
  std::mt19937_64 random(seed_);
  for (int64_t round = 0; round < kills; ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    Run(1 + random() % transfers, /*kill=*/true);
    const absl::Status restarted = server().Restart();
    ASSERT_TRUE(restarted.ok()) << restarted;
    Settle();
    if (HasFailure()) return;
  }
  Run(transfers, /*kill=*/false);
  Settle();
  bank_.Compare();
  EXPECT_EQ(bank_.broken(), std::vector<std::string>());
  EXPECT_GT(bank_.refusals(), 0);
  EXPECT_GT(bank_.compared(), 0);
  std::cout << bank_.answers() << " transfers were answered, "
            << bank_.refusals() << " refused; " << bank_.compared()
            << " readings compared with events" << std::endl;
}

}  // namespace
}  // namespace restate::test
