// The judge of the recovery test is itself judged: it must find each kind of
// loss.

#include "tests/recovery/ledger.h"

#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/json.h"

namespace restate::test {
namespace {

v1::BatchGetStateResponse State(int64_t revision, const std::string& order,
                                const std::string& log,
                                const std::string& single) {
  auto value = [](const std::string& typed) {
    return typed.empty() ? std::string("{}") : "{\"value\": " + typed + "}";
  };
  auto response = FromJson<v1::BatchGetStateResponse>(
      "{\"results\": [" + value(order) + "," + value(log) + "," +
      value(single) + ", {}]}");
  response.set_revision(revision);
  return response;
}

std::string Int(int number) {
  return "{\"intValue\": \"" + std::to_string(number) + "\"}";
}

std::string Map(const std::vector<std::pair<int, std::string>>& fields) {
  std::string text;
  for (const auto& [name, value] : fields) {
    text +=
        (text.empty() ? "\"" : ", \"") + std::to_string(name) + "\": " + value;
  }
  return "{\"mapValue\": {\"fields\": {" + text + "}}}";
}

v1::CommitResponse Answer(int64_t revision, int order = 0) {
  v1::CommitResponse response;
  response.set_changed(true);
  response.set_revision(revision);
  response.add_results()->mutable_set()->mutable_value()->set_int_value(order);
  return response;
}

// Writer 0: transaction 1, single 2, transaction 3; all answered.
class LedgerTest : public testing::Test {
 protected:
  LedgerTest() : ledger_(1) {
    ledger_.Answered(0, ledger_.Sent(0, Attempt{WriteKind::kTransaction}),
                     Answer(1, 1));
    ledger_.Answered(0, ledger_.Sent(0, Attempt{WriteKind::kSingle}),
                     Answer(2));
    ledger_.Answered(0, ledger_.Sent(0, Attempt{WriteKind::kTransaction}),
                     Answer(3, 2));
  }

  Ledger ledger_;
};

TEST_F(LedgerTest, AllThere) {
  EXPECT_EQ(ledger_.Settle(State(5, Int(2),
                                 Map({{0, Map({{1, Int(1)}, {3, Int(3)}})}}),
                                 Map({{0, Int(2)}}))),
            std::vector<std::string>());
}

TEST_F(LedgerTest, AnAnsweredTransactionIsMissing) {
  EXPECT_FALSE(ledger_
                   .Settle(State(5, Int(1), Map({{0, Map({{1, Int(1)}})}}),
                                 Map({{0, Int(2)}})))
                   .empty());
}

TEST_F(LedgerTest, AnAnsweredSingleIsMissing) {
  EXPECT_FALSE(
      ledger_
          .Settle(
              State(5, Int(2), Map({{0, Map({{1, Int(1)}, {3, Int(3)}})}}), ""))
          .empty());
}

TEST_F(LedgerTest, HalfATransaction) {
  EXPECT_FALSE(ledger_
                   .Settle(State(5, Int(2), Map({{0, Map({{3, Int(3)}})}}),
                                 Map({{0, Int(2)}})))
                   .empty());
}

TEST_F(LedgerTest, SomethingThatWasSeenIsGone) {
  ledger_.Sent(0, Attempt{WriteKind::kSingle});
  v1::Event event;
  event.mutable_emitting_path()->set_text("/single/0");
  event.mutable_new_value()->set_int_value(4);
  ledger_.Heard(event);
  EXPECT_FALSE(
      ledger_
          .Settle(State(5, Int(2), Map({{0, Map({{1, Int(1)}, {3, Int(3)}})}}),
                        Map({{0, Int(2)}})))
          .empty());
}

TEST_F(LedgerTest, AnUnansweredCommitMayBeThereOrNot) {
  ledger_.Sent(0, Attempt{WriteKind::kTransaction});
  const auto log = Map({{0, Map({{1, Int(1)}, {3, Int(3)}, {4, Int(4)}})}});
  EXPECT_EQ(ledger_.Settle(State(5, Int(3), log, Map({{0, Int(2)}}))),
            std::vector<std::string>());
  ledger_.Sent(0, Attempt{WriteKind::kTransaction});
  EXPECT_EQ(ledger_.Settle(State(6, Int(3), log, Map({{0, Int(2)}}))),
            std::vector<std::string>());
  // It was lost for good: it must not come back.
  EXPECT_FALSE(ledger_
                   .Settle(State(7, Int(4),
                                 Map({{0, Map({{1, Int(1)},
                                               {3, Int(3)},
                                               {4, Int(4)},
                                               {5, Int(5)}})}}),
                                 Map({{0, Int(2)}})))
                   .empty());
}

TEST_F(LedgerTest, ARelaxedCommitMayBeLost) {
  ledger_.Answered(0, ledger_.Sent(0, Attempt{WriteKind::kSingle, true}),
                   Answer(4));
  EXPECT_EQ(ledger_.Settle(State(5, Int(2),
                                 Map({{0, Map({{1, Int(1)}, {3, Int(3)}})}}),
                                 Map({{0, Int(2)}}))),
            std::vector<std::string>());
}

TEST_F(LedgerTest, ARevisionGivenTwice) {
  ledger_.Answered(0, ledger_.Sent(0, Attempt{WriteKind::kVolatile}),
                   Answer(3));
  EXPECT_FALSE(
      ledger_
          .Settle(State(5, Int(2), Map({{0, Map({{1, Int(1)}, {3, Int(3)}})}}),
                        Map({{0, Int(2)}})))
          .empty());
}

}  // namespace
}  // namespace restate::test
