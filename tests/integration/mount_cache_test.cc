// Caches: what is not flushed yet is read, how it gets to the store, and what a
// crash leaves.
#include <cstdint>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/client.h"
#include "tests/support/error_info.h"
#include "tests/support/mount_client.h"
#include "tests/support/server_test.h"

namespace restate::test {
namespace {

std::string CachedAt(const std::string& path, const std::string& policy) {
  return R"({"path": {"text": ")" + path + R"("}, "rocksdb": {}, "cache": )" +
         policy + "}";
}

// Flushes when it is told to, and never by itself.
constexpr char kByHand[] =
    R"({"flushOnWrite": false, "flushOnDelete": false})";

class MountCacheTest : public ServerTest {
 protected:
  MountClient Mounts() { return MountClient(client().channel()); }
  void Mount(const std::string& spec) {
    const auto mounted = Mounts().Mount(spec);
    ASSERT_TRUE(mounted.ok()) << FailureOf(mounted.status);
  }
};

TEST_F(MountCacheTest, AKillLosesExactlyWhatWasNotFlushed) {
  Mount(CachedAt("/c", kByHand));
  const auto above = Subscribe("/");
  for (int i = 0; i < 10; ++i) {
    client().Set("/c/" + std::to_string(i), std::to_string(i));
  }
  client().Delete("/c/0");
  const auto flushed = Mounts().Flush("/c");
  ASSERT_TRUE(flushed.ok()) << FailureOf(flushed.status);
  const v1::MountInfo clean = Mounts().At("/c");
  EXPECT_EQ(clean.pending_writes(), 0);
  EXPECT_EQ(clean.applied_revision(), flushed.response.revision());
  EXPECT_FALSE(clean.has_oldest_pending_age());

  // The suffix: read like everything else, and counted.
  client().Set("/c/1", R"("later")");
  client().Set("/c/new", "{\"a\": 1}");
  client().Delete("/c/2");
  const int64_t last = client().Set("/kept", "1");
  EXPECT_EQ(client().Get("/c"),
            R"({"1":"later","3":3,"4":4,"5":5,"6":6,"7":7,"8":8,"9":9,)"
            R"("new":{"a":1}})");
  const v1::MountInfo waiting = Mounts().At("/c");
  EXPECT_EQ(waiting.pending_writes(), 3);
  EXPECT_GT(waiting.pending_bytes(), 0);
  EXPECT_TRUE(waiting.has_oldest_pending_age());
  EXPECT_EQ(waiting.applied_revision(), flushed.response.revision());
  ASSERT_TRUE(above->WaitForRevision(last));
  const std::string token = above->token();

  KillAndRestart();
  EXPECT_EQ(client().Get("/c"),
            R"({"1":1,"2":2,"3":3,"4":4,"5":5,"6":6,"7":7,"8":8,"9":9})");
  EXPECT_EQ(client().Get("/kept"), "1");
  // Who was told of the suffix is told that it may be gone.
  v1::SubscribeRequest from_token;
  from_token.add_patterns()->set_text("/");
  from_token.set_resume_token(token);
  const auto resumed = Subscribe(from_token);
  bool told = false;
  for (const v1::Event& event : resumed->events()) {
    if (event.emitting_path().text() != "/c") continue;
    told = true;
    EXPECT_EQ(event.origin().kind(), v1::Origin::KIND_MOUNT);
    EXPECT_GT(event.revision(), last);
  }
  EXPECT_TRUE(told);

  // What was clean when the server died is not reset again.
  const int64_t now = client().Revision();
  const std::string later = resumed->token();
  KillAndRestart();
  from_token.set_resume_token(later);
  const auto again = Subscribe(from_token);
  client().Set("/end", "1");
  again->WaitUntil([](const std::vector<v1::Event>& told) {
    return !told.empty() && told.back().emitting_path().text() == "/end";
  });
  for (const v1::Event& event : again->events()) {
    if (event.revision() <= now) continue;
    EXPECT_NE(event.emitting_path().text(), "/c");
  }
}

TEST_F(MountCacheTest, AStopFlushes) {
  Mount(CachedAt("/c", kByHand));
  client().Set("/c/x", "1");
  EXPECT_EQ(Mounts().At("/c").pending_writes(), 1);
  Restart();
  EXPECT_EQ(client().Get("/c/x"), "1");
  EXPECT_EQ(Mounts().At("/c").pending_writes(), 0);
  KillAndRestart();
  EXPECT_EQ(client().Get("/c/x"), "1");
}

TEST_F(MountCacheTest, AnUnmountFlushes) {
  Mount(CachedAt("/c", kByHand));
  client().Set("/c/x", "1");
  const auto unmounted = Mounts().Unmount("/c");
  ASSERT_TRUE(unmounted.ok()) << FailureOf(unmounted.status);
  EXPECT_EQ(client().Get("/c"), std::nullopt);
  // The same tree without a cache.
  Mount(R"({"path": {"text": "/c"}, "rocksdb": {}})");
  EXPECT_EQ(client().Get("/c"), R"({"x":1})");
}

TEST_F(MountCacheTest, OperationsAskForFlushesAsThePolicySays) {
  // Without an interval each operation that asks is followed by a flush.
  Mount(CachedAt("/w", R"({"flushInterval": "0s"})"));
  client().Set("/w/x", "1");
  EXPECT_EQ(Mounts()
                .WaitFor("/w",
                         [](const v1::MountInfo& mount) {
                           return mount.pending_writes() == 0;
                         })
                .kind(),
            "rocksdb");

  Mount(CachedAt("/d", R"({"flushInterval": "0s", "flushOnWrite": false})"));
  client().Set("/d/x", "1");
  EXPECT_EQ(Mounts().At("/d").pending_writes(), 1);
  client().Delete("/d/y/none");
  client().Delete("/d/x");
  EXPECT_EQ(Mounts()
                .WaitFor("/d",
                         [](const v1::MountInfo& mount) {
                           return mount.pending_writes() == 0;
                         })
                .kind(),
            "rocksdb");

  Mount(CachedAt("/r", R"({"flushInterval": "0s", "flushOnRead": true,
                           "flushOnWrite": false})"));
  client().Set("/r/x", "1");
  client().Get("/r/x");
  EXPECT_EQ(Mounts()
                .WaitFor("/r",
                         [](const v1::MountInfo& mount) {
                           return mount.pending_writes() == 0;
                         })
                .kind(),
            "rocksdb");
}

TEST_F(MountCacheTest, ATimerFlushesWhenTheIntervalIsOver) {
  Mount(CachedAt("/c", R"({"flushInterval": "0.2s"})"));
  client().Set("/c/x", "1");
  EXPECT_EQ(Mounts()
                .WaitFor("/c",
                         [](const v1::MountInfo& mount) {
                           return mount.pending_writes() == 0;
                         })
                .kind(),
            "rocksdb");
  KillAndRestart();
  EXPECT_EQ(client().Get("/c/x"), "1");
}

TEST_F(MountCacheTest, ACacheOverMemoryIsFlushedToo) {
  Mount(R"({"path": {"text": "/m"}, "memory": {}, "cache": {
            "flushOnWrite": false}})");
  client().Set("/m/x", "1");
  EXPECT_EQ(Mounts().At("/m").pending_writes(), 1);
  ASSERT_TRUE(Mounts().Flush("/").ok());
  EXPECT_EQ(Mounts().At("/m").pending_writes(), 0);
  EXPECT_EQ(client().Get("/m/x"), "1");
}

}  // namespace
}  // namespace restate::test
