// The wall clock was set back by an hour, and for that hour nothing happened that
// the server does by itself: leases and the presence of clients that were gone
// stayed, an interceptor that said nothing held events up, no heartbeat was sent,
// and health stood still. The ticker waited by the wall clock. Set ahead, what
// should last ended: page tokens, minimum intervals, the history.
//
// Here a real server's wall clock is set by days, both ways, under each of them.
// Nothing waits for time to pass: what should happen is waited for, and what
// should not is looked at once something later has happened.
#include <algorithm>
#include <cstdint>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "restate/v1/event_service.grpc.pb.h"
#include "tests/support/client.h"
#include "tests/support/error_info.h"
#include "tests/support/json.h"
#include "tests/support/mount_client.h"
#include "tests/support/server_process.h"
#include "tests/support/server_test.h"
#include "tests/support/session_reader.h"
#include "tests/support/subscription_reader.h"
#include "tests/support/temp_dir.h"
#include "tests/support/wall_clock.h"

namespace restate::test {
namespace {

constexpr char kId[] = "123e4567-e89b-42d3-a456-426614174000";
constexpr char kFewChildren[] = R"({"a": 1, "b": 2, "c": 3})";

// By how much the wall clock is set.
class WallClockTest : public ServerTest,
                      public testing::WithParamInterface<absl::Duration> {
 protected:
  void SetUp() override {
    if (!WallClock::Works()) {
      GTEST_SKIP() << "the sanitizer wants to be a process' first library";
    }
    ServerTest::SetUp();
  }
  std::string Config() const override {
    return "limits: {session_grace: 1s, acknowledge_timeout: 1s, "
           "history_age: 1h}\n";
  }
  void Adapt(ServerProcess::Options* options) override {
    options->environment = wall_clock_.environment();
  }

  void SetWallClock() { wall_clock_.Set(GetParam()); }
  WallClock& wall_clock() { return wall_clock_; }

  int64_t SetFor(const std::string& path, const std::string& ttl) {
    const auto reply = client().SetState(FromJson<v1::SetStateRequest>(
        R"({"path": {"text": ")" + path + R"("}, "value": {"json": 1}, "ttl": ")" +
        ttl + "\"}"));
    EXPECT_TRUE(reply.ok()) << FailureOf(reply.status);
    return reply.response.revision();
  }
  v1::SetStateResponse AddOnce() {
    v1::SetStateRequest request;
    request.mutable_path()->set_text("/n");
    request.set_mode(v1::WRITE_MODE_ADD);
    request.mutable_value()->set_int_value(1);
    request.set_request_id(kId);
    const auto reply = client().SetState(request);
    EXPECT_TRUE(reply.ok()) << FailureOf(reply.status);
    return reply.response;
  }
  std::unique_ptr<SubscriptionReader> SubscribeWith(const std::string& json) {
    return Subscribe(FromJson<v1::SubscribeRequest>(json));
  }
  // The values that /h had after `revision`.
  std::vector<std::string> HistoryAfter(int64_t revision, size_t count) {
    v1::SubscribeRequest request;
    request.add_patterns()->set_text("/h");
    request.set_after_revision(revision);
    SubscriptionReader reader(Connect(server().address()), request);
    std::vector<std::string> values;
    for (const v1::Event& event : reader.WaitForEvents(count)) {
      values.push_back(ToJson(event.new_value().json()));
    }
    if (values.size() < count) {
      ADD_FAILURE() << FailureOf(reader.WaitForEnd());
    }
    return values;
  }

 private:
  WallClock wall_clock_;
};

INSTANTIATE_TEST_SUITE_P(
    Steps, WallClockTest,
    testing::Values(absl::Hours(-1), absl::Hours(-3 * 24), absl::Hours(3 * 24)),
    [](const testing::TestParamInfo<absl::Duration>& info) {
      return info.param == absl::Hours(-1)        ? "AnHourBack"
             : info.param < absl::ZeroDuration() ? "DaysBack"
                                                 : "DaysAhead";
    });

TEST_P(WallClockTest, LeasesEndInTheirTime) {
  const auto ends = Subscribe("/*");
  SetFor("/before", "1s");
  SetFor("/long", "3600s");
  SetWallClock();
  SetFor("/after", "1s");
  const auto ended = [](const std::vector<v1::Event>& events,
                        const std::string& path) {
    return std::any_of(events.begin(), events.end(),
                       [&](const v1::Event& event) {
                         return event.current_path().text() == path &&
                                event.origin().kind() ==
                                    v1::Origin::KIND_EXPIRED;
                       });
  };
  ASSERT_TRUE(ends->WaitUntil([&](const std::vector<v1::Event>& events) {
    return ended(events, "/before") && ended(events, "/after");
  }));
  EXPECT_FALSE(ended(ends->events(), "/long"));
  EXPECT_EQ(client().Get("/long"), "1");
  KillAndRestart();
  EXPECT_EQ(client().Get("/long"), "1");
}

TEST_P(WallClockTest, APresenceEndsWithItsGraceTime) {
  const auto ends = Subscribe("/here");
  v1::OpenSessionRequest open;
  open.set_session_id("s");
  SessionReader session(Connect(server().address()), open);
  ASSERT_EQ(session.WaitForOpened().session_id(), "s");
  const auto reply = client().SetState(FromJson<v1::SetStateRequest>(
      R"({"path": {"text": "/here"}, "value": {"json": 1}, "sessionId": "s"})"));
  ASSERT_TRUE(reply.ok()) << FailureOf(reply.status);
  SetWallClock();
  session.Cancel();
  const std::vector<v1::Event> events = ends->WaitForEvents(2);
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[1].origin().kind(), v1::Origin::KIND_EXPIRED);
}

TEST_P(WallClockTest, AnInterceptorThatSaysNothingHoldsUpForItsTimeOnly) {
  const auto interceptor = SubscribeWith(
      R"({"patterns": [{"text": "/i/x"}], "now": {}, "intercepting": true})");
  const auto above = Subscribe("/i");
  client().Set("/i/x", "1");
  // The deadline runs.
  ASSERT_EQ(interceptor->WaitForEvents(1).size(), 1u);
  SetWallClock();
  client().Set("/i/x", "2");
  EXPECT_EQ(above->WaitForEvents(2).size(), 2u);
}

TEST_P(WallClockTest, HeartbeatsGoOn) {
  const auto quiet = SubscribeWith(
      R"({"patterns": [{"text": "/q"}], "now": {}, "heartbeat": "1s"})");
  SetWallClock();
  const size_t before = quiet->batches().size();
  EXPECT_TRUE(quiet->WaitUntilBatches(
      [&](const std::vector<v1::EventBatch>& batches) {
        return batches.size() >= before + 2;
      }));
}

TEST_P(WallClockTest, MinimumIntervalsLastAsLongAsTheySay) {
  const auto hourly = SubscribeWith(
      R"({"patterns": [{"text": "/m"}], "now": {}, "minInterval": "3600s"})");
  const auto quick = SubscribeWith(
      R"({"patterns": [{"text": "/m"}], "now": {}, "minInterval": "0.5s"})");
  client().Set("/m", "1");
  ASSERT_EQ(hourly->WaitForEvents(1).size(), 1u);
  ASSERT_EQ(quick->WaitForEvents(1).size(), 1u);
  SetWallClock();
  client().Set("/m", "2");
  client().Set("/m", "3");
  // One of these is held back for a while, and then comes.
  ASSERT_TRUE(quick->WaitUntil([](const std::vector<v1::Event>& events) {
    return ToJson(events.back().new_value().json()) == "3";
  }));
  EXPECT_EQ(hourly->events().size(), 1u);
}

TEST_P(WallClockTest, APageTokenLastsAsLongAsItSays) {
  client().Set("/list", kFewChildren);
  v1::ListChildrenRequest request;
  request.mutable_path()->set_text("/list");
  request.set_page_size(1);
  auto page = client().ListChildren(request);
  ASSERT_TRUE(page.ok()) << FailureOf(page.status);
  SetWallClock();
  // The server has looked for tokens that are too old meanwhile: it does so as
  // often as it sends these.
  const auto ticks = SubscribeWith(
      R"({"patterns": [{"text": "/q"}], "now": {}, "heartbeat": "1s"})");
  ASSERT_TRUE(ticks->WaitUntilBatches(
      [](const std::vector<v1::EventBatch>& batches) {
        return batches.size() >= 3;
      }));
  request.set_page_token(page.response.next_page_token());
  page = client().ListChildren(request);
  ASSERT_TRUE(page.ok()) << FailureOf(page.status);
  ASSERT_EQ(page.response.children_size(), 1);
  EXPECT_EQ(page.response.children(0).name(), "b");
}

TEST_P(WallClockTest, TheHistoryAndKnownRetriesLastAsLongAsTheySay) {
  const int64_t first = client().Set("/h", "0");
  EXPECT_FALSE(AddOnce().replayed());
  SetWallClock();
  client().Set("/h", "1");
  EXPECT_EQ(HistoryAfter(first, 1), (std::vector<std::string>{"1"}));
  EXPECT_TRUE(AddOnce().replayed());
  KillAndRestart();
  client().Set("/h", "2");
  EXPECT_EQ(HistoryAfter(first, 2), (std::vector<std::string>{"1", "2"}));
  EXPECT_TRUE(AddOnce().replayed());
  // Somebody sets it right, and stops the server in good order.
  wall_clock().Set(absl::ZeroDuration());
  client().Set("/h", "3");
  Restart();
  EXPECT_EQ(HistoryAfter(first, 3), (std::vector<std::string>{"1", "2", "3"}));
  EXPECT_TRUE(AddOnce().replayed());
}

TEST_P(WallClockTest, AStartAtAnEarlierTimeLosesNothing) {
  const int64_t first = client().Set("/h", "0");
  SetFor("/long", "3600s");
  EXPECT_FALSE(AddOnce().replayed());
  client().Set("/h", "1");
  server().Kill();
  wall_clock().Set(absl::Hours(-40 * 24));
  KillAndRestart();
  EXPECT_EQ(client().Get("/long"), "1");
  EXPECT_TRUE(AddOnce().replayed());
  EXPECT_EQ(HistoryAfter(first, 1), (std::vector<std::string>{"1"}));
}

// A server with a store in the network, which stops and comes back.
class WallClockAndRemoteStoreTest : public WallClockTest {
 protected:
  void SetUp() override {
    if (!WallClock::Works()) {
      GTEST_SKIP() << "the sanitizer wants to be a process' first library";
    }
    const std::string config = files_.path() + "/far.yaml";
    std::ofstream(config) << "exports: [{path: /shared}]\n";
    ServerProcess::Options options;
    options.data_dir = files_.path() + "/data";
    options.extra_args = {"--config", config};
    options.keep_address = true;
    auto far = ServerProcess::Start(options);
    ASSERT_TRUE(far.ok()) << far.status();
    far_ = *std::move(far);
    WallClockTest::SetUp();
  }
  std::string Config() const override {
    return "mounts:\n  - {path: /, backend: rocksdb}\n  - {path: /r, backend: "
           "remote, address: '" +
           far_->address() + "', export: /shared, deadline: 2s}\n";
  }
  ServerProcess& far() { return *far_; }
  v1::MountInfo WaitForState(v1::MountState state) {
    return MountClient(client().channel())
        .WaitFor("/r", [&](const v1::MountInfo& mount) {
          return mount.state() == state;
        });
  }

 private:
  TempDir files_;
  std::unique_ptr<ServerProcess> far_;
};

INSTANTIATE_TEST_SUITE_P(
    Steps, WallClockAndRemoteStoreTest,
    testing::Values(absl::Hours(-3 * 24), absl::Hours(3 * 24)),
    [](const testing::TestParamInfo<absl::Duration>& info) {
      return info.param < absl::ZeroDuration() ? "DaysBack" : "DaysAhead";
    });

TEST_P(WallClockAndRemoteStoreTest, ItsComingAndGoingIsNoticed) {
  client().Set("/r/x", "1");
  SetWallClock();
  client().Set("/r/x", "2");
  far().Kill();
  EXPECT_EQ(WaitForState(v1::MOUNT_STATE_DOWN).state(), v1::MOUNT_STATE_DOWN);
  const absl::Status restarted = far().Restart();
  ASSERT_TRUE(restarted.ok()) << restarted;
  EXPECT_EQ(WaitForState(v1::MOUNT_STATE_UP).state(), v1::MOUNT_STATE_UP);
  client().Set("/r/x", "3");
  ASSERT_TRUE(MountClient(client().channel()).Flush("/r").ok());
  EXPECT_EQ(Client(far().address()).Get("/shared/x"), "3");
}

// It does not answer: the call ends with its deadline.
TEST_P(WallClockAndRemoteStoreTest, OneThatHangsIsNoticed) {
  client().Set("/r/x", "1");
  far().Freeze();
  SetWallClock();
  EXPECT_EQ(WaitForState(v1::MOUNT_STATE_DOWN).state(), v1::MOUNT_STATE_DOWN);
  far().Thaw();
  EXPECT_EQ(WaitForState(v1::MOUNT_STATE_UP).state(), v1::MOUNT_STATE_UP);
}

}  // namespace
}  // namespace restate::test
