// A store in the network that answers no read: whoever reads it waits, and
// nobody else does.
#include <algorithm>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "service/remote/testing/store_server.h"
#include "tests/support/client.h"
#include "tests/support/error_info.h"
#include "tests/support/gate.h"
#include "tests/support/mount_client.h"
#include "tests/support/server_test.h"
#include "tests/support/subscription_reader.h"

namespace restate::test {
namespace {

// More than there are threads of any kind.
constexpr int kReaders = 24;

class SlowMountTest : public ServerTest {
 protected:
  SlowMountTest() {
    store_server_.set_before_scan([this] { gate_.Pass(); });
  }
  ~SlowMountTest() override { gate_.Open(); }

  std::string Config() const override {
    return MountsByRpc({store_server_.address()});
  }
  void SetUp() override {
    ServerTest::SetUp();
    MountClient mounts(client().channel());
    const auto mounted = mounts.Mount(
        R"({"path": {"text": "/then"}, "remote": {"deadline": "600s",
            "address": ")" +
        store_server_.address() + R"("}})");
    ASSERT_TRUE(mounted.ok()) << FailureOf(mounted.status);
    client().Set("/then/x", "1");
    client().Set("/here/x", "1");
    ASSERT_TRUE(mounts.Flush("/").ok());
  }
  void TearDown() override {
    gate_.Open();
    ServerTest::TearDown();
  }

  static v1::SubscribeRequest Initial(const std::string& pattern) {
    v1::SubscribeRequest request;
    request.add_patterns()->set_text(pattern);
    request.mutable_snapshot();
    return request;
  }
  static int64_t InitialEvents(const SubscriptionReader& reader) {
    const std::vector<v1::Event> events = reader.events();
    return std::count_if(events.begin(), events.end(), [](const auto& event) {
      return event.kind() == v1::EVENT_KIND_INITIAL;
    });
  }
  // All that does not touch the store goes on.
  void ExpectTheRestGoesOn(SubscriptionReader& live) {
    const int64_t revision =
        client().Set("/here/x", std::to_string(++written_));
    EXPECT_TRUE(live.WaitForRevision(revision));
    EXPECT_EQ(client().Get("/here/x"), std::to_string(written_));
    SubscriptionReader snapshot(Connect(server().address()),
                                Initial("/here/*"));
    EXPECT_TRUE(snapshot.WaitForSynced());
    EXPECT_EQ(snapshot.events().size(), 1u);
    v1::StreamStateRequest whole;
    whole.mutable_path()->set_text("/here");
    EXPECT_TRUE(client().StreamState(whole).ok());
    v1::ListChildrenRequest list;
    list.mutable_path()->set_text("/here");
    const auto listed = client().ListChildren(list);
    EXPECT_TRUE(listed.ok()) << FailureOf(listed.status);
    EXPECT_EQ(listed.response.children_size(), 1);
  }

  int64_t written_ = 1;
  Gate gate_;
  const std::shared_ptr<MemoryStore> store_ =
      std::make_shared<MemoryStore>("store");
  StoreServer store_server_{store_};
};

TEST_F(SlowMountTest, SnapshotsOfItHoldUpNobodyElse) {
  const auto live = Subscribe("/here/x");
  // Lives above the mount, and needs nothing of it.
  const auto above = Subscribe("/");
  gate_.Close();
  std::vector<std::unique_ptr<SubscriptionReader>> waiting;
  for (int i = 0; i < kReaders; ++i) {
    waiting.push_back(std::make_unique<SubscriptionReader>(
        Connect(server().address()), Initial(i % 2 == 0 ? "/then/*" : "/*/x")));
  }
  gate_.WaitForWaiting(1);
  for (int i = 0; i < 10; ++i) ExpectTheRestGoesOn(*live);
  EXPECT_TRUE(above->WaitForRevision(live->revision()));
  gate_.Open();
  for (const auto& reader : waiting) EXPECT_TRUE(reader->WaitForSynced());
  EXPECT_EQ(InitialEvents(*waiting[0]), 1);
  EXPECT_EQ(InitialEvents(*waiting[1]), 2);
}

TEST_F(SlowMountTest, StreamsOfItHoldUpNobodyElse) {
  const auto live = Subscribe("/here/x");
  gate_.Close();
  std::vector<std::thread> waiting;
  for (int i = 0; i < kReaders; ++i) {
    waiting.emplace_back([this, i] {
      v1::StreamStateRequest whole;
      whole.mutable_path()->set_text(i % 2 == 0 ? "/then" : "/");
      const auto reply = NewClient()->StreamState(whole);
      EXPECT_TRUE(reply.ok()) << FailureOf(reply.status);
      EXPECT_EQ(reply.response.entries_size(), i % 2 == 0 ? 1 : 2);
    });
  }
  gate_.WaitForWaiting(1);
  for (int i = 0; i < 10; ++i) ExpectTheRestGoesOn(*live);
  gate_.Open();
  for (std::thread& thread : waiting) thread.join();
}

TEST_F(SlowMountTest, AResetOfThoseBelowItHoldsUpNobodyElse) {
  // They begin while nothing is slow there, and read the store when it is
  // mounted.
  MountClient mounts(client().channel());
  const auto live = Subscribe("/here/x");
  std::vector<std::unique_ptr<SubscriptionReader>> below;
  for (int i = 0; i < kReaders; ++i) below.push_back(Subscribe("/b/x"));
  gate_.Close();
  const auto mounted = mounts.Mount(
      R"({"path": {"text": "/b"}, "remote": {"deadline": "600s",
          "address": ")" +
      store_server_.address() + R"("}})");
  ASSERT_TRUE(mounted.ok()) << FailureOf(mounted.status);
  gate_.WaitForWaiting(1);
  for (int i = 0; i < 10; ++i) ExpectTheRestGoesOn(*live);
  gate_.Open();
  for (const auto& reader : below) {
    EXPECT_EQ(reader->WaitForEvents(1).size(), 1u);
  }
}

}  // namespace
}  // namespace restate::test
