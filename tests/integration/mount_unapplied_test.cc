// Writes that are decided and that their store does not have: while it takes
// its time, when it refuses them for good, and when it is gone.
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>

#include "gtest/gtest.h"
#include "service/remote/testing/store_server.h"
#include "tests/support/client.h"
#include "tests/support/error_info.h"
#include "tests/support/gate.h"
#include "tests/support/mount_client.h"
#include "tests/support/raw_call.h"
#include "tests/support/server_test.h"
#include "tests/support/temp_dir.h"

namespace restate::test {
namespace {

class MountUnappliedTest : public ServerTest {
 protected:
  MountUnappliedTest() {
    store_server_.set_before_apply([this] { gate_.Pass(); });
  }
  ~MountUnappliedTest() override { gate_.Open(); }

  std::string Config() const override {
    return MountsByRpc({store_server_.address()});
  }
  MountClient Mounts() { return MountClient(client().channel()); }
  // The store in the network, at /r.
  void MountStore() {
    const auto mounted = Mounts().Mount(
        R"({"path": {"text": "/r"}, "remote": {"deadline": "60s",
            "address": ")" +
        store_server_.address() + R"("}})");
    ASSERT_TRUE(mounted.ok()) << FailureOf(mounted.status);
  }
  static bool IsFailed(const v1::MountInfo& mount) {
    return mount.state() == v1::MOUNT_STATE_FAILED;
  }
  std::string HealthOfTheServer() {
    RawCall check(client().channel(), "/grpc.health.v1.Health/Check");
    check.Write("");
    check.WritesDone();
    std::string bytes;
    check.Read(&bytes);
    check.Finish();
    return bytes;
  }
  grpc::Status TryToSet(const std::string& path, int64_t value) {
    v1::SetStateRequest write;
    write.mutable_path()->set_text(path);
    write.mutable_value()->set_int_value(value);
    return client().SetState(write).status;
  }

  Gate gate_;
  const std::shared_ptr<MemoryStore> store_ =
      std::make_shared<MemoryStore>("store");
  StoreServer store_server_{store_};
};

TEST_F(MountUnappliedTest, AnUnmountWaitsForTheStore) {
  MountStore();
  gate_.Close();
  client().Set("/r/x", "1");
  gate_.WaitForWaiting(1);
  Reply<v1::UnmountResponse> unmounted;
  std::thread unmount([&] { unmounted = Mounts().Unmount("/r"); });
  // Nothing can bring it to an end before the store has the write.
  EXPECT_EQ(Mounts().At("/r").pending_writes(), 1);
  EXPECT_EQ(client().Get("/r/x"), "1");
  gate_.Open();
  unmount.join();
  ASSERT_TRUE(unmounted.ok()) << FailureOf(unmounted.status);
  EXPECT_EQ(unmounted.response.discarded_writes(), 0);
  EXPECT_EQ(client().Get("/r/x"), std::nullopt);
  MountStore();
  EXPECT_EQ(client().Get("/r/x"), "1");
}

TEST_F(MountUnappliedTest, AStoreThatRefusesForGoodFailsItsMountAlone) {
  MountStore();
  client().Set("/r/x", "1");
  ASSERT_TRUE(Mounts().Flush("/r").ok());
  store_->RefuseApplies(absl::InvalidArgumentError("no more of these, ever"));
  // Decided, and answered, before the store says so.
  const int64_t refused = client().Set("/r/x", "2");

  const auto expect_failed = [&] {
    const v1::MountInfo mount = Mounts().WaitFor("/r", IsFailed);
    ASSERT_EQ(mount.problems_size(), 1);
    const std::string problem = mount.problems(0);
    EXPECT_NE(problem.find("revision " + std::to_string(refused)),
              std::string::npos)
        << problem;
    EXPECT_NE(problem.find("no more of these, ever"), std::string::npos)
        << problem;
    EXPECT_EQ(mount.pending_writes(), 1);
    const v1::GetStatusResponse status = Mounts().Status();
    EXPECT_TRUE(status.taking_writes());
    ASSERT_EQ(status.mount_problems_size(), 1);
    EXPECT_EQ(status.mount_problems(0).path().text(), "/r");
    EXPECT_EQ(status.mount_problems(0).state(), v1::MOUNT_STATE_FAILED);
    ASSERT_EQ(status.mount_problems(0).problems_size(), 1);
    EXPECT_EQ(status.mount_problems(0).problems(0), problem);
    // SERVING: all else goes on.
    EXPECT_EQ(HealthOfTheServer(), "\x08\x01");
    EXPECT_EQ(CodeAndReason(TryToSet("/r/y", 1)),
              "UNAVAILABLE / MOUNT_UNAVAILABLE");
    EXPECT_TRUE(TryToSet("/b", 1).ok());
    EXPECT_EQ(client().Get("/r"), R"({"x":2})");
    EXPECT_EQ(CodeAndReason(Mounts().Flush("/r").status),
              "UNAVAILABLE / MOUNT_UNAVAILABLE");
  };
  expect_failed();
  // A start tries it again, and is told the same.
  Restart();
  expect_failed();

  store_->RefuseApplies(absl::OkStatus());
  Restart();
  ASSERT_TRUE(Mounts().Flush("/r").ok());
  EXPECT_EQ(Mounts().At("/r").state(), v1::MOUNT_STATE_UP);
  EXPECT_EQ(client().Get("/r"), R"({"x":2})");
  ScanRange all;
  all.max_entries = 10;
  all.max_bytes = 1'000;
  const absl::StatusOr<ScanPage> page = store_->Scan("", all);
  ASSERT_TRUE(page.ok()) << page.status();
  ASSERT_EQ(page->entries.size(), 1u);
  EXPECT_EQ(page->entries[0].value, Value::Int(2));
}

TEST_F(MountUnappliedTest, WhatIsRefusedForGoodIsGivenUpOnlyIfAsked) {
  MountStore();
  client().Set("/r/x", "1");
  ASSERT_TRUE(Mounts().Flush("/r").ok());
  store_->RefuseApplies(absl::InvalidArgumentError("no more of these, ever"));
  client().Set("/r/x", "2");
  Mounts().WaitFor("/r", IsFailed);

  const Failure kept = FailureOf(Mounts().Unmount("/r").status);
  EXPECT_EQ(kept.code, "UNAVAILABLE");
  EXPECT_EQ(kept.reason, "MOUNT_UNAVAILABLE");
  EXPECT_EQ(kept.metadata.at("unapplied_writes"), "1");
  EXPECT_NE(kept.message.find("discard_unapplied"), std::string::npos)
      << kept.message;
  EXPECT_EQ(Mounts().At("/r").state(), v1::MOUNT_STATE_FAILED);
  EXPECT_EQ(client().Get("/r/x"), "2");

  const auto unmounted = Mounts().Unmount("/r", /*discard_unapplied=*/true);
  ASSERT_TRUE(unmounted.ok()) << FailureOf(unmounted.status);
  EXPECT_EQ(unmounted.response.discarded_writes(), 1);
  EXPECT_EQ(unmounted.response.revision(), client().Revision());
  EXPECT_NE(server().Log().find("1 writes that its store did not have"),
            std::string::npos);
  store_->RefuseApplies(absl::OkStatus());
  // It is nowhere any more.
  Restart();
  MountStore();
  EXPECT_EQ(client().Get("/r"), R"({"x":1})");
  client().Set("/r/x", "3");
  ASSERT_TRUE(Mounts().Flush("/r").ok());
}

TEST_F(MountUnappliedTest, WhatTheStoreTakesIsNotGivenUp) {
  MountStore();
  gate_.Close();
  client().Set("/r/x", "1");
  client().Set("/r/y", "1");
  gate_.WaitForWaiting(1);
  Reply<v1::UnmountResponse> unmounted;
  std::thread unmount([&] { unmounted = Mounts().Unmount("/r", true); });
  gate_.Open();
  unmount.join();
  ASSERT_TRUE(unmounted.ok()) << FailureOf(unmounted.status);
  EXPECT_EQ(unmounted.response.discarded_writes(), 0);
  MountStore();
  EXPECT_EQ(client().Get("/r"), R"({"x":1,"y":1})");
}

TEST_F(MountUnappliedTest, AStoreThatIsGoneForGoodCanBeUnmounted) {
  TempDir place;
  const std::string directory = place.path() + "/state";
  const std::string spec = R"({"path": {"text": "/f"}, "filesystem":
      {"directory": ")" + directory + R"("}})";
  ASSERT_TRUE(Mounts().Mount(spec).ok());
  client().Set("/f/old", "1");
  ASSERT_TRUE(Mounts().Flush("/f").ok());
  // Ended when it is decided and no file has it.
  ASSERT_EQ(server().Terminate(), 0);
  ASSERT_TRUE(server().Restart({"RESTATE_CRASH_AT=decided"}).ok());
  v1::CommitRequest commit;
  for (const char* path : {"/f/a", "/f/b", "/here"}) {
    auto* set = commit.add_operations()->mutable_set();
    set->mutable_path()->set_text(path);
    set->mutable_value()->set_int_value(1);
  }
  EXPECT_FALSE(NewClient()->Commit(commit).ok());
  ASSERT_EQ(server().WaitForExit(), 128 + SIGKILL);
  std::filesystem::remove_all(directory);
  std::ofstream(directory) << "no directory any more";

  KillAndRestart();
  EXPECT_EQ(client().Get("/here"), "1");
  const v1::MountInfo down = Mounts().At("/f");
  EXPECT_EQ(down.state(), v1::MOUNT_STATE_DOWN);
  EXPECT_EQ(down.pending_writes(), 2);
  const Failure kept = FailureOf(Mounts().Unmount("/f").status);
  EXPECT_EQ(kept.reason, "MOUNT_UNAVAILABLE");
  EXPECT_EQ(kept.metadata.at("unapplied_writes"), "2");
  EXPECT_EQ(Mounts().At("/f").state(), v1::MOUNT_STATE_DOWN);
  EXPECT_EQ(CodeAndReason(TryToSet("/f/a", 2)),
            "UNAVAILABLE / MOUNT_UNAVAILABLE");

  const auto unmounted = Mounts().Unmount("/f", /*discard_unapplied=*/true);
  ASSERT_TRUE(unmounted.ok()) << FailureOf(unmounted.status);
  EXPECT_EQ(unmounted.response.discarded_writes(), 2);
  EXPECT_EQ(Mounts().Outline(), "/=rocksdb /tmp=memory");
  EXPECT_EQ(client().Get("/"), R"({"here":1})");
  // Another one in its place starts without what was given up.
  std::filesystem::remove(directory);
  ASSERT_TRUE(Mounts().Mount(spec).ok());
  Restart();
  EXPECT_EQ(client().Get("/f"), std::nullopt);
  EXPECT_EQ(Mounts().At("/f").state(), v1::MOUNT_STATE_UP);
}

TEST_F(MountUnappliedTest, TheSameOfACache) {
  const auto mounted = Mounts().Mount(
      R"({"path": {"text": "/c"}, "remote": {"address": ")" +
      store_server_.address() + R"("}, "cache": {"flushInterval": "3600s"}})");
  ASSERT_TRUE(mounted.ok()) << FailureOf(mounted.status);
  client().Set("/c/x", "1");
  ASSERT_TRUE(Mounts().Flush("/c").ok());
  client().Set("/c/x", "2");
  client().Set("/c/y", "2");
  store_->RefuseApplies(absl::InvalidArgumentError("no more of these, ever"));
  EXPECT_EQ(FailureOf(Mounts().Unmount("/c").status)
                .metadata.at("unapplied_writes"),
            "2");
  EXPECT_EQ(client().Get("/c"), R"({"x":2,"y":2})");
  const auto unmounted = Mounts().Unmount("/c", /*discard_unapplied=*/true);
  ASSERT_TRUE(unmounted.ok()) << FailureOf(unmounted.status);
  EXPECT_EQ(unmounted.response.discarded_writes(), 2);
}

}  // namespace
}  // namespace restate::test
