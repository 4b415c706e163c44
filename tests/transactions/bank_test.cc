// The judge of the transfers is itself judged: it must find each way in which
// transactions can go wrong.

#include "tests/transactions/bank.h"

#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace restate::test {
namespace {

// What /bank reads as.
v1::Value BankValue(const Balances& balances,
                    const std::vector<Transfer>& ledger) {
  v1::Value bank;
  auto& parts = *bank.mutable_map_value()->mutable_fields();
  auto& accounts = *parts["accounts"].mutable_map_value()->mutable_fields();
  for (int i = 0; i < kAccounts; ++i) {
    accounts[std::to_string(i)].set_int_value(balances[i]);
  }
  auto& entries = *parts["ledger"].mutable_map_value()->mutable_fields();
  for (const Transfer& transfer : ledger) {
    auto* values = entries[transfer.id].mutable_list_value();
    values->add_values()->set_int_value(transfer.from);
    values->add_values()->set_int_value(transfer.to);
    values->add_values()->set_int_value(transfer.amount);
  }
  return bank;
}

Balances Opening() {
  Balances balances;
  balances.fill(kOpening);
  return balances;
}

// The opening, after these.
Balances After(const std::vector<Transfer>& transfers) {
  Balances balances = Opening();
  for (const Transfer& transfer : transfers) {
    balances[transfer.from] -= transfer.amount;
    balances[transfer.to] += transfer.amount;
  }
  return balances;
}

v1::Event Told(int64_t revision, int account, int64_t before, int64_t after) {
  v1::Event event;
  event.set_revision(revision);
  event.set_kind(v1::EVENT_KIND_SET);
  event.mutable_current_path()->set_text(AccountPath(account));
  event.mutable_prev_value()->set_int_value(before);
  event.mutable_new_value()->set_int_value(after);
  return event;
}

class BankTest : public testing::Test {
 protected:
  BankTest() { bank_.Tried(first_); }

  void TellOpening(int64_t revision) {
    for (int i = 0; i < kAccounts; ++i) {
      v1::Event event = Told(revision, i, 0, kOpening);
      event.set_kind(v1::EVENT_KIND_INITIAL);
      bank_.Heard(event);
    }
  }

  void ExpectBroken() { EXPECT_FALSE(bank_.broken().empty()); }
  void ExpectWhole() {
    EXPECT_EQ(bank_.broken(), std::vector<std::string>());
  }

  const Transfer first_ = {"first", 0, 1, 30};
  Bank bank_;
};

TEST_F(BankTest, AnAnsweredTransfer) {
  bank_.Answered("first");
  const v1::Value read = BankValue(After({first_}), {first_});
  bank_.ReadAll(2, read);
  bank_.Settle(read);
  ExpectWhole();
}

TEST_F(BankTest, ATransferOfUnknownFateIsThereOrNot) {
  bank_.ReadAll(1, BankValue(Opening(), {}));
  bank_.Settle(BankValue(Opening(), {}));
  bank_.ReadAll(2, BankValue(After({first_}), {first_}));
  ExpectWhole();
}

TEST_F(BankTest, AnAnsweredTransferIsGone) {
  bank_.Answered("first");
  bank_.Settle(BankValue(Opening(), {}));
  ExpectBroken();
}

TEST_F(BankTest, ARefusedTransferHappened) {
  bank_.Refused("first");
  bank_.ReadAll(2, BankValue(After({first_}), {first_}));
  ExpectBroken();
}

TEST_F(BankTest, HalfATransfer) {
  Balances half = Opening();
  half[0] -= 30;
  bank_.Read(2, BankValue(half, {}).map_value().fields().at("accounts"));
  ExpectBroken();
}

TEST_F(BankTest, ATransferThatHappenedTwice) {
  bank_.ReadAll(3, BankValue(After({first_, first_}), {first_}));
  ExpectBroken();
}

TEST_F(BankTest, ATransferThatTheLedgerDoesNotHave) {
  bank_.ReadAll(2, BankValue(After({first_}), {}));
  ExpectBroken();
}

TEST_F(BankTest, AnAccountBelowZero) {
  const Transfer large = {"large", 2, 3, kOpening + 1};
  bank_.Tried(large);
  bank_.ReadAll(2, BankValue(After({large}), {large}));
  ExpectBroken();
}

TEST_F(BankTest, TwoReadingsOfOneRevision) {
  bank_.ReadAll(2, BankValue(Opening(), {}));
  bank_.ReadAll(2, BankValue(After({first_}), {first_}));
  ExpectBroken();
}

TEST_F(BankTest, ASubscriberThatIsToldAll) {
  TellOpening(1);
  bank_.Heard(Told(2, 0, 100, 70));
  bank_.Heard(Told(2, 1, 100, 130));
  bank_.ReadAll(1, BankValue(Opening(), {}));
  bank_.ReadAll(2, BankValue(After({first_}), {first_}));
  bank_.Compare();
  ExpectWhole();
  EXPECT_EQ(bank_.compared(), 2);
}

TEST_F(BankTest, ASubscriberThatIsToldHalf) {
  TellOpening(1);
  bank_.Heard(Told(2, 0, 100, 70));
  bank_.Compare();
  ExpectBroken();
}

TEST_F(BankTest, ASubscriberThatMissesARevision) {
  TellOpening(1);
  bank_.Heard(Told(3, 0, 70, 60));
  bank_.Heard(Told(3, 1, 130, 140));
  ExpectBroken();
}

TEST_F(BankTest, ASubscriberAndAReaderThatDiffer) {
  TellOpening(1);
  bank_.Heard(Told(3, 0, 100, 70));
  bank_.Heard(Told(3, 1, 100, 130));
  // The reader says that it happened before.
  bank_.ReadAll(2, BankValue(After({first_}), {first_}));
  bank_.Compare();
  ExpectBroken();
}

}  // namespace
}  // namespace restate::test
