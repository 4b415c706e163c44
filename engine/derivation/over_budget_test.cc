// What a commit may spend on derivations is shared among those who defined them;
// who has used his share has the rest of his put off, and computed later.
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/derivation/testing/derivation_test.h"

namespace restate {
namespace {

using Lines = std::vector<std::string>;

// About 100,000 instructions.
constexpr char kLong[] =
    "local n = 0 for i = 1, 50000 do n = n + 1 end return n + x";

class OverBudgetTest : public DerivationTest {
 protected:
  // The sequencer stands between two batches for as long as one of these lives.
  class Hold {
   public:
    explicit Hold(Sequencer* sequencer) {
      auto held = std::make_shared<std::promise<void>>();
      EXPECT_TRUE(sequencer
                      ->AtBoundary([held, released =
                                              release_.get_future().share()] {
                        held->set_value();
                        released.get();
                      })
                      .ok());
      held->get_future().get();
    }
    ~Hold() { release_.set_value(); }

   private:
    std::promise<void> release_;
  };

  int64_t MostSpent() {
    return sequencer_->derivation_engine().counters().most_spent.load();
  }
  uint64_t PutOff() {
    return sequencer_->derivation_engine().counters().put_off.value();
  }
  // What commits did. REQUIRES: nothing waits to be computed.
  std::vector<std::string> EffectsSince(size_t commits) {
    Settle();
    std::vector<std::string> lines;
    for (size_t i = commits; i < recorder_.published.size(); ++i) {
      const SequencedCommit& commit = recorder_.published[i];
      std::string line =
          commit.origin == CommitOrigin::kDerivation ? "derivation:" : "client:";
      for (const Effect& effect : commit.effects) {
        absl::StrAppend(&line, " ", effect.path.ToText(), "=",
                        effect.after.has_value() ? effect.after->DebugString()
                                                 : "absent");
      }
      lines.push_back(line);
    }
    return lines;
  }
};

TEST_F(OverBudgetTest, OnePaysForHisOwn) {
  limits_.commit_instructions = 400'000;
  Start();
  ASSERT_TRUE(Set("/x", I(0)).ok());
  // Half of it is for each; /a takes about half of that, and /b more than is left.
  for (const char* dest : {"/a", "/b", "/c"}) {
    ASSERT_TRUE(Define(By("one", Lua(dest, {{"x", "/x"}}, kLong))).ok());
  }
  ASSERT_TRUE(Define(By("two", Lua("/z", {{"x", "/x"}}, "x + 1"))).ok());
  SettleDerivations();
  const uint64_t put_off = PutOff();
  Settle();
  const size_t before = recorder_.published.size();
  ASSERT_TRUE(Set("/x", I(1)).ok());
  EXPECT_EQ(PutOff(), put_off + 2);
  SettleDerivations();
  // Together, since no slice is used up by one.
  EXPECT_EQ(EffectsSince(before),
            (Lines{"client: /x=1 /a=50001 /b=absent /c=absent /z=2",
                   "derivation: /b=50001", "derivation: /c=50001"}));
  EXPECT_LE(MostSpent(), 400'000 + 2 * 1'000);
  for (const char* dest : {"/a", "/b", "/c", "/z"}) {
    EXPECT_EQ(StatusOf(dest), DerivationStatus::kOk) << dest;
    EXPECT_EQ(MessageOf(dest), "") << dest;
  }
}

TEST_F(OverBudgetTest, OnErrorSaysWhatItHoldsMeanwhile) {
  limits_.commit_instructions = 1'000;
  limits_.call.instructions = 1'000'000;
  Start();
  ASSERT_TRUE(Set("/x", I(0)).ok());
  for (const OnError on_error :
       {OnError::kAbsent, OnError::kKeepLast, OnError::kFailWrite}) {
    Definition definition = Lua("/d", {{"x", "/x"}}, kLong);
    definition.on_error = on_error;
    ASSERT_TRUE(Define(definition).ok());
    SettleDerivations();
    EXPECT_EQ(Read("/d"), Tree(I(50'000)));
    const size_t before = recorder_.published.size();
    // Nor is the write refused.
    ASSERT_TRUE(Set("/x", I(1)).ok());
    SettleDerivations();
    EXPECT_EQ(EffectsSince(before),
              (on_error == OnError::kKeepLast
                   ? Lines{"client: /x=1", "derivation: /d=50001"}
                   : Lines{"client: /x=1 /d=absent", "derivation: /d=50001"}));
    ASSERT_TRUE(Remove("/d").ok());
    ASSERT_TRUE(Set("/x", I(0)).ok());
  }
}

TEST_F(OverBudgetTest, OneThatRefusesDoesSoOnlyWhenItWasComputed) {
  Start();
  ASSERT_TRUE(Set("/x", I(0)).ok());
  Definition strict =
      Lua("/d", {{"x", "/x"}}, "if x > 0 then error('no') end return x");
  strict.on_error = OnError::kFailWrite;
  ASSERT_TRUE(Define(strict).ok());
  EXPECT_EQ(ReasonOf(Set("/x", I(1)).status()), "DERIVATION_FAILED");
  limits_.commit_instructions = 100;
  sequencer_.reset();
  Start();
  ASSERT_TRUE(Set("/x", I(0)).ok());
  ASSERT_TRUE(Define(strict).ok());
  SettleDerivations();
  ASSERT_TRUE(Set("/x", I(1)).ok());
  SettleDerivations();
  EXPECT_EQ(StatusOf("/d"), DerivationStatus::kError);
  EXPECT_EQ(Read("/d"), std::nullopt);
}

TEST_F(OverBudgetTest, WhatDependsOnItFollowsIt) {
  limits_.commit_instructions = 150'000;
  Start();
  ASSERT_TRUE(Set("/x", I(0)).ok());
  // A diamond whose left side is always too long behind /a, and what is tracked.
  ASSERT_TRUE(Define(Lua("/a", {{"x", "/x"}}, kLong)).ok());
  ASSERT_TRUE(Define(Lua("/left", {{"x", "/a"}}, kLong)).ok());
  ASSERT_TRUE(Define(Lua("/right", {{"x", "/a"}}, "x + 1")).ok());
  Definition foot = Lua("/foot", {{"l", "/left"}, {"r", "/right"}},
                        "(l or 0) + (r or 0)");
  foot.call_when_absent = true;
  ASSERT_TRUE(Define(foot).ok());
  ASSERT_TRUE(Define(Lua("/tracked", {}, "(get('/foot') or 0) * 2")).ok());
  SettleDerivations();
  EXPECT_EQ(Read("/foot"), Tree(I(100'000 + 50'001)));
  for (int64_t x = 1; x < 5; ++x) {
    ASSERT_TRUE(Set("/x", I(x)).ok());
    SettleDerivations();
    EXPECT_EQ(Read("/foot"), Tree(I(100'000 + x + 50'001 + x)));
    EXPECT_EQ(Read("/tracked"), Tree(I(2 * (100'000 + x + 50'001 + x))));
  }
}

TEST_F(OverBudgetTest, DeriveIsAnsweredAndSaysSo) {
  limits_.commit_instructions = 1'000;
  Start();
  ASSERT_TRUE(Set("/x", I(0)).ok());
  CommitRequest request;
  request.derivation = DefineDerivation{Lua("/d", {{"x", "/x"}}, kLong), false};
  request.may_be_set_aside = true;
  std::promise<DerivationStatus> status;
  sequencer_->Submit(std::move(request),
                     [&](const absl::StatusOr<CommitResult>& result) {
                       EXPECT_TRUE(result.ok());
                       status.set_value(StatusOf("/d"));
                     });
  EXPECT_EQ(status.get_future().get(), DerivationStatus::kOverBudget);
  SettleDerivations();
  EXPECT_EQ(Read("/d"), Tree(I(50'000)));
}

TEST_F(OverBudgetTest, RedefinedAndRemovedWhilePutOff) {
  limits_.commit_instructions = 1'000;
  StartDurable();
  ASSERT_TRUE(Set("/x", I(0)).ok());
  std::vector<std::future<absl::Status>> answers;
  std::vector<std::promise<absl::Status>> promises(6);
  {
    Hold hold(sequencer_.get());
    const auto submit = [&](int number, DerivationChange change) {
      CommitRequest request;
      request.derivation = std::move(change);
      answers.push_back(promises[number].get_future());
      sequencer_->Submit(
          std::move(request),
          [&promises, number](const absl::StatusOr<CommitResult>& result) {
            promises[number].set_value(result.status());
          });
    };
    submit(0, DefineDerivation{By("a", Lua("/d", {{"x", "/x"}}, kLong)), false});
    submit(1, DefineDerivation{By("a", Lua("/e", {{"x", "/x"}}, kLong)), false});
    submit(2, DefineDerivation{By("b", Lua("/f", {{"x", "/x"}}, kLong)), false});
    submit(3, RemoveDerivation{P("/d")});
    submit(4, DefineDerivation{By("b", Lua("/e", {{"x", "/x"}}, "x + 7")),
                               false});
    submit(5, DefineDerivation{By("c", Lua("/f", {{"x", "/x"}}, kLong)), false});
  }
  for (auto& answer : answers) EXPECT_TRUE(answer.get().ok());
  SettleDerivations();
  EXPECT_EQ(State()->derivations().Find(P("/d")), nullptr);
  EXPECT_EQ(Read("/e"), Tree(I(7)));
  EXPECT_EQ(Read("/f"), Tree(I(50'000)));
  EXPECT_EQ(Now("/f").definition->definer, "c");
  // And nothing of what there was comes back.
  Restart();
  SettleDerivations();
  EXPECT_EQ(StatusOf("/e"), DerivationStatus::kOk);
  EXPECT_EQ(StatusOf("/f"), DerivationStatus::kOk);
  EXPECT_EQ(sequencer_->records().WithPrefix("derived/").size(), 0u);
}

TEST_F(OverBudgetTest, AStartTakesWhatWasRecorded) {
  StartDurable();
  ASSERT_TRUE(Set("/x", I(0)).ok());
  Definition kept = Lua("/kept", {{"x", "/x"}},
                        "if x > 0 then error('no') end return 'kept'");
  kept.on_error = OnError::kKeepLast;
  ASSERT_TRUE(Define(By("one", kept)).ok());
  ASSERT_TRUE(
      Define(By("one", Lua("/runaway", {{"x", "/x"}}, "while true do end")))
          .ok());
  ASSERT_TRUE(Define(By("two", Lua("/tracked", {}, "get('/x') + 1"))).ok());
  ASSERT_TRUE(Define(By("two", Lua("/fine", {{"x", "/x"}}, "x + 2"))).ok());
  ASSERT_TRUE(Set("/x", I(1)).ok());
  const std::string message = MessageOf("/runaway");
  EXPECT_EQ(StatusOf("/kept"), DerivationStatus::kError);
  for (int again = 0; again < 2; ++again) {
    Restart();
    Settle();
    // No function was called.
    EXPECT_EQ(sequencer_->derivation_engine().lua_counters().calls.value(), 0u);
    EXPECT_EQ(StatusOf("/kept"), DerivationStatus::kError);
    EXPECT_EQ(Read("/kept"), Tree(Value::String("kept")));
    EXPECT_EQ(StatusOf("/runaway"), DerivationStatus::kError);
    EXPECT_EQ(MessageOf("/runaway"), message);
    EXPECT_EQ(Now("/runaway").definition->definer, "one");
    EXPECT_EQ(Read("/tracked"), Tree(I(2 + again)));
    EXPECT_EQ(Read("/fine"), Tree(I(3 + again)));
    // And what it depends on is known.
    ASSERT_TRUE(Set("/x", I(2 + again)).ok());
    EXPECT_EQ(Read("/tracked"), Tree(I(3 + again)));
    EXPECT_EQ(Read("/fine"), Tree(I(4 + again)));
  }
}

TEST_F(OverBudgetTest, AStartGoesOnWithWhatWasPutOff) {
  limits_.commit_instructions = 1'000;
  StartDurable();
  ASSERT_TRUE(Set("/x", I(0)).ok());
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(Define(By("one", Lua(absl::StrCat("/d/", i), {{"x", "/x"}},
                                     kLong)))
                    .ok());
  }
  SettleDerivations();
  ASSERT_TRUE(Set("/x", I(1)).ok());
  // It ends in the midst of computing them, as a rule.
  Restart();
  Settle();
  SettleDerivations();
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(Read(absl::StrCat("/d/", i)), Tree(I(50'001)));
  }
  EXPECT_EQ(sequencer_->records().WithPrefix("derived/").size(), 0u);
}

TEST_F(OverBudgetTest, ValuesOfAnotherEpochAreComputedAnew) {
  StartDurable();
  ASSERT_TRUE(Set("/x", I(0)).ok());
  ASSERT_TRUE(Define(Lua("/d", {{"x", "/x"}}, "x + 1")).ok());
  // As a store has it that was written by a server which kept no record of how
  // derivations are doing.
  CommitRequest forget;
  forget.records.push_back({"derivations-kept", std::nullopt});
  ASSERT_TRUE(Commit(forget).ok());
  for (const uint64_t calls : {1, 0}) {
    Restart();
    // Behind the first commit, which the start has queued.
    ASSERT_TRUE(Set("/behind", I(static_cast<int64_t>(calls))).ok());
    EXPECT_EQ(sequencer_->derivation_engine().lua_counters().calls.value(),
              calls);
    EXPECT_EQ(Read("/d"), Tree(I(1)));
    EXPECT_EQ(StatusOf("/d"), DerivationStatus::kOk);
  }
}

TEST_F(OverBudgetTest, AnAggregateGoesOnWhereItWasPutOff) {
  limits_.commit_instructions = 20'000;
  limits_.slice_instructions = 10'000;
  Start();
  Value::Map many;
  for (int i = 0; i < 1'000; ++i) {
    many = many.Set(absl::StrCat("c", 1'000 + i), I(1));
  }
  ASSERT_TRUE(Set("/many", Value::MakeMap(many)).ok());
  ASSERT_TRUE(
      Define(Aggregate("/sum", "/many", Combine::kSum, "value + 0")).ok());
  SettleDerivations();
  EXPECT_EQ(Read("/sum"), Tree(I(1'000)));
  const auto calls = [this] {
    return sequencer_->derivation_engine().lua_counters().calls.value();
  };
  // Each child was looked at once.
  EXPECT_EQ(calls(), 1'000u);
  // One child costs one call, and 200 are more than a commit may spend.
  ASSERT_TRUE(Set("/many/c1007", I(2)).ok());
  EXPECT_EQ(Read("/sum"), Tree(I(1'001)));
  EXPECT_EQ(calls(), 1'001u);
  std::vector<Operation> operations;
  for (int i = 0; i < 200; ++i) {
    operations.push_back(SetOf(absl::StrCat("/many/c", 1'000 + i), I(3)));
  }
  ASSERT_TRUE(Do(operations).ok());
  ASSERT_TRUE(Set("/many/c1199", I(4)).ok());
  ASSERT_TRUE(Delete("/many/c1198").ok());
  SettleDerivations();
  EXPECT_EQ(Read("/sum"), Tree(I(800 + 198 * 3 + 4)));
  EXPECT_EQ(StatusOf("/sum"), DerivationStatus::kOk);
  // It knows all of them: one more is one call.
  const uint64_t before = calls();
  ASSERT_TRUE(Set("/many/c1199", I(3)).ok());
  EXPECT_EQ(Read("/sum"), Tree(I(800 + 199 * 3)));
  EXPECT_EQ(calls(), before + 1);
}

TEST_F(OverBudgetTest, AnAggregateOfAShareThatIsUsedForgetsNothing) {
  limits_.commit_instructions = 60'000;
  Start();
  ASSERT_TRUE(Set("/many", M({{"a", I(1)}, {"b", I(2)}})).ok());
  ASSERT_TRUE(Define(Aggregate("/sum", "/many", Combine::kSum)).ok());
  EXPECT_EQ(Read("/sum"), Tree(I(3)));
  // Computed first, and takes all of it.
  ASSERT_TRUE(
      Define(Lua("/first", {{"x", "/many"}}, "while true do end")).ok());
  SettleDerivations();
  ASSERT_TRUE(Set("/many/b", I(20)).ok());
  ASSERT_TRUE(Set("/many/c", I(300)).ok());
  ASSERT_TRUE(Delete("/many/a").ok());
  SettleDerivations();
  EXPECT_EQ(Read("/sum"), Tree(I(320)));
  ASSERT_TRUE(Remove("/first").ok());
  ASSERT_TRUE(Set("/many/c", I(3)).ok());
  EXPECT_EQ(Read("/sum"), Tree(I(23)));
}

TEST_F(OverBudgetTest, AnAggregateIsWarmAgainAfterAStart) {
  StartDurable();
  ASSERT_TRUE(Set("/many", M({{"a", I(1)}, {"b", I(2)}})).ok());
  ASSERT_TRUE(
      Define(Aggregate("/sum", "/many", Combine::kSum, "value + 0")).ok());
  Restart();
  SettleDerivations();
  EXPECT_EQ(Read("/sum"), Tree(I(3)));
  const auto calls = [this] {
    return sequencer_->derivation_engine().lua_counters().calls.value();
  };
  EXPECT_EQ(calls(), 2u);
  ASSERT_TRUE(Set("/many/b", I(20)).ok());
  EXPECT_EQ(Read("/sum"), Tree(I(21)));
  EXPECT_EQ(calls(), 3u);
}

TEST_F(OverBudgetTest, EndedByTheProcessorsTimeIsDecidedOnce) {
  limits_.call.cpu_time = absl::Microseconds(1);
  limits_.trial_instructions = 1'000;
  StartDurable();
  ASSERT_TRUE(Set("/x", I(0)).ok());
  ASSERT_TRUE(Define(Lua("/d", {{"x", "/x"}}, "while true do end")).ok());
  // It is tried again some times, and then when a source changes.
  SettleDerivations();
  EXPECT_EQ(StatusOf("/d"), DerivationStatus::kOverBudget);
  EXPECT_NE(MessageOf("/d").find("CPU time"), std::string::npos)
      << MessageOf("/d");
  const auto calls = [this] {
    return sequencer_->derivation_engine().lua_counters().calls.value();
  };
  EXPECT_EQ(calls(), 1u + DerivationProgress::kMostTimeouts);
  ASSERT_TRUE(Set("/x", I(1)).ok());
  SettleDerivations();
  EXPECT_EQ(calls(), 2u * (1u + DerivationProgress::kMostTimeouts));
  limits_.call.cpu_time = absl::Seconds(10);
  Restart();
  SettleDerivations();
  // Now it ends by its own budget.
  EXPECT_EQ(StatusOf("/d"), DerivationStatus::kError);
}

TEST_F(OverBudgetTest, AWriteDoesNotWaitForOthersFunctionsForLong) {
  // Not at all.
  limits_.longest_wait = absl::ZeroDuration();
  limits_.trial_instructions = 1'000;
  Start();
  ASSERT_TRUE(Set("/x", I(0)).ok());
  for (const char* dest : {"/a", "/b", "/c"}) {
    ASSERT_TRUE(Define(By("one", Lua(dest, {{"x", "/x"}}, kLong))).ok());
  }
  ASSERT_TRUE(Define(By("two", Lua("/z", {{"x", "/x"}}, "x + 1"))).ok());
  SettleDerivations();
  const size_t before = recorder_.published.size();
  CommitRequest request;
  request.operations = {SetOf("/x", I(1))};
  request.may_be_set_aside = true;
  ASSERT_TRUE(Commit(std::move(request)).ok());
  SettleDerivations();
  EXPECT_EQ(EffectsSince(before),
            (Lines{"client: /x=1 /a=absent /b=absent /c=absent /z=2",
                   "derivation: /a=50001", "derivation: /b=50001",
                   "derivation: /c=50001"}));
}

TEST_F(OverBudgetTest, ManyRunawaysLeaveOthersAlone) {
  limits_.commit_instructions = 200'000;
  limits_.call.instructions = 50'000;
  Start();
  ASSERT_TRUE(Set("/x", I(0)).ok());
  for (int i = 0; i < 200; ++i) {
    ASSERT_TRUE(Define(By("bad", Lua(absl::StrCat("/a/", i), {{"x", "/x"}},
                                     "while true do end")))
                    .ok());
  }
  ASSERT_TRUE(Define(By("good", Lua("/z", {{"x", "/x"}}, "x + 1"))).ok());
  for (int64_t x = 1; x <= 20; ++x) {
    ASSERT_TRUE(Set("/x", I(x)).ok());
    ASSERT_EQ(Read("/z"), Tree(I(x + 1)));
    ASSERT_EQ(StatusOf("/z"), DerivationStatus::kOk);
  }
  // A step more may be used of each call.
  EXPECT_LE(MostSpent(), 201'000);
  SettleDerivations();
  for (int i = 0; i < 200; ++i) {
    EXPECT_EQ(StatusOf(absl::StrCat("/a/", i)), DerivationStatus::kError);
  }
}

TEST_F(OverBudgetTest, OneClientMayNotDefineAllThatThereMayBe) {
  limits_.max_definitions = 5;
  limits_.max_definitions_per_definer = 2;
  Start();
  const auto define = [this](const ClientId& client, const std::string& dest) {
    CommitRequest request;
    request.client = client;
    request.derivation = DefineDerivation{
        By(client.text(), Lua(dest, {{"x", "/x"}}, "x + 1")), false};
    return Commit(std::move(request)).status();
  };
  const ClientId one = ClientId::OfAddress("127.0.0.2");
  ASSERT_TRUE(define(one, "/a/1").ok());
  ASSERT_TRUE(define(one, "/a/2").ok());
  const absl::Status refused = define(one, "/a/3");
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ReasonOf(refused), "TOO_MANY_DERIVATIONS");
  // In the place of an own one, and after one is gone.
  EXPECT_TRUE(define(one, "/a/2").ok());
  ASSERT_TRUE(Remove("/a/1").ok());
  EXPECT_TRUE(define(one, "/a/3").ok());
  // Others are not concerned, until there are too many of all.
  ASSERT_TRUE(define(ClientId::OfAddress("127.0.0.3"), "/b/1").ok());
  const ClientId proxy =
      ClientId::OfAddress("127.0.0.4", ClientId::Bounds::kDoNotHold);
  EXPECT_TRUE(define(proxy, "/c/1").ok());
  EXPECT_TRUE(define(proxy, "/c/2").ok());
  EXPECT_EQ(ReasonOf(define(proxy, "/c/3")), "TOO_MANY_DERIVATIONS");
}

}  // namespace
}  // namespace restate
