// What one client may hold, over the whole engine: others are not concerned, and
// what is given up makes room.

#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/client/client_accounts.h"
#include "engine/client/client_id.h"
#include "engine/controller/testing/subscription_fixture.h"
#include "engine/error/error.h"
#include "gtest/gtest.h"

namespace restate {
namespace {

ClientLimits SmallLimits() {
  ClientLimits limits;
  limits[Holding::kSubscriptions].per_client = 3;
  limits[Holding::kPatterns].per_client = 5;
  limits[Holding::kTrackers].per_client = 2;
  limits[Holding::kWaits].per_client = 1;
  limits[Holding::kQueuedBytes].per_client = 45'000;
  limits[Holding::kInterceptions].per_client = 2;
  return limits;
}

class ClientLimitsTest : public SubscriptionTest {
 protected:
  ClientLimitsTest() : SubscriptionTest(size_t{64} << 20, SmallLimits()) {}

  absl::StatusOr<std::unique_ptr<EventStream>> SubscribeAs(
      const ClientId& client, SubscriptionSpec spec) {
    return controller_->Subscribe(std::move(spec), 8 << 20, [] {}, client);
  }
  std::string ReasonOf(const absl::Status& status) {
    return ErrorReason(status);
  }

  const ClientId first_ = ClientId::OfAddress("10.0.0.1");
  const ClientId second_ = ClientId::OfAddress("10.0.0.2");
};

TEST_F(ClientLimitsTest, SubscriptionsOfStreamsAndSessionsTogether) {
  SessionTable& sessions = controller_->sessions();
  const OpenedSession session = *sessions.Open("s", false, [] {}, first_);
  ASSERT_TRUE(sessions.RegisterCallback("s", "c", false).ok());
  auto one = SubscribeAs(first_, Spec({"/a"}));
  ASSERT_TRUE(one.ok());
  ASSERT_TRUE(sessions.SubscribeById("s", "c", Spec({"/b"}), false).ok());
  ASSERT_TRUE(sessions.SubscribeById("s", "c", Spec({"/c"}), false).ok());
  EXPECT_EQ(ReasonOf(SubscribeAs(first_, Spec({"/d"})).status()),
            "TOO_MANY_SUBSCRIPTIONS");
  EXPECT_EQ(ReasonOf(
                sessions.SubscribeById("s", "c", Spec({"/d"}), false).status()),
            "TOO_MANY_SUBSCRIPTIONS");
  // One that takes the place of another needs no more room.
  EXPECT_TRUE(sessions.SubscribeById("s", "c", Spec({"/c"}), false).ok());
  EXPECT_TRUE(SubscribeAs(second_, Spec({"/d"})).ok());
  // A stream that is dropped makes room.
  *one = nullptr;
  EXPECT_TRUE(sessions.SubscribeById("s", "c", Spec({"/d"}), false).ok());
  ASSERT_TRUE(sessions.Close("s").ok());
  EXPECT_TRUE(SubscribeAs(first_, Spec({"/e"})).ok());
}

TEST_F(ClientLimitsTest, Patterns) {
  auto four = SubscribeAs(first_, Spec({"/a", "/b", "/c", "/d"}));
  ASSERT_TRUE(four.ok());
  EXPECT_EQ(ReasonOf(SubscribeAs(first_, Spec({"/e", "/f"})).status()),
            "TOO_MANY_PATTERNS");
  EXPECT_TRUE(SubscribeAs(first_, Spec({"/e"})).ok());
  EXPECT_TRUE(SubscribeAs(second_, Spec({"/e", "/f"})).ok());
}

TEST_F(ClientLimitsTest, TrackersOfAllItsSessions) {
  SessionTable& sessions = controller_->sessions();
  const OpenedSession a = *sessions.Open("a", false, [] {}, first_);
  const OpenedSession b = *sessions.Open("b", false, [] {}, first_);
  const OpenedSession other = *sessions.Open("o", false, [] {}, second_);
  ASSERT_TRUE(controller_->BeginRun("a", "t").ok());
  ASSERT_TRUE(controller_->BeginRun("b", "t").ok());
  EXPECT_EQ(ReasonOf(controller_->BeginRun("b", "u").status()),
            "TOO_MANY_TRACKERS");
  // The next run of one that is there needs no more.
  EXPECT_TRUE(controller_->BeginRun("b", "t").ok());
  EXPECT_TRUE(controller_->BeginRun("o", "t").ok());
  ASSERT_TRUE(sessions.Close("a").ok());
  EXPECT_TRUE(controller_->BeginRun("b", "u").ok());
}

// Each of a client's thousand streams has a queue of its own, which nobody reads.
TEST_F(ClientLimitsTest, QueuedBytesOfAllItsSubscribers) {
  const auto ending = [&](const std::string& pattern) {
    SubscriptionSpec spec = Spec({pattern});
    spec.overflow = Overflow::kEnd;
    return spec;
  };
  auto one = SubscribeAs(first_, ending("/a"));
  auto two = SubscribeAs(first_, ending("/a"));
  auto other = SubscribeAs(second_, ending("/a"));
  ASSERT_TRUE(one.ok() && two.ok() && other.ok());
  for (int i = 0; i < 8; ++i) {
    Set("/a", Value::String(absl::StrCat(i, std::string(1'000, 'x'))));
    Settle();
  }
  // Eight events of some kilobytes each are too much for two, not for one.
  Drain(**one);
  EXPECT_EQ(ReasonOf(end_), "SLOW_SUBSCRIBER");
  EXPECT_EQ(Drain(**other).size(), 8u);
  EXPECT_TRUE(end_.ok()) << end_;
  EXPECT_GT(controller_->accounts()
                .in_all()
                .refused_of_client[static_cast<size_t>(Holding::kQueuedBytes)]
                .value(),
            0u);
  // What was read, or dropped, is off the account.
  *one = nullptr;
  *two = nullptr;
  *other = nullptr;
  Settle();
  EXPECT_EQ(controller_->accounts().in_all().held(Holding::kQueuedBytes), 0u);
}

TEST_F(ClientLimitsTest, InterceptionsOfAllItsSubscribers) {
  SubscriptionSpec spec = Spec({"/a/b"});
  spec.intercepting = true;
  auto one = SubscribeAs(first_, spec);
  auto two = SubscribeAs(first_, spec);
  auto above = Subscribe(Spec({"/a"}));
  ASSERT_TRUE(one.ok() && two.ok());
  Set("/a/b", Value::Int(1));
  // Both hold it up, and no more can be.
  Set("/a/b", Value::Int(2));
  EXPECT_EQ(TakeTokens(**one).size(), 1u);
  EXPECT_EQ(TakeTokens(**two).size(), 1u);
  EXPECT_EQ(controller_->accounts().in_all().held(Holding::kInterceptions), 2u);
  *one = nullptr;
  *two = nullptr;
  Settle();
  EXPECT_EQ(controller_->accounts().in_all().held(Holding::kInterceptions), 0u);
  EXPECT_EQ(Drain(*above).size(), 2u);
}

TEST_F(ClientLimitsTest, WritesThatWaitForHostedTransforms) {
  absl::StatusOr<Hold> hold = controller_->Take(first_, Holding::kWaits);
  ASSERT_TRUE(hold.ok());
  CommitRequest request;
  request.operations.push_back(SetOf("/a", Value::Int(1)));
  request.client = first_;
  request.wait_derived = true;
  std::promise<absl::Status> done;
  controller_->Commit(request, [&](absl::StatusOr<CommitResult> result) {
    done.set_value(result.status());
  });
  EXPECT_EQ(ReasonOf(done.get_future().get()), "TOO_MANY_WAITS");
}

}  // namespace
}  // namespace restate
