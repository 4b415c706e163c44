#include "engine/client/client_accounts.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/error/error.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

ClientLimits TwoOfFive() {
  ClientLimits limits;
  limits[Holding::kSessions] = {.per_client = 2, .in_all = 5};
  return limits;
}

ClientId Client(int number) {
  return ClientId::OfAddress(absl::StrCat("10.0.0.", number));
}

TEST(ClientAccountsTest, OneClientMayHoldAPartOfAll) {
  ClientAccounts accounts(TwoOfFive());
  const auto first = accounts.AccountOf(Client(1));
  absl::StatusOr<Hold> one = first->Take(Holding::kSessions);
  ASSERT_TRUE(one.ok());
  std::optional<Hold> two = *first->Take(Holding::kSessions);
  const absl::Status refused = first->Take(Holding::kSessions).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ErrorReason(refused), "TOO_MANY_SESSIONS");
  EXPECT_EQ(refused.message(),
            "your address has 2 sessions, and one client may have 2: close "
            "some, or share one among the parts of a program");
  EXPECT_EQ(ErrorMetadata(refused).at("limit"), "2");
  EXPECT_EQ(ErrorMetadata(refused).at("bound"), "client");
  // Others are not concerned, nor is what else the client may hold.
  EXPECT_TRUE(accounts.AccountOf(Client(2))->Take(Holding::kSessions).ok());
  EXPECT_TRUE(first->Take(Holding::kStreams).ok());
  // Where it comes from on another connection, it is the same client.
  EXPECT_FALSE(accounts.AccountOf(Client(1))->Take(Holding::kSessions).ok());
  two.reset();
  EXPECT_TRUE(accounts.AccountOf(Client(1))->Take(Holding::kSessions).ok());
  EXPECT_EQ(accounts.in_all().refused_of_client[0].value(), 2u);
  EXPECT_EQ(accounts.in_all().refused_of_all[0].value(), 0u);
}

TEST(ClientAccountsTest, AllTogetherMayHoldSoMuch) {
  ClientAccounts accounts(TwoOfFive());
  std::vector<Hold> holds;
  for (int i : {1, 1, 2, 2, 3}) {
    holds.push_back(*accounts.AccountOf(Client(i))->Take(Holding::kSessions));
  }
  const absl::Status refused =
      accounts.AccountOf(Client(3))->Take(Holding::kSessions).status();
  EXPECT_EQ(ErrorReason(refused), "TOO_MANY_SESSIONS");
  EXPECT_EQ(refused.message(),
            "the server has 5 sessions, and it may have 5: try again later");
  EXPECT_EQ(ErrorMetadata(refused).at("bound"), "all");
  EXPECT_EQ(accounts.in_all().held(Holding::kSessions), 5u);
  EXPECT_EQ(accounts.count(), 3u);
  EXPECT_EQ(accounts.largest(Holding::kSessions), 2u);
  holds.clear();
  EXPECT_EQ(accounts.in_all().held(Holding::kSessions), 0u);
  EXPECT_EQ(accounts.count(), 0u);
}

TEST(ClientAccountsTest, WhomBoundsPerClientDoNotHoldForIsCountedInAll) {
  ClientAccounts accounts(TwoOfFive());
  const auto proxy = accounts.AccountOf(
      ClientId::OfAddress("10.0.0.9", ClientId::Bounds::kDoNotHold));
  const auto nobody = accounts.AccountOf(ClientId());
  std::vector<Hold> holds;
  for (int i = 0; i < 4; ++i) {
    holds.push_back(*proxy->Take(Holding::kSessions));
  }
  holds.push_back(*nobody->Take(Holding::kSessions));
  EXPECT_EQ(ErrorMetadata(nobody->Take(Holding::kSessions).status()).at("bound"),
            "all");
}

TEST(ClientAccountsTest, AnAmountFitsOrDoesNot) {
  ClientLimits limits;
  limits[Holding::kPatterns] = {.per_client = 10, .in_all = 100};
  ClientAccounts accounts(limits);
  const auto account = accounts.AccountOf(Client(1));
  const absl::StatusOr<Hold> seven = account->Take(Holding::kPatterns, 7);
  ASSERT_TRUE(seven.ok());
  EXPECT_EQ(ErrorReason(account->Take(Holding::kPatterns, 4).status()),
            "TOO_MANY_PATTERNS");
  EXPECT_FALSE(account->Take(Holding::kPatterns, SIZE_MAX).ok());
  EXPECT_TRUE(account->Take(Holding::kPatterns, 3).ok());
}

TEST(ClientAccountsTest, AHoldMovesAndIsGivenBackOnce) {
  ClientAccounts accounts(TwoOfFive());
  const auto account = accounts.AccountOf(Client(1));
  {
    Hold first = *account->Take(Holding::kSessions);
    Hold second = std::move(first);
    first = std::move(second);
    EXPECT_EQ(account->held(Holding::kSessions), 1u);
  }
  EXPECT_EQ(account->held(Holding::kSessions), 0u);
}

TEST(ClientAccountsTest, ClientsThatHoldNothingAreForgotten) {
  ClientAccounts accounts(TwoOfFive());
  for (int i = 0; i < 10'000; ++i) (void)accounts.AccountOf(Client(i));
  EXPECT_EQ(accounts.count(), 0u);
  const auto kept = accounts.AccountOf(Client(1));
  const Hold hold = *kept->Take(Holding::kSessions);
  for (int i = 2; i < 10'000; ++i) (void)accounts.AccountOf(Client(i));
  EXPECT_EQ(accounts.AccountOf(Client(1))->held(Holding::kSessions), 1u);
}

}  // namespace
}  // namespace restate
