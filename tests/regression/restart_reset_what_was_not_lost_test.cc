// A subscription to `/*/b` that was taken up after a restart got `reset` of `/`, a
// gap, and all its values again, those of RocksDB too, because `/tmp` is volatile
// and every start resets it; the same when something was mounted at `/m`. `/` was
// told that an empty `/tmp` had been deleted. A reset was always of everything,
// and whether a volatile mount had held anything was known to nobody.
//
// The server is killed and started again, and mounts come and go under those who
// hear of them in part: they hear of that part alone.
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/client.h"
#include "tests/support/error_info.h"
#include "tests/support/mount_client.h"
#include "tests/support/server_process.h"
#include "tests/support/subscription_reader.h"
#include "tests/support/temp_dir.h"

namespace restate::test {
namespace {

using Lines = std::vector<std::string>;

// What the batches say but for progress: "reset /m 7 of (6, 7] below /m",
// "INITIAL /m/b", "done /m".
Lines Told(const std::vector<v1::EventBatch>& batches) {
  Lines lines;
  for (const v1::EventBatch& batch : batches) {
    if (batch.has_reset()) {
      lines.push_back("reset " + batch.reset().path().text() + " " +
                      std::to_string(batch.reset().revision()) + " of (" +
                      std::to_string(batch.gap().after_revision()) + ", " +
                      std::to_string(batch.gap().through_revision()) +
                      "] below " + batch.gap().path().text());
    }
    for (const v1::Event& event : batch.events()) {
      lines.push_back(v1::EventKind_Name(event.kind()).substr(11) + " " +
                      event.emitting_path().text() + " at " +
                      event.current_path().text());
    }
    if (batch.has_reset_done()) {
      lines.push_back("done " + batch.reset_done().path().text());
    }
  }
  return lines;
}

class ResetScopeTest : public testing::Test {
 protected:
  void SetUp() override {
    ServerProcess::Options options;
    options.data_dir = directory_.path();
    auto server = ServerProcess::Start(options);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }
  Client NewClient() { return Client(server_->address()); }
  std::unique_ptr<SubscriptionReader> Subscribe(const std::string& pattern,
                                                const std::string& token = "") {
    v1::SubscribeRequest request;
    request.add_patterns()->set_text(pattern);
    if (token.empty()) {
      request.mutable_snapshot();
    } else {
      request.set_resume_token(token);
    }
    return std::make_unique<SubscriptionReader>(NewClient().channel(), request);
  }
  // The token of one that knows all there is.
  std::string TokenOf(const std::string& pattern) {
    auto reader = Subscribe(pattern);
    EXPECT_TRUE(reader->WaitForSynced());
    return reader->token();
  }
  // What it is told after `token`, up to now.
  Lines After(const std::string& pattern, const std::string& token) {
    auto reader = Subscribe(pattern, token);
    EXPECT_TRUE(reader->WaitForSynced()) << FailureOf(reader->WaitForEnd());
    EXPECT_EQ(reader->Violations(), Lines());
    return Told(reader->batches());
  }

  TempDir directory_;
  std::unique_ptr<ServerProcess> server_;
};

TEST_F(ResetScopeTest, ARestartResetsBelowTheMountThatLostSomething) {
  NewClient().Set("/b/b", "1");
  NewClient().Set("/tmp/b", "1");
  const std::string below = TokenOf("/*/b");
  const std::string beside = TokenOf("/b/b");
  const std::string at = TokenOf("/tmp");
  server_->Kill();
  ASSERT_TRUE(server_->Restart().ok());
  const int64_t start = NewClient().Revision();
  const std::string revision = std::to_string(start);
  EXPECT_EQ(After("/*/b", below),
            (Lines{"reset /tmp " + revision + " of (" +
                       std::to_string(start - 1) + ", " + revision +
                       "] below /tmp",
                   "done /tmp"}));
  EXPECT_EQ(After("/b/b", beside), Lines());
  EXPECT_EQ(After("/tmp", at), (Lines{"DELETE /tmp at /tmp"}));
}

TEST_F(ResetScopeTest, ARestartSaysNothingOfAMountThatHeldNothing) {
  NewClient().Set("/b/b", "1");
  const std::string above = TokenOf("/");
  const std::string below = TokenOf("/*/b");
  server_->Kill();
  ASSERT_TRUE(server_->Restart().ok());
  EXPECT_EQ(After("/", above), Lines());
  EXPECT_EQ(After("/*/b", below), Lines());
}

TEST_F(ResetScopeTest, ThoseWhoSeeAMountInPartHearOfThatPart) {
  NewClient().Set("/b/b", "1");
  NewClient().Set("/m/b", "\"under\"");
  auto live = Subscribe("/*/b");
  ASSERT_TRUE(live->WaitForSynced());
  const std::string token = live->token();
  const size_t before = live->batches().size();
  const auto mounted = MountClient(NewClient().channel())
                           .Mount(R"({"path": {"text": "/m"}, "memory": {}})");
  ASSERT_TRUE(mounted.ok()) << FailureOf(mounted.status);
  NewClient().Set("/m/b", "\"in the mount\"");
  const auto unmounted = MountClient(NewClient().channel()).Unmount("/m");
  ASSERT_TRUE(unmounted.ok()) << FailureOf(unmounted.status);
  const int64_t last = NewClient().Set("/b/b", "2");
  ASSERT_TRUE(live->WaitForRevision(last));
  const auto reset = [](int64_t revision) {
    return "reset /m " + std::to_string(revision) + " of (" +
           std::to_string(revision - 1) + ", " + std::to_string(revision) +
           "] below /m";
  };
  const Lines expected = {reset(mounted.response.revision()), "done /m",
                          "SET /m/b at /m/b",
                          reset(unmounted.response.revision()),
                          "INITIAL /m/b at /m/b", "done /m",
                          "SET /b/b at /b/b"};
  const std::vector<v1::EventBatch> batches = live->batches();
  EXPECT_EQ(Told({batches.begin() + static_cast<ptrdiff_t>(before),
                  batches.end()}),
            expected);
  EXPECT_EQ(live->Violations(), Lines());
  EXPECT_EQ(After("/*/b", token), expected);
}

}  // namespace
}  // namespace restate::test
