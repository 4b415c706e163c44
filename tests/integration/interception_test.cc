// Interceptors in one process, and what others hear of the operations that they
// let pass, stop, or do not answer.

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/client.h"
#include "tests/support/error_info.h"
#include "tests/support/json.h"
#include "tests/support/server_test.h"

namespace restate::test {
namespace {

using Texts = std::vector<std::string>;

v1::SubscribeRequest RequestFor(const std::string& pattern,
                                bool intercepting = false) {
  v1::SubscribeRequest request;
  request.add_patterns()->set_text(pattern);
  request.set_intercepting(intercepting);
  return request;
}

// "/deep/nested/path=1": the emitting path and the new value.
Texts Heard(const std::vector<v1::Event>& events) {
  Texts heard;
  for (const v1::Event& event : events) {
    heard.push_back(event.emitting_path().text() + "=" +
                    ToJson(event.new_value().json()));
  }
  return heard;
}

class InterceptionTest : public StorageTest {
 protected:
  // However busy the machine is, nothing passes by itself.
  std::string Config() const override {
    return "limits:\n  acknowledge_timeout: 1h\n";
  }

  std::unique_ptr<SubscriptionReader> Intercept(const std::string& pattern) {
    return Subscribe(RequestFor(pattern, true));
  }

  // Answers an event that an interceptor was told. Gives whether the answer
  // came in time.
  bool Answer(const v1::Event& event, bool stop) {
    EXPECT_NE(event.ack_token(), "") << ToJson(event);
    v1::AcknowledgeRequest request;
    v1::Acknowledgement* const answer = request.add_acknowledgements();
    answer->set_ack_token(event.ack_token());
    answer->set_stop_bubbling(stop);
    const auto context = NewContext();
    v1::AcknowledgeResponse response;
    const grpc::Status status =
        client().events().Acknowledge(context.get(), request, &response);
    EXPECT_TRUE(status.ok()) << FailureOf(status);
    return response.expired_tokens().empty();
  }

  // Everything that was told of revisions up to this one, from the history.
  Texts Replay(const std::string& pattern, int64_t after, int64_t through) {
    v1::SubscribeRequest request = RequestFor(pattern);
    request.set_after_revision(after);
    const auto reader = Subscribe(request);
    EXPECT_TRUE(reader->WaitForRevision(through));
    for (const v1::Event& event : reader->events()) {
      EXPECT_EQ(event.ack_token(), "");
    }
    return Heard(reader->events());
  }

  v1::ListSubscriptionsResponse List() {
    const auto context = NewContext();
    v1::ListSubscriptionsResponse response;
    const grpc::Status status = client().events().ListSubscriptions(
        context.get(), v1::ListSubscriptionsRequest(), &response);
    EXPECT_TRUE(status.ok()) << FailureOf(status);
    return response;
  }
};

TEST_P(InterceptionTest, AStopIsForThoseAboveAndNobodyElse) {
  const auto interceptor = Intercept("/deep/nested/path");
  const auto beside = Subscribe("/deep/nested/path");
  const auto nested = Subscribe("/deep/nested");
  const auto deep = Subscribe("/deep");
  const auto root = Subscribe("/");
  const auto other = Subscribe("/deep/nested/other");

  // The writer is not held up, nor are those who are not above.
  const int64_t before = client().Set("/deep/nested/path", "1");
  client().Set("/deep/nested/other", "2");
  EXPECT_EQ(Heard(beside->WaitForEvents(1)), Texts{"/deep/nested/path=1"});
  EXPECT_EQ(Heard(other->WaitForEvents(1)), Texts{"/deep/nested/other=2"});

  ASSERT_EQ(interceptor->WaitForEvents(1).size(), 1u);
  EXPECT_TRUE(Answer(interceptor->events()[0], true));
  // They hear of the next write, and had not heard of the first.
  const Texts rest = {"/deep/nested/other=2"};
  EXPECT_EQ(Heard(nested->WaitForEvents(1)), rest);
  EXPECT_EQ(Heard(deep->WaitForEvents(1)), rest);
  EXPECT_EQ(Heard(root->WaitForEvents(1)), rest);

  client().Set("/deep/nested/path", "3");
  ASSERT_EQ(interceptor->WaitForEvents(2).size(), 2u);
  EXPECT_TRUE(Answer(interceptor->events()[1], false));
  const Texts all = {"/deep/nested/other=2", "/deep/nested/path=3"};
  EXPECT_EQ(Heard(nested->WaitForEvents(2)), all);
  EXPECT_EQ(Heard(deep->WaitForEvents(2)), all);
  EXPECT_EQ(Heard(root->WaitForEvents(2)), all);
  EXPECT_EQ(Replay("/deep", before - 1, client().Revision()), all);
  for (const auto* reader : {&interceptor, &beside, &nested, &deep, &root}) {
    EXPECT_EQ((*reader)->Violations(), Texts());
  }
}

TEST_P(InterceptionTest, AnAnswerCountsOnce) {
  const auto interceptor = Intercept("/a/b");
  client().Set("/a/b", "1");
  const auto events = interceptor->WaitForEvents(1);
  ASSERT_EQ(events.size(), 1u);
  EXPECT_TRUE(Answer(events[0], false));
  EXPECT_FALSE(Answer(events[0], true));
}

// Who listens above waits for one path, hears of the others after it, and of all
// in the order of the revisions.
TEST_P(InterceptionTest, AboveTheOrderIsThatOfTheRevisions) {
  const auto interceptor = Intercept("/a/slow");
  const auto above = Subscribe("/a");
  const auto quick = Subscribe("/a/quick");
  std::vector<int64_t> revisions;
  Texts all;
  for (int i = 1; i <= 20; ++i) {
    const std::string path = i % 5 == 1 ? "/a/slow" : "/a/quick";
    revisions.push_back(client().Set(path, std::to_string(i)));
    all.push_back(path + "=" + std::to_string(i));
  }
  // Everything of the other path has come while nothing was answered.
  EXPECT_EQ(quick->WaitForEvents(16).size(), 16u);
  const auto asked = interceptor->WaitForEvents(4);
  ASSERT_EQ(asked.size(), 4u);
  EXPECT_EQ(above->events().size(), 0u);
  // The last first: nothing of it shows before the others are answered.
  for (auto event = asked.rbegin(); event != asked.rend(); ++event) {
    EXPECT_EQ(above->events().size(), 0u);
    EXPECT_TRUE(Answer(*event, false));
  }
  const auto heard = above->WaitForEvents(20);
  EXPECT_EQ(Heard(heard), all);
  ASSERT_EQ(heard.size(), revisions.size());
  for (size_t i = 0; i < heard.size(); ++i) {
    EXPECT_EQ(heard[i].revision(), revisions[i]);
  }
  EXPECT_EQ(above->Violations(), Texts());
}

TEST_P(InterceptionTest, OneThatVanishesLetsItPass) {
  auto interceptor = Intercept("/a/b");
  const auto above = Subscribe("/a");
  client().Set("/a/b", "1");
  ASSERT_EQ(interceptor->WaitForEvents(1).size(), 1u);
  EXPECT_EQ(above->events().size(), 0u);
  interceptor->Cancel();
  EXPECT_EQ(Heard(above->WaitForEvents(1)), Texts{"/a/b=1"});
  // And nobody waits for it any more.
  client().Set("/a/b", "2");
  EXPECT_EQ(above->WaitForEvents(2).size(), 2u);
}

TEST_P(InterceptionTest, TwoLevelsAreAskedFromBelow) {
  const auto low = Intercept("/a/b/c");
  const auto high = Intercept("/a/b");
  const auto top = Subscribe("/a");
  for (int i = 1; i <= 4; ++i) client().Set("/a/b/c", std::to_string(i));
  const auto asked = low->WaitForEvents(4);
  ASSERT_EQ(asked.size(), 4u);
  // Those above are asked about what those below have let pass.
  EXPECT_EQ(high->events().size(), 0u);
  EXPECT_TRUE(Answer(asked[0], true));
  EXPECT_TRUE(Answer(asked[1], false));
  EXPECT_TRUE(Answer(asked[2], false));
  const auto passed = high->WaitForEvents(2);
  EXPECT_EQ(Heard(passed), (Texts{"/a/b/c=2", "/a/b/c=3"}));
  ASSERT_EQ(passed.size(), 2u);
  EXPECT_EQ(top->events().size(), 0u);
  EXPECT_TRUE(Answer(passed[0], true));
  EXPECT_TRUE(Answer(passed[1], false));
  EXPECT_EQ(Heard(top->WaitForEvents(1)), Texts{"/a/b/c=3"});
  EXPECT_TRUE(Answer(asked[3], false));
  ASSERT_EQ(high->WaitForEvents(3).size(), 3u);
  EXPECT_TRUE(Answer(high->events()[2], false));
  EXPECT_EQ(Heard(top->WaitForEvents(2)), (Texts{"/a/b/c=3", "/a/b/c=4"}));
  EXPECT_EQ(Replay("/a", 0, client().Revision()),
            (Texts{"/a/b/c=3", "/a/b/c=4"}));
  EXPECT_EQ(Replay("/a/b", 0, client().Revision()),
            (Texts{"/a/b/c=2", "/a/b/c=3", "/a/b/c=4"}));
}

// Two at one place: one that stops is enough, and all must let it pass.
TEST_P(InterceptionTest, TwoAtOnePlace) {
  const auto first = Intercept("/a/b");
  const auto second = Intercept("/a/*");
  const auto above = Subscribe("/a");
  for (int i = 1; i <= 2; ++i) client().Set("/a/b", std::to_string(i));
  const auto of_first = first->WaitForEvents(2);
  const auto of_second = second->WaitForEvents(2);
  ASSERT_EQ(of_first.size(), 2u);
  ASSERT_EQ(of_second.size(), 2u);
  EXPECT_TRUE(Answer(of_first[0], true));
  EXPECT_TRUE(Answer(of_first[1], false));
  EXPECT_EQ(above->events().size(), 0u);
  EXPECT_TRUE(Answer(of_second[1], false));
  EXPECT_EQ(Heard(above->WaitForEvents(1)), Texts{"/a/b=2"});
  // It was decided without it.
  EXPECT_FALSE(Answer(of_second[0], false));
}

// Each operation of a transaction is asked about on its own.
TEST_P(InterceptionTest, OneOperationOfATransaction) {
  const auto interceptor = Intercept("/a/*");
  const auto above = Subscribe("/");
  v1::CommitRequest commit;
  for (int i = 0; i < 3; ++i) {
    auto* const set = commit.add_operations()->mutable_set();
    set->mutable_path()->set_text("/a/k" + std::to_string(i));
    set->mutable_value()->mutable_json()->set_number_value(i);
  }
  ASSERT_TRUE(client().Commit(commit).ok());
  const auto asked = interceptor->WaitForEvents(3);
  ASSERT_EQ(asked.size(), 3u);
  EXPECT_TRUE(Answer(asked[0], false));
  EXPECT_TRUE(Answer(asked[1], true));
  EXPECT_EQ(Heard(above->WaitForEvents(1)), Texts{"/a/k0=0"});
  EXPECT_TRUE(Answer(asked[2], false));
  EXPECT_EQ(Heard(above->WaitForEvents(2)), (Texts{"/a/k0=0", "/a/k2=2"}));
  // Inside the revision while an answer is missing.
  EXPECT_EQ(above->batches()[1].revision(), 0);
}

// The last of a revision is stopped: the subscriber learns with a heartbeat that
// it was told all of it.
TEST_P(InterceptionTest, ARevisionWhoseEndIsStoppedIsWhole) {
  const auto interceptor = Intercept("/a/*");
  v1::SubscribeRequest request = RequestFor("/");
  request.mutable_heartbeat()->set_seconds(1);
  const auto above = Subscribe(request);
  v1::CommitRequest commit;
  for (const char* path : {"/b", "/a/k"}) {
    auto* const set = commit.add_operations()->mutable_set();
    set->mutable_path()->set_text(path);
    set->mutable_value()->mutable_json()->set_number_value(1);
  }
  const auto reply = client().Commit(commit);
  ASSERT_TRUE(reply.ok()) << FailureOf(reply.status);
  ASSERT_EQ(above->WaitForEvents(1).size(), 1u);
  EXPECT_LT(above->revision(), reply.response.revision());
  ASSERT_EQ(interceptor->WaitForEvents(1).size(), 1u);
  EXPECT_TRUE(Answer(interceptor->events()[0], true));
  ASSERT_TRUE(above->WaitForRevision(reply.response.revision()));
  EXPECT_EQ(Heard(above->events()), Texts{"/b=1"});
  EXPECT_EQ(Replay("/", 0, reply.response.revision()), Texts{"/b=1"});
}

TEST_P(InterceptionTest, DownwardAndInitialEventsCannotBeStopped) {
  client().Set("/a", R"({"b": 1})");
  v1::SubscribeRequest request = RequestFor("/a/*", true);
  request.mutable_snapshot();
  const auto interceptor = Subscribe(request);
  const auto above = Subscribe("/a");
  client().Set("/a", R"({"b": 2})");
  const auto events = interceptor->WaitForEvents(2);
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].kind(), v1::EVENT_KIND_INITIAL);
  EXPECT_EQ(events[0].ack_token(), "");
  EXPECT_EQ(events[1].kind(), v1::EVENT_KIND_SET);
  EXPECT_EQ(events[1].ack_token(), "");
  EXPECT_EQ(above->WaitForEvents(1).size(), 1u);
}

// More than a thousand unanswered: the rest goes on by itself, when what is
// before it has.
TEST_P(InterceptionTest, AThousandUnansweredAreTheMost) {
  constexpr int kWrites = 1'500;
  auto interceptor = Intercept("/a/b");
  const auto above = Subscribe("/a");
  v1::CommitRequest commit;
  for (int i = 0; i < kWrites; ++i) {
    commit.clear_operations();
    auto* const set = commit.add_operations()->mutable_set();
    set->mutable_path()->set_text("/a/b");
    set->mutable_value()->set_int_value(i);
    commit.set_durability(v1::DURABILITY_RELAXED);
    ASSERT_TRUE(client().Commit(commit).ok());
  }
  const auto asked = interceptor->WaitForEvents(kWrites);
  ASSERT_EQ(asked.size(), static_cast<size_t>(kWrites));
  const auto with_token =
      std::count_if(asked.begin(), asked.end(), [](const v1::Event& event) {
        return !event.ack_token().empty();
      });
  EXPECT_EQ(with_token, 1'000);
  int intercepting = 0;
  const v1::ListSubscriptionsResponse list = List();
  for (const v1::SubscriptionInfo& info : list.subscriptions()) {
    EXPECT_EQ(info.unacknowledged(), info.intercepting() ? 1'000 : 0)
        << ToJson(info);
    if (info.intercepting()) ++intercepting;
  }
  EXPECT_EQ(intercepting, 1);
  interceptor.reset();
  const auto heard = above->WaitForEvents(kWrites);
  ASSERT_EQ(heard.size(), static_cast<size_t>(kWrites));
  for (int i = 0; i < kWrites; ++i) {
    EXPECT_EQ(heard[i].new_value().json().number_value(), i);
  }
  EXPECT_EQ(above->Violations(), Texts());
}

INSTANTIATE_OVER_STORAGES(InterceptionTest);

class ImpatientTest : public InterceptionTest {
 protected:
  std::string Config() const override {
    return "limits:\n  acknowledge_timeout: 1s\n";
  }
};

TEST_P(ImpatientTest, TheDeadlineLetsItPass) {
  const auto interceptor = Intercept("/a/b");
  const auto above = Subscribe("/a");
  client().Set("/a/b", "1");
  EXPECT_EQ(Heard(above->WaitForEvents(1)), Texts{"/a/b=1"});
  ASSERT_EQ(interceptor->WaitForEvents(1).size(), 1u);
  EXPECT_FALSE(Answer(interceptor->events()[0], true));
  EXPECT_EQ(Replay("/a", 0, client().Revision()), Texts{"/a/b=1"});
}

INSTANTIATE_OVER_STORAGES(ImpatientTest);

class RestartedInterceptionTest : public InterceptionTest {};

// Whatever ends the server, what was stopped and told so stays stopped.
TEST_P(RestartedInterceptionTest, AReplayAfterARestartShowsTheSameOutcome) {
  auto interceptor = Intercept("/a/*");
  auto above = Subscribe("/a");
  Texts expected;
  for (int i = 1; i <= 10; ++i) {
    client().Set("/a/k" + std::to_string(i), std::to_string(i));
    const auto asked = interceptor->WaitForEvents(static_cast<size_t>(i));
    ASSERT_EQ(asked.size(), static_cast<size_t>(i));
    const bool stop = i % 3 == 0;
    EXPECT_TRUE(Answer(asked.back(), stop));
    if (!stop) {
      expected.push_back("/a/k" + std::to_string(i) + "=" + std::to_string(i));
    }
  }
  // All answers have taken effect.
  EXPECT_EQ(Heard(above->WaitForEvents(expected.size())), expected);
  const int64_t through = client().Revision();
  EXPECT_EQ(Replay("/a", 0, through), expected);
  interceptor.reset();
  above.reset();
  Restart();
  EXPECT_EQ(Replay("/a", 0, through), expected);
  KillAndRestart();
  EXPECT_EQ(Replay("/a", 0, through), expected);
}

INSTANTIATE_TEST_SUITE_P(RocksDb, RestartedInterceptionTest,
                         testing::Values(Storage::kRocksDb));

}  // namespace
}  // namespace restate::test
