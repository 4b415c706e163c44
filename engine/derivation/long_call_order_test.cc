// In which order the sequencer takes commits whose derivations call functions
// that take long, and others.

#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/derivation/testing/derivation_test.h"

namespace restate {
namespace {

class LongCallOrderTest : public DerivationTest {
 protected:
  LongCallOrderTest() {
    limits_.call.instructions = 100'000;
    limits_.trial_instructions = 1'000;
  }

  void SetUp() override {
    Start();
    ASSERT_TRUE(Define(Lua("/derived", {{"n", "/in"}},
                           "while n.n < 0 do end return n.n"))
                    .ok());
  }

  // Writes `n` at `path`, as one of several calls that are under way at once.
  static CommitRequest Unary(std::string_view path, int64_t n) {
    CommitRequest request;
    request.operations = {SetOf(path, I(n))};
    request.may_be_set_aside = true;
    return request;
  }

  // Submits all while the sequencer is busy.
  std::vector<std::future<absl::Status>> SubmitTogether(
      std::vector<CommitRequest> requests) {
    std::promise<void> busy, go_on;
    EXPECT_TRUE(sequencer_
                    ->AtBoundary([&busy, go = go_on.get_future().share()] {
                      busy.set_value();
                      go.wait();
                    })
                    .ok());
    busy.get_future().wait();
    std::vector<std::future<absl::Status>> answers;
    for (CommitRequest& request : requests) {
      auto answer = std::make_shared<std::promise<absl::Status>>();
      answers.push_back(answer->get_future());
      sequencer_->Submit(std::move(request),
                         [answer](absl::StatusOr<CommitResult> result) {
                           answer->set_value(result.status());
                         });
    }
    go_on.set_value();
    return answers;
  }
  // Gives the paths in the order in which they were sequenced.
  std::vector<std::string> OrderOf(std::vector<CommitRequest> requests) {
    Settle();
    recorder_.published.clear();
    for (std::future<absl::Status>& answer :
         SubmitTogether(std::move(requests))) {
      EXPECT_EQ(answer.get(), absl::OkStatus());
    }
    Settle();
    std::vector<std::string> order;
    for (const SequencedCommit& commit : recorder_.published) {
      order.push_back(commit.effects.front().path.ToText());
    }
    return order;
  }
};

TEST_F(LongCallOrderTest, OthersComeFirst) {
  EXPECT_EQ(OrderOf({Unary("/in/n", -1), Unary("/a", 1), Unary("/in/n", -2),
                     Unary("/b", 1), Unary("/in/n", -3), Unary("/c", 1)}),
            (std::vector<std::string>{"/a", "/b", "/c", "/in/n", "/in/n",
                                      "/in/n"}));
  // In their own order.
  EXPECT_EQ(Read("/in/n"), Tree(I(-3)));
  EXPECT_EQ(StatusOf("/derived"), DerivationStatus::kError);
  EXPECT_EQ(MessageOf("/derived"),
            "the Lua function used its budget of 100000 instructions: make it "
            "do less, or derive in steps");
  EXPECT_EQ(Now("/derived").progress->runs, 3);
}

TEST_F(LongCallOrderTest, WhatTakesNoLongerThanTheTrialStays) {
  EXPECT_EQ(OrderOf({Unary("/in/n", 1), Unary("/a", 1), Unary("/in/n", 2)}),
            (std::vector<std::string>{"/in/n", "/a", "/in/n"}));
  EXPECT_EQ(Read("/derived"), Tree(I(2)));
}

TEST_F(LongCallOrderTest, WhoWasPromisedAnOrderHasIt) {
  std::vector<CommitRequest> requests;
  requests.push_back(Unary("/in/n", -2));
  requests.push_back(Unary("/a", 1));
  for (CommitRequest& request : requests) request.may_be_set_aside = false;
  EXPECT_EQ(OrderOf(std::move(requests)),
            (std::vector<std::string>{"/in/n", "/a"}));
  EXPECT_EQ(StatusOf("/derived"), DerivationStatus::kError);
}

TEST_F(LongCallOrderTest, ThoseOfOneStreamStayInOrderAndOthersPass) {
  std::vector<CommitRequest> requests;
  requests.push_back(Unary("/first", 1));
  requests.push_back(Unary("/in/n", -2));
  requests.push_back(Unary("/second", 1));
  requests.push_back(Unary("/in/n", 1));
  requests.push_back(Unary("/third", 1));
  const auto order = std::make_shared<CommitOrder>();
  for (CommitRequest& request : requests) request.order = order;
  requests.insert(requests.begin() + 2, Unary("/other", 1));
  EXPECT_EQ(OrderOf(std::move(requests)),
            (std::vector<std::string>{"/first", "/other", "/in/n", "/second",
                                      "/in/n", "/third"}));
  EXPECT_EQ(Read("/derived"), Tree(I(1)));
  // None is aside, so the next goes with all others.
  EXPECT_EQ(order->aside, 0u);
}

TEST_F(LongCallOrderTest, WhatIsSetAsideIsDoneBeforeTheEnd) {
  std::vector<CommitRequest> requests;
  for (int64_t n = -2; n > -6; --n) requests.push_back(Unary("/in/n", n));
  std::vector<std::future<absl::Status>> answers =
      SubmitTogether(std::move(requests));
  EXPECT_EQ(sequencer_->Stop(), absl::OkStatus());
  for (std::future<absl::Status>& answer : answers) {
    EXPECT_EQ(answer.get(), absl::OkStatus());
  }
  EXPECT_EQ(Read("/in/n"), Tree(I(-5)));
}

// Who would refuse it does so, and nothing of it is left.
TEST_F(LongCallOrderTest, ItMayBeRefusedInTheEnd) {
  Definition strict = Lua("/strict", {{"n", "/in"}},
                          "while n.n < 0 do end return n.n");
  strict.on_error = OnError::kFailWrite;
  ASSERT_TRUE(Define(strict).ok());
  EXPECT_EQ(ReasonOf(Commit(Unary("/in/n", -1)).status()),
            "DERIVATION_FAILED");
  EXPECT_EQ(Read("/in"), Tree());
  EXPECT_EQ(sequencer_->derivation_engine().counters()
                .refused_by_failure.value(),
            1u);
  EXPECT_TRUE(Commit(Unary("/in/n", 1)).ok());
  EXPECT_EQ(Read("/strict"), Tree(I(1)));
}

// However often the commit is executed.
TEST_F(LongCallOrderTest, AllOfACommitAreComputedAndCountedOnce) {
  ASSERT_TRUE(Define(Lua("/again", {{"n", "/in"}, {"derived", "/in"}},
                         "for i = 1, 2000 do end return n.n"))
                  .ok());
  ASSERT_TRUE(Define(Lua("/tracked", {},
                         "local n = 0 for i = 1, 1000 do "
                         "n = n + (i % 500 == 0 and get('/in/n') or 0) end "
                         "return n + get('/derived')"))
                  .ok());
  const auto computed = [this] {
    return sequencer_->derivation_engine()
        .counters()
        .kinds[DerivationCounters::kLua]
        .computed.value();
  };
  const auto before = computed();
  const auto runs = Now("/tracked").progress->runs;
  EXPECT_TRUE(Commit(Unary("/in/n", 7)).ok());
  EXPECT_EQ(Read("/derived"), Tree(I(7)));
  EXPECT_EQ(Read("/again"), Tree(I(7)));
  EXPECT_EQ(Read("/tracked"), Tree(I(21)));
  EXPECT_EQ(computed() - before, 3u);
  EXPECT_EQ(Now("/tracked").progress->runs, runs + 1);
  EXPECT_EQ(Now("/tracked").progress->reads,
            (std::vector<Path>{P("/derived"), P("/in/n")}));
}

}  // namespace
}  // namespace restate
