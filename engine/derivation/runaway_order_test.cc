// In which order the sequencer takes writes that make a derivation use up its
// budget, and others.

#include <future>
#include <string>
#include <string_view>
#include <vector>

#include "engine/derivation/testing/derivation_test.h"

namespace restate {
namespace {

class RunawayOrderTest : public DerivationTest {
 protected:
  RunawayOrderTest() { limits_.call.instructions = 10'000; }

  void SetUp() override {
    Start();
    ASSERT_TRUE(Define(Lua("/derived", {{"n", "/in"}},
                           "while n.n < 0 do end return n.n"))
                    .ok());
  }

  // Writes `n` at /in/n, or anything at another path, as one of several calls
  // that are under way at once.
  static CommitRequest Unary(std::string_view path, int64_t n) {
    CommitRequest request;
    request.operations = {SetOf(path, I(n))};
    request.may_be_set_aside = true;
    return request;
  }

  // Submits all while the sequencer is busy; gives the paths in the order in
  // which they were sequenced.
  std::vector<std::string> OrderOf(std::vector<CommitRequest> requests) {
    Settle();
    recorder_.published.clear();
    std::promise<void> busy, go_on;
    EXPECT_TRUE(sequencer_
                    ->AtBoundary([&] {
                      busy.set_value();
                      go_on.get_future().wait();
                    })
                    .ok());
    busy.get_future().wait();
    std::vector<std::promise<absl::Status>> answers(requests.size());
    for (size_t i = 0; i < requests.size(); ++i) {
      sequencer_->Submit(std::move(requests[i]),
                         [&, i](absl::StatusOr<CommitResult> result) {
                           answers[i].set_value(result.status());
                         });
    }
    go_on.set_value();
    for (std::promise<absl::Status>& answer : answers) {
      EXPECT_EQ(answer.get_future().get(), absl::OkStatus());
    }
    Settle();
    std::vector<std::string> order;
    for (const SequencedCommit& commit : recorder_.published) {
      order.push_back(commit.effects.front().path.ToText());
    }
    return order;
  }
};

TEST_F(RunawayOrderTest, OthersComeFirst) {
  EXPECT_EQ(OrderOf({Unary("/in/n", -1), Unary("/a", 1), Unary("/in/n", -2)}),
            (std::vector<std::string>{"/in/n", "/a", "/in/n"}))
      << "nothing is known of it yet";
  EXPECT_EQ(StatusOf("/derived"), DerivationStatus::kError);
  EXPECT_EQ(OrderOf({Unary("/in/n", -3), Unary("/a", 2), Unary("/in/n", -4),
                     Unary("/b", 1), Unary("/in/n", -5), Unary("/c", 1)}),
            (std::vector<std::string>{"/a", "/b", "/c", "/in/n", "/in/n",
                                      "/in/n"}));
  // In their own order.
  EXPECT_EQ(Read("/in/n"), Tree(I(-5)));
}

TEST_F(RunawayOrderTest, WhoWasPromisedAnOrderHasIt) {
  OrderOf({Unary("/in/n", -1)});
  std::vector<CommitRequest> requests;
  requests.push_back(Unary("/in/n", -2));
  requests.push_back(Unary("/a", 1));
  for (CommitRequest& request : requests) request.may_be_set_aside = false;
  EXPECT_EQ(OrderOf(std::move(requests)),
            (std::vector<std::string>{"/in/n", "/a"}));
}

TEST_F(RunawayOrderTest, OneThatGoesWellEndsIt) {
  OrderOf({Unary("/in/n", -1)});
  OrderOf({Unary("/in/n", 1)});
  EXPECT_EQ(Read("/derived"), Tree(I(1)));
  EXPECT_EQ(OrderOf({Unary("/in/n", 2), Unary("/a", 1)}),
            (std::vector<std::string>{"/in/n", "/a"}));
}

TEST_F(RunawayOrderTest, SoDoesAnotherDefinition) {
  OrderOf({Unary("/in/n", -1)});
  ASSERT_TRUE(Remove("/derived").ok());
  EXPECT_EQ(OrderOf({Unary("/in/n", -2), Unary("/a", 1)}),
            (std::vector<std::string>{"/in/n", "/a"}));
}

TEST_F(RunawayOrderTest, WhatIsSetAsideIsDoneBeforeTheEnd) {
  OrderOf({Unary("/in/n", -1)});
  std::promise<void> busy, go_on;
  ASSERT_TRUE(sequencer_
                  ->AtBoundary([&] {
                    busy.set_value();
                    go_on.get_future().wait();
                  })
                  .ok());
  busy.get_future().wait();
  std::vector<std::promise<absl::Status>> answers(4);
  for (size_t i = 0; i < answers.size(); ++i) {
    sequencer_->Submit(Unary("/in/n", -2 - static_cast<int64_t>(i)),
                       [&, i](absl::StatusOr<CommitResult> result) {
                         answers[i].set_value(result.status());
                       });
  }
  go_on.set_value();
  EXPECT_EQ(sequencer_->Stop(), absl::OkStatus());
  for (std::promise<absl::Status>& answer : answers) {
    EXPECT_EQ(answer.get_future().get(), absl::OkStatus());
  }
  EXPECT_EQ(Read("/in/n"), Tree(I(-5)));
}

}  // namespace
}  // namespace restate
