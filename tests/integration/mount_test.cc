// Mounts that come and go while the server runs: what is read, who hears of it,
// what is refused, and what is there after a restart.
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/client.h"
#include "tests/support/error_info.h"
#include "tests/support/json.h"
#include "tests/support/mount_client.h"
#include "tests/support/server_test.h"

namespace restate::test {
namespace {

constexpr char kMemoryAtA[] = R"({"path": {"text": "/a"}, "memory": {}})";

// "SET /a at / by MOUNT" for each event.
std::vector<std::string> Told(const std::vector<v1::Event>& events) {
  std::vector<std::string> told;
  for (const v1::Event& event : events) {
    told.push_back(
        v1::EventKind_Name(event.kind()).substr(11) + " " +
        event.emitting_path().text() + " at " + event.current_path().text() +
        " by " + v1::Origin::Kind_Name(event.origin().kind()).substr(5));
  }
  return told;
}

class MountTest : public StorageTest {
 protected:
  MountClient Mounts() { return MountClient(client().channel()); }
  bool durable() const { return storage() == Storage::kRocksDb; }
};
INSTANTIATE_OVER_STORAGES(MountTest);

TEST_P(MountTest, AMountHidesAndAnUnmountReveals) {
  client().Set("/a/x", "1");
  client().Set("/b", "2");
  const int64_t before = client().Revision();
  const auto mounted = Mounts().Mount(kMemoryAtA);
  ASSERT_TRUE(mounted.ok()) << FailureOf(mounted.status);
  EXPECT_GT(mounted.response.revision(), before);
  EXPECT_EQ(mounted.response.epoch(), client().Epoch());
  EXPECT_EQ(client().Get("/a/x"), std::nullopt);
  EXPECT_EQ(client().Get("/"), R"({"b":2})");
  client().Set("/a/y", "3");
  EXPECT_EQ(client().Get("/"), R"({"a":{"y":3},"b":2})");

  const auto unmounted = Mounts().Unmount("/a");
  ASSERT_TRUE(unmounted.ok()) << FailureOf(unmounted.status);
  EXPECT_GT(unmounted.response.revision(), mounted.response.revision());
  EXPECT_EQ(client().Get("/"), R"({"a":{"x":1},"b":2})");
}

TEST_P(MountTest, NestedMountsAreReadAsOneTree) {
  MountClient mounts = Mounts();
  ASSERT_TRUE(mounts.Mount(kMemoryAtA).ok());
  ASSERT_TRUE(
      mounts.Mount(R"({"path": {"text": "/a/b/c"}, "memory": {}})").ok());
  // One commit over three mounts.
  const auto committed =
      client().Commit(FromJson<v1::CommitRequest>(R"({"operations": [
          {"set": {"path": {"text": "/r"}, "value": {"json": 1}}},
          {"set": {"path": {"text": "/a/b/x"}, "value": {"json": 2}}},
          {"set": {"path": {"text": "/a/b/c/y"}, "value": {"json": 3}}}]})"));
  ASSERT_TRUE(committed.ok()) << FailureOf(committed.status);
  v1::GetStateRequest read;
  const auto all = client().GetState(read);
  EXPECT_EQ(all.response.revision(), committed.response.revision());
  EXPECT_EQ(client().Get("/"), R"({"a":{"b":{"c":{"y":3},"x":2}},"r":1})");
  EXPECT_EQ(client().Get("/a"), R"({"b":{"c":{"y":3},"x":2}})");
  // Written across mounts, and deleted.
  client().Set("/a/b", R"({"c": {"z": 4}, "w": 5})");
  EXPECT_EQ(client().Get("/a"), R"({"b":{"c":{"z":4},"w":5}})");
  // The outer one may go before the inner one.
  ASSERT_TRUE(mounts.Unmount("/a").ok());
  EXPECT_EQ(client().Get("/"), R"({"a":{"b":{"c":{"z":4}}},"r":1})");
  ASSERT_TRUE(mounts.Unmount("/a/b/c").ok());
  EXPECT_EQ(client().Get("/"), R"({"r":1})");
}

TEST_P(MountTest, ThoseAboveHearOfItAndThoseBelowAreReset) {
  client().Set("/a/x", "1");
  const auto root = Subscribe("/");
  const auto at = Subscribe("/a");
  const auto below = Subscribe("/a/x");
  const auto beside = Subscribe("/b");
  const int64_t mounted = Mounts().Mount(kMemoryAtA).response.revision();
  ASSERT_GT(mounted, 0);
  client().Set("/a/x", "2");
  const int64_t unmounted = Mounts().Unmount("/a").response.revision();
  const int64_t last = client().Set("/b", "3");

  ASSERT_TRUE(root->WaitForRevision(last));
  ASSERT_TRUE(at->WaitForRevision(unmounted));
  EXPECT_EQ(Told(at->events()),
            (std::vector<std::string>{"DELETE /a at /a by MOUNT",
                                      "SET /a/x at /a by CLIENT",
                                      "SET /a at /a by MOUNT"}));
  EXPECT_EQ(Told(root->events()),
            (std::vector<std::string>{
                "DELETE /a at / by MOUNT", "SET /a/x at / by CLIENT",
                "SET /a at / by MOUNT", "SET /b at / by CLIENT"}));
  EXPECT_EQ(at->events().front().revision(), mounted);
  EXPECT_EQ(at->events().back().revision(), unmounted);

  // Strictly below: forget everything, and here is what is there.
  ASSERT_TRUE(
      below->WaitUntilBatches([](const std::vector<v1::EventBatch>& batches) {
        int done = 0;
        for (const v1::EventBatch& batch : batches) {
          done += batch.has_reset_done();
        }
        return done == 2;
      }));
  std::vector<std::string> resets;
  for (const v1::EventBatch& batch : below->batches()) {
    if (!batch.has_reset()) continue;
    resets.push_back(batch.reset().path().text() + " " +
                     std::to_string(batch.reset().revision()));
    EXPECT_EQ(batch.gap().path().text(), "/a");
  }
  EXPECT_EQ(resets,
            (std::vector<std::string>{"/a " + std::to_string(mounted),
                                      "/a " + std::to_string(unmounted)}));
  const v1::Event now = below->events().back();
  EXPECT_EQ(now.kind(), v1::EVENT_KIND_INITIAL);
  EXPECT_EQ(now.new_value().json().number_value(), 1);

  ASSERT_TRUE(beside->WaitForRevision(last));
  EXPECT_EQ(beside->events().size(), 1u);
  for (const auto* reader : {&root, &at, &below, &beside}) {
    EXPECT_EQ((*reader)->Violations(), std::vector<std::string>());
  }
}

TEST_P(MountTest, ItCountsAsAChangeOfEverythingAtAndBelow) {
  const int64_t revision = client().Set("/a/x", "1");
  client().Set("/b", "1");
  const auto write = [&](const std::string& path) {
    v1::CommitRequest request;
    auto& condition =
        *request.add_preconditions()->mutable_unchanged_since();
    condition.mutable_path()->set_text(path);
    condition.set_revision(revision);
    auto& set = *request.add_operations()->mutable_set();
    set.mutable_path()->set_text("/c");
    set.mutable_value()->set_int_value(1);
    return CodeAndReason(client().Commit(request).status);
  };
  EXPECT_EQ(write("/a/x"), "OK");
  ASSERT_TRUE(Mounts().Mount(kMemoryAtA).ok());
  EXPECT_EQ(write("/a/x"), "ABORTED / PRECONDITION_FAILED");
  EXPECT_EQ(write("/a/other"), "ABORTED / PRECONDITION_FAILED");
  EXPECT_EQ(write("/d"), "OK");
}

TEST_P(MountTest, RefusesWhatCannotBe) {
  MountClient mounts = Mounts();
  ASSERT_TRUE(mounts.Mount(kMemoryAtA).ok());
  EXPECT_EQ(CodeAndReason(mounts.Mount(kMemoryAtA).status),
            "ALREADY_EXISTS / MOUNT_EXISTS");
  EXPECT_EQ(CodeAndReason(
                mounts.Mount(R"({"path": {"text": "/"}, "memory": {}})").status),
            "ALREADY_EXISTS / MOUNT_EXISTS");
  EXPECT_EQ(CodeAndReason(mounts.Mount(R"({"path": {"text": "/x"}})").status),
            "INVALID_ARGUMENT / INVALID_REQUEST");
  EXPECT_EQ(CodeAndReason(mounts.Unmount("/a/b").status),
            "NOT_FOUND / MOUNT_NOT_FOUND");
  EXPECT_EQ(CodeAndReason(mounts.Unmount("/").status),
            "FAILED_PRECONDITION / CONFIGURED_MOUNT");
  const auto rocksdb =
      mounts.Mount(R"({"path": {"text": "/k"}, "rocksdb": {}})");
  EXPECT_EQ(CodeAndReason(rocksdb.status),
            durable() ? "OK" : "FAILED_PRECONDITION / NOT_STORABLE");
  EXPECT_TRUE(mounts.Unmount("/a").ok());
  EXPECT_EQ(CodeAndReason(mounts.Unmount("/a").status),
            "NOT_FOUND / MOUNT_NOT_FOUND");
}

TEST_P(MountTest, ListsWhatIsMountedAndHowItIs) {
  MountClient mounts = Mounts();
  ASSERT_TRUE(mounts.Mount(kMemoryAtA).ok());
  client().Set("/a/x", "1");
  client().Set("/a/y", "1");
  EXPECT_EQ(mounts.Outline(),
            durable() ? "/=rocksdb /a=memory /tmp=memory" : "/=memory /a=memory");
  const v1::MountInfo a = mounts.At("/a");
  EXPECT_EQ(a.source(), v1::MOUNT_SOURCE_RPC);
  EXPECT_EQ(a.state(), v1::MOUNT_STATE_UP);
  EXPECT_FALSE(a.durable());
  EXPECT_EQ(a.writes(), 2);
  EXPECT_EQ(a.pending_writes(), 0);
  const v1::MountInfo root = mounts.At("/");
  EXPECT_EQ(root.source(), v1::MOUNT_SOURCE_CONFIGURATION);
  EXPECT_EQ(root.durable(), durable());
  EXPECT_EQ(mounts.Status().mount_problems_size(), 0);
}

TEST_P(MountTest, FlushAnswersWhereNothingWaits) {
  const int64_t revision = client().Set("/a", "1");
  for (const char* path : {"", "/", "/a", "/nowhere/at/all"}) {
    const auto flushed = Mounts().Flush(path);
    ASSERT_TRUE(flushed.ok()) << FailureOf(flushed.status);
    EXPECT_GE(flushed.response.revision(), revision);
  }
}

class DurableMountTest : public ServerTest {
 protected:
  MountClient Mounts() { return MountClient(client().channel()); }
};

TEST_F(DurableMountTest, MountsComeBackAtEveryStart) {
  ASSERT_TRUE(Mounts().Mount(kMemoryAtA).ok());
  ASSERT_TRUE(
      Mounts().Mount(R"({"path": {"text": "/k"}, "rocksdb": {}})").ok());
  ASSERT_TRUE(Mounts()
                  .Mount(R"({"path": {"text": "/q"}, "rocksdb": {},
                             "cache": {"flushInterval": "86400s"}})")
                  .ok());
  client().Set("/a/x", "1");
  client().Set("/k/x", "2");
  Restart();
  EXPECT_EQ(Mounts().Outline(),
            "/=rocksdb /a=memory /k=rocksdb /q=caching rocksdb /tmp=memory");
  EXPECT_EQ(client().Get("/"), R"({"k":{"x":2}})");
  KillAndRestart();
  EXPECT_EQ(client().Get("/"), R"({"k":{"x":2}})");
  EXPECT_EQ(Mounts().At("/q").source(), v1::MOUNT_SOURCE_RPC);
  EXPECT_EQ(Mounts().At("/q").spec().cache().flush_interval().seconds(), 86400);

  // Until they are unmounted. The tree is kept for the next mount there.
  ASSERT_TRUE(Mounts().Unmount("/k").ok());
  ASSERT_TRUE(Mounts().Unmount("/a").ok());
  KillAndRestart();
  EXPECT_EQ(Mounts().Outline(), "/=rocksdb /q=caching rocksdb /tmp=memory");
  EXPECT_EQ(client().Get("/"), "{}");
  ASSERT_TRUE(
      Mounts().Mount(R"({"path": {"text": "/k"}, "rocksdb": {}})").ok());
  EXPECT_EQ(client().Get("/"), R"({"k":{"x":2}})");
}

TEST_F(DurableMountTest, LeasesOfWhatIsHiddenEnd) {
  v1::SetStateRequest request;
  request.mutable_path()->set_text("/a/x");
  request.mutable_value()->set_int_value(1);
  request.mutable_ttl()->set_seconds(3600);
  ASSERT_TRUE(client().SetState(request).ok());
  ASSERT_TRUE(Mounts().Mount(kMemoryAtA).ok());
  ASSERT_TRUE(Mounts().Unmount("/a").ok());
  v1::GetStateRequest read;
  read.mutable_path()->set_text("/a/x");
  const auto reply = client().GetState(read);
  EXPECT_TRUE(reply.response.exists());
  EXPECT_FALSE(reply.response.has_lease());
}

}  // namespace
}  // namespace restate::test
