// Whose derivations have made commits of others wait for too long gets little of
// them, and none of them waits for him any more.
#include <cstdint>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/client/client_id.h"
#include "engine/clock/testing/two_clocks.h"
#include "engine/derivation/testing/derivation_test.h"

namespace restate {
namespace {

using Lines = std::vector<std::string>;

constexpr char kRunaway[] = "while true do end";
// About 30,000 instructions: more than a trial.
constexpr char kLong[] =
    "local n = 0 for i = 1, 15000 do n = n + 1 end return n + x";

class DebtTest : public DerivationTest {
 protected:
  DebtTest() {
    limits_.call.instructions = 100'000;
    limits_.allowance = {.at_once = absl::Milliseconds(200),
                         .a_second = absl::Milliseconds(2),
                         .most_debt = absl::Milliseconds(200)};
  }
  ~DebtTest() override { sequencer_.reset(); }

  // Time passes only by hand.
  void StartByHand() {
    SequencerOptions options = Options();
    options.clock = &clocks_;
    options.mounts.push_back({Path(), std::make_unique<MemoryBackend>()});
    Run(std::move(options));
    ASSERT_TRUE(Set("/x", I(0)).ok());
  }
  static CommitRequest SetBy(const std::string& client, std::string_view path,
                             int64_t number) {
    CommitRequest request;
    request.client = ClientId::FromText(client);
    request.operations = {SetOf(path, I(number))};
    request.may_be_set_aside = true;
    return request;
  }
  // Both are sequenced in one batch, unless the first is set aside for a function
  // that takes long; `between` is done by the time that its turn comes.
  void Together(CommitRequest first, CommitRequest second,
                std::function<void()> between = [] {}) {
    std::promise<void> busy, go_on;
    ASSERT_TRUE(sequencer_
                    ->AtBoundary([&busy, go = go_on.get_future().share()] {
                      busy.set_value();
                      go.wait();
                    })
                    .ok());
    busy.get_future().wait();
    std::promise<absl::Status> answers[2];
    sequencer_->Submit(std::move(first),
                       [&](const absl::StatusOr<CommitResult>& result) {
                         answers[0].set_value(result.status());
                       });
    sequencer_->Submit(std::move(second),
                       [&](const absl::StatusOr<CommitResult>& result) {
                         between();
                         answers[1].set_value(result.status());
                       });
    go_on.set_value();
    EXPECT_EQ(answers[0].get_future().get(), absl::OkStatus());
    EXPECT_EQ(answers[1].get_future().get(), absl::OkStatus());
  }
  // Which of the two came first.
  std::string FirstOf(CommitRequest first, CommitRequest second) {
    Settle();
    const size_t before = recorder_.published.size();
    Together(std::move(first), std::move(second));
    Settle();
    return recorder_.published[before].effects.front().path.ToText();
  }
  // Somebody waits for him for a second.
  void PutIntoDebt(int64_t number) {
    Together(SetBy("writer", "/x", number), SetBy("writer", "/other", number),
             [this] { clocks_.Advance(absl::Seconds(1)); });
  }
  bool IsInDebt(const std::string& dest) {
    return StatusOf(dest) == DerivationStatus::kOverBudget &&
           MessageOf(dest).find("made others' writes wait") !=
               std::string::npos;
  }

  TwoClocks clocks_;
};

TEST_F(DebtTest, OthersWaitForHimOnlyForSoLong) {
  StartByHand();
  ASSERT_TRUE(Define(By("bad", Lua("/bad", {{"x", "/x"}}, kLong))).ok());
  ASSERT_TRUE(Define(By("good", Lua("/good", {{"x", "/x"}}, "x + 1"))).ok());
  // As long as he has not used it they do, and it is right at once.
  EXPECT_EQ(FirstOf(SetBy("writer", "/x", 1), SetBy("writer", "/other", 1)),
            "/other");
  EXPECT_EQ(Read("/bad"), Tree(I(15'001)));
  PutIntoDebt(2);
  for (int64_t number = 3; number < 10; ++number) {
    EXPECT_EQ(FirstOf(SetBy("writer", "/x", number),
                      SetBy("writer", "/other", number)),
              "/x");
    EXPECT_EQ(Read("/good"), Tree(I(number + 1)));
    EXPECT_EQ(StatusOf("/good"), DerivationStatus::kOk);
    // It is right a little later.
    SettleDerivations();
    EXPECT_EQ(Read("/bad"), Tree(I(15'000 + number)));
    EXPECT_EQ(StatusOf("/bad"), DerivationStatus::kOk);
  }
  // His own commits wait as they did.
  EXPECT_EQ(FirstOf(SetBy("bad", "/x", 10), SetBy("writer", "/other", 10)),
            "/other");
  EXPECT_EQ(Read("/bad"), Tree(I(15'010)));
  EXPECT_EQ(StatusOf("/bad"), DerivationStatus::kOk);
  // And others', when enough time has passed.
  clocks_.Advance(absl::Seconds(101));
  EXPECT_EQ(FirstOf(SetBy("writer", "/x", 11), SetBy("writer", "/other", 11)),
            "/other");
}

TEST_F(DebtTest, ACommitThatIsAsideWaitsNoLongerThanThat) {
  StartByHand();
  ASSERT_TRUE(Define(By("bad", Lua("/bad", {{"x", "/x"}}, kLong))).ok());
  SettleDerivations();
  const uint64_t put_off =
      sequencer_->derivation_engine().counters().put_off.value();
  PutIntoDebt(1);
  // When its turn came there was nothing left to wait with.
  EXPECT_EQ(sequencer_->derivation_engine().counters().put_off.value(),
            put_off + 1);
  EXPECT_EQ(sequencer_->derivation_engine().counters().waited_us.value(),
            1'000'000u);
  SettleDerivations();
  EXPECT_EQ(Read("/bad"), Tree(I(15'001)));
}

TEST_F(DebtTest, WhatIsCheapStaysRightWhileThereIsRoom) {
  StartByHand();
  ASSERT_TRUE(Define(By("bad", Lua("/a", {{"x", "/x"}}, "x + 1"))).ok());
  ASSERT_TRUE(Define(By("bad", Lua("/b", {{"x", "/x"}}, kRunaway))).ok());
  ASSERT_TRUE(Define(By("bad", Lua("/c", {{"x", "/x"}}, "x + 1"))).ok());
  PutIntoDebt(1);
  SettleDerivations();
  const auto spent = [this] {
    return sequencer_->derivation_engine().counters().spent.value();
  };
  // What computes again may be done by the time that it is looked at.
  std::vector<DerivationStatus> statuses;
  CommitRequest request = SetBy("writer", "/x", 2);
  const uint64_t before = spent();
  std::promise<void> answered;
  sequencer_->Submit(std::move(request),
                     [&](const absl::StatusOr<CommitResult>& result) {
                       EXPECT_TRUE(result.ok());
                       for (const char* dest : {"/a", "/b", "/c"}) {
                         statuses.push_back(StatusOf(dest));
                       }
                       EXPECT_TRUE(IsInDebt("/b"));
                       EXPECT_LE(spent() - before, 20'000u + 1'000u);
                       answered.set_value();
                     });
  answered.get_future().get();
  EXPECT_EQ(statuses, (std::vector<DerivationStatus>{
                          DerivationStatus::kOk, DerivationStatus::kOverBudget,
                          DerivationStatus::kOverBudget}));
  SettleDerivations();
  EXPECT_EQ(Read("/c"), Tree(I(3)));
  EXPECT_EQ(StatusOf("/b"), DerivationStatus::kError);
}

// Also where no commit can be set aside, or each call is within the trial.
TEST_F(DebtTest, WhatTakesTheSequencersTimeCountsToo) {
  limits_.allowance.at_once = absl::Milliseconds(1);
  limits_.trial_instructions = 100'000;
  StartByHand();
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(Define(By("bad", Lua(absl::StrCat("/bad/", i), {{"x", "/x"}},
                                     kLong)))
                    .ok());
  }
  const auto put_off = [this] {
    return sequencer_->derivation_engine().counters().put_off.value();
  };
  // Ten times 30,000, of which 100,000 are free: about 1 ms.
  ASSERT_TRUE(Set("/x", I(1)).ok());
  EXPECT_EQ(put_off(), 0u);
  ASSERT_TRUE(Set("/x", I(2)).ok());
  EXPECT_EQ(put_off(), 10u);
  SettleDerivations();
  EXPECT_EQ(Read("/bad/9"), Tree(I(15'002)));
}

TEST_F(DebtTest, NoMoreIsReadThanThereIsRoomFor) {
  limits_.allowance.at_once = absl::Microseconds(1);
  limits_.free_instructions = 10'000;
  StartByHand();
  ASSERT_TRUE(Set("/big", M({{"a", Value::String(std::string(100'000, 'x'))},
                             {"b", Value::String("b")}}))
                  .ok());
  ASSERT_TRUE(Define(By("bad", Lua("/lua", {{"x", "/big"}}, "#x.a"))).ok());
  ASSERT_TRUE(Define(By("bad", Lua("/tracked", {}, "#get('/big').a"))).ok());
  ASSERT_TRUE(
      Define(By("bad", Aggregate("/count", "/big", Combine::kCount))).ok());
  ASSERT_TRUE(Set("/big/b", Value::String("c")).ok());
  for (int64_t size : {50'000, 60'000}) {
    Settle();
    const uint64_t put_off =
        sequencer_->derivation_engine().counters().put_off.value();
    ASSERT_TRUE(
        Set("/big/a", Value::String(std::string(size, 'x'))).ok());
    EXPECT_GE(sequencer_->derivation_engine().counters().put_off.value(),
              put_off + 3);
    SettleDerivations();
    EXPECT_EQ(Read("/lua"), Tree(I(size)));
    EXPECT_EQ(Read("/tracked"), Tree(I(size)));
    EXPECT_EQ(Read("/count"), Tree(I(2)));
  }
}

TEST_F(DebtTest, ThoseInDebtShareAndOthersAreSpared) {
  StartByHand();
  for (int i = 0; i < 50; ++i) {
    for (const char* who : {"bad", "worse"}) {
      ASSERT_TRUE(Define(By(who, Lua(absl::StrCat("/", who, "/", i),
                                     {{"x", "/x"}}, kRunaway)))
                      .ok());
    }
  }
  ASSERT_TRUE(Define(By("good", Lua("/z", {{"x", "/x"}}, "x + 1"))).ok());
  PutIntoDebt(1);
  PutIntoDebt(2);
  const auto most_spent = [this] {
    return sequencer_->derivation_engine().counters().most_spent.load();
  };
  for (int64_t number = 3; number < 30; ++number) {
    EXPECT_EQ(FirstOf(SetBy("writer", "/x", number),
                      SetBy("writer", "/other", number)),
              "/x");
    ASSERT_EQ(Read("/z"), Tree(I(number + 1)));
    ASSERT_EQ(StatusOf("/z"), DerivationStatus::kOk);
  }
  EXPECT_GT(most_spent(), 0);
}

}  // namespace
}  // namespace restate
