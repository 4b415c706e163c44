// One server mounts what another exports, by a call.
#include <fstream>
#include <memory>
#include <string>

#include "gtest/gtest.h"
#include "tests/support/client.h"
#include "tests/support/error_info.h"
#include "tests/support/json.h"
#include "tests/support/mount_client.h"
#include "tests/support/server_process.h"
#include "tests/support/server_test.h"
#include "tests/support/subscription_reader.h"
#include "tests/support/temp_dir.h"

namespace restate::test {
namespace {

class MountRemoteTest : public ServerTest {
 protected:
  void SetUp() override {
    const std::string config = files_.path() + "/far.yaml";
    std::ofstream(config) << "exports: [{path: /shared}]\n";
    ServerProcess::Options options;
    options.data_dir = files_.path() + "/data";
    options.extra_args = {"--config", config};
    auto far = ServerProcess::Start(options);
    ASSERT_TRUE(far.ok()) << far.status();
    far_ = *std::move(far);
    ServerTest::SetUp();
  }
  std::string Config() const override { return MountsByRpc({far_->address()}); }
  MountClient Mounts() { return MountClient(client().channel()); }
  std::string Spec(const std::string& deadline = "5s") const {
    return R"({"path": {"text": "/r"}, "remote": {"address": ")" +
           far_->address() + R"(", "deadline": ")" + deadline +
           R"(", "exportPath": {"text": "/shared"}}})";
  }
  ServerProcess& far() { return *far_; }

  // Asks for all that is at and below /here in every way there is, writes it
  // anew, and deletes it. /r comes next in path order.
  void ExpectTheNeighbourGoesOn() {
    client().Set("/here", R"({"a": {"x": 1}, "b": 2})");
    EXPECT_EQ(client().Get("/here"), R"({"a":{"x":1},"b":2})");

    v1::ListChildrenRequest list;
    list.mutable_path()->set_text("/here");
    const auto listed = client().ListChildren(list);
    ASSERT_TRUE(listed.ok()) << FailureOf(listed.status);
    ASSERT_EQ(listed.response.children_size(), 2);
    EXPECT_EQ(listed.response.children(1).name(), "b");

    v1::StreamStateRequest whole;
    whole.mutable_path()->set_text("/here");
    const auto streamed = client().StreamState(whole);
    ASSERT_TRUE(streamed.ok()) << FailureOf(streamed.status);
    EXPECT_EQ(streamed.response.entries_size(), 2);

    v1::SubscribeRequest places;
    places.add_patterns()->set_text("/here/*");
    places.mutable_snapshot();
    SubscriptionReader snapshot(Connect(server().address()), places);
    EXPECT_TRUE(snapshot.WaitForSynced());
    EXPECT_EQ(snapshot.events().size(), 2u);

    v1::DeleteStateRequest remove;
    remove.mutable_path()->set_text("/here/a/x");
    const auto removed = client().DeleteState(remove);
    ASSERT_TRUE(removed.ok()) << FailureOf(removed.status);
    EXPECT_TRUE(removed.response.deleted());
    EXPECT_EQ(client().Get("/here"), R"({"b":2})");
  }

 private:
  TempDir files_;
  std::unique_ptr<ServerProcess> far_;
};

TEST_F(MountRemoteTest, WhatIsWrittenHereIsThere) {
  ASSERT_TRUE(Mounts().Mount(Spec()).ok());
  client().Set("/r/users/1", R"({"name": "Alice"})");
  ASSERT_TRUE(Mounts().Flush("/r").ok());
  Client there(far().address());
  EXPECT_EQ(there.Get("/shared"), R"({"users":{"1":{"name":"Alice"}}})");
  const v1::MountInfo info = Mounts().At("/r");
  EXPECT_EQ(info.kind(), "remote");
  EXPECT_EQ(info.state(), v1::MOUNT_STATE_UP);
  EXPECT_EQ(info.spec().remote().deadline().seconds(), 5);

  // It comes back with the server, and after an unmount.
  Restart();
  EXPECT_EQ(client().Get("/"), R"({"r":{"users":{"1":{"name":"Alice"}}}})");
  ASSERT_TRUE(Mounts().Unmount("/r").ok());
  EXPECT_EQ(client().Get("/"), "{}");
  ASSERT_TRUE(Mounts().Mount(Spec()).ok());
  EXPECT_EQ(client().Get("/r/users/1/name"), R"("Alice")");
}

TEST_F(MountRemoteTest, AStoreThatIsGoneTakesOnlyItsMountWithIt) {
  ASSERT_TRUE(Mounts().Mount(Spec()).ok());
  client().Set("/r/x", "1");
  ASSERT_TRUE(Mounts().Flush("/r").ok());
  far().Kill();
  const v1::MountInfo down =
      Mounts().WaitFor("/r", [](const v1::MountInfo& mount) {
        return mount.state() == v1::MOUNT_STATE_DOWN;
      });
  ASSERT_GE(down.problems_size(), 1);
  const v1::GetStatusResponse status = Mounts().Status();
  EXPECT_TRUE(status.taking_writes());
  ASSERT_EQ(status.mount_problems_size(), 1);
  EXPECT_EQ(status.mount_problems(0).path().text(), "/r");
  EXPECT_EQ(status.mount_problems(0).state(), v1::MOUNT_STATE_DOWN);

  v1::SetStateRequest write;
  write.mutable_path()->set_text("/r/x");
  write.mutable_value()->set_int_value(2);
  EXPECT_EQ(CodeAndReason(client().SetState(write).status),
            "UNAVAILABLE / MOUNT_UNAVAILABLE");
  client().Set("/b", "1");
  EXPECT_EQ(client().Get("/b"), "1");

  ExpectTheNeighbourGoesOn();
  // It does not keep the server from starting, nor from being unmounted.
  Restart();
  EXPECT_EQ(Mounts().At("/r").state(), v1::MOUNT_STATE_DOWN);
  const auto unmounted = Mounts().Unmount("/r");
  EXPECT_TRUE(unmounted.ok()) << FailureOf(unmounted.status);
  EXPECT_EQ(client().Get("/"), R"({"b":1,"here":{"b":2}})");
}

TEST_F(MountRemoteTest, WhatIsBesideAStoreThatIsKilledIsReadAsEver) {
  ASSERT_TRUE(Mounts().Mount(Spec()).ok());
  client().Set("/r/x", "1");
  ASSERT_TRUE(Mounts().Flush("/r").ok());
  far().Kill();
  // Whether or not it has been noticed yet.
  ExpectTheNeighbourGoesOn();

  // Above both, the one that is gone shows by name, and is left out if that is
  // asked for.
  v1::ListChildrenRequest list;
  list.mutable_path()->set_text("/");
  const auto listed = client().ListChildren(list);
  ASSERT_TRUE(listed.ok()) << FailureOf(listed.status);
  ASSERT_EQ(listed.response.children_size(), 2);
  EXPECT_EQ(listed.response.children(0).name(), "here");
  EXPECT_EQ(listed.response.children(1).name(), "r");
  v1::GetStateRequest get;
  get.mutable_path()->set_text("/");
  EXPECT_EQ(CodeAndReason(client().GetState(get).status),
            "UNAVAILABLE / MOUNT_UNAVAILABLE");
  get.set_partial(true);
  get.set_encoding(v1::VALUE_ENCODING_JSON);
  const auto partial = client().GetState(get);
  ASSERT_TRUE(partial.ok()) << FailureOf(partial.status);
  EXPECT_TRUE(partial.response.truncated());
  EXPECT_EQ(ToJson(partial.response.value().json()), R"({"here":{"b":2}})");
}

TEST_F(MountRemoteTest, WhatIsBesideAStoreThatIsFrozenDoesNotWaitForIt) {
  // Longer than the test may take: whoever waited for it would fail.
  ASSERT_TRUE(Mounts().Mount(Spec("600s")).ok());
  client().Set("/r/x", "1");
  ASSERT_TRUE(Mounts().Flush("/r").ok());
  far().Freeze();
  ExpectTheNeighbourGoesOn();
  far().Thaw();
  EXPECT_EQ(client().Get("/"), R"({"here":{"b":2},"r":{"x":1}})");
}

}  // namespace
}  // namespace restate::test
