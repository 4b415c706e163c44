// A backup of the real server, and what becomes of it in another one.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "restate/v1/admin_service.grpc.pb.h"
#include "tests/support/client.h"
#include "tests/support/error_info.h"
#include "tests/support/mount_client.h"
#include "tests/support/server_process.h"
#include "tests/support/server_test.h"
#include "tests/support/temp_dir.h"

namespace restate::test {
namespace {

std::unique_ptr<v1::AdminService::Stub> AdminOf(const std::string& address) {
  return v1::AdminService::NewStub(Connect(address));
}

// The messages of a backup.
std::vector<std::string> BackUp(const std::string& address,
                                int64_t* entries = nullptr) {
  const auto admin = AdminOf(address);
  const auto context = NewContext();
  const auto reader = admin->Backup(context.get(), {});
  std::vector<std::string> parts;
  v1::BackupResponse response;
  while (reader->Read(&response)) {
    parts.push_back(response.data());
    if (entries != nullptr) *entries = response.progress().entries();
  }
  const grpc::Status status = reader->Finish();
  EXPECT_TRUE(status.ok()) << FailureOf(status);
  return parts;
}

Reply<v1::RestoreResponse> Restore(const std::string& address,
                                   const std::vector<std::string>& parts) {
  const auto admin = AdminOf(address);
  const auto context = NewContext();
  Reply<v1::RestoreResponse> reply;
  const auto writer = admin->Restore(context.get(), &reply.response);
  for (const std::string& part : parts) {
    v1::RestoreRequest request;
    request.set_data(part);
    if (!writer->Write(request)) break;
  }
  writer->WritesDone();
  reply.status = writer->Finish();
  return reply;
}

v1::GetStatusResponse StatusOf(const std::string& address) {
  const auto admin = AdminOf(address);
  const auto context = NewContext();
  v1::GetStatusResponse response;
  EXPECT_TRUE(admin->GetStatus(context.get(), {}, &response).ok());
  return response;
}

class BackupTest : public ServerTest {
 protected:
  std::string Config() const override { return MountsByRpc(); }
  // A second server, empty, on a directory of its own.
  void StartOther() {
    other_data_ = std::make_unique<TempDir>();
    ServerProcess::Options options;
    options.data_dir = other_data_->path();
    auto other = ServerProcess::Start(options);
    ASSERT_TRUE(other.ok()) << other.status();
    other_ = *std::move(other);
  }
  const std::string& other() const { return other_->address(); }
  std::string OtherState() {
    return Client(other()).Get("/").value_or("nothing");
  }

  std::unique_ptr<TempDir> other_data_;
  std::unique_ptr<ServerProcess> other_;
};

TEST_F(BackupTest, ComesBackInAnotherServerAndLasts) {
  client().Set("/a", R"({"/": 1, "b": {"c": [1, {"d": null}]}})");
  client().Set("/big", absl::StrCat("\"", std::string(700'000, 'x'), "\""));
  for (int i = 0; i < 50; ++i) {
    client().Set(absl::StrCat("/many/", i),
                 absl::StrCat("\"", std::string(10'000, 'y'), "\""));
  }
  client().Set("/tmp/volatile", "true");
  const std::string expected = *client().Get("/");
  int64_t entries = 0;
  const std::vector<std::string> parts = BackUp(server().address(), &entries);
  EXPECT_GT(parts.size(), 4u);
  client().Set("/later", "1");

  StartOther();
  const auto reply = Restore(other(), parts);
  ASSERT_TRUE(reply.ok()) << FailureOf(reply.status);
  EXPECT_EQ(reply.response.entries(), 54);
  EXPECT_EQ(entries, 54);
  EXPECT_EQ(reply.response.backup_epoch(), client().Epoch());
  EXPECT_NE(reply.response.epoch(), client().Epoch());
  EXPECT_EQ(OtherState(), expected);
  EXPECT_EQ(StatusOf(other()).problem(), "");
  EXPECT_FALSE(StatusOf(other()).has_restore());
  other_->Kill();
  ASSERT_TRUE(other_->Restart().ok());
  // What was in memory is gone, as after any restart.
  Client restored(other());
  EXPECT_EQ(restored.Get("/a"), client().Get("/a"));
  EXPECT_EQ(restored.Get("/many"), client().Get("/many"));
  EXPECT_EQ(restored.Get("/big"), client().Get("/big"));

  // Clients of the old server notice.
  v1::GetStateRequest read;
  read.mutable_path()->set_text("/a");
  read.set_epoch(client().Epoch());
  EXPECT_EQ(CodeAndReason(restored.GetState(read).status),
            "OUT_OF_RANGE / EPOCH_CHANGED");
}

TEST_F(BackupTest, WhatWasMountedIsMountedAgainAndHoldsWhatItHeld) {
  MountClient mounts(client().channel());
  client().Set("/x/hidden", "0");
  ASSERT_TRUE(
      mounts.Mount(R"({"path": {"text": "/x"}, "rocksdb": {}})").ok());
  ASSERT_TRUE(
      mounts.Mount(R"({"path": {"text": "/x/y"}, "rocksdb": {},
                       "cache": {"flushInterval": "3600s"}})")
          .ok());
  client().Set("/x", R"({"a": 1, "y": {"b": 2}})");
  const std::string expected = *client().Get("/");
  const std::vector<std::string> parts = BackUp(server().address());

  StartOther();
  const auto reply = Restore(other(), parts);
  ASSERT_TRUE(reply.ok()) << FailureOf(reply.status);
  const auto check = [&] {
    Client restored(other());
    EXPECT_EQ(restored.Get("/"), expected);
    EXPECT_EQ(MountClient(restored.channel()).Outline(), mounts.Outline());
  };
  check();
  EXPECT_EQ(other_->Terminate(), 0);
  ASSERT_TRUE(other_->Restart().ok());
  check();
  // It is in the mount, not in what the mount hides.
  Client restored(other());
  ASSERT_TRUE(MountClient(restored.channel()).Unmount("/x/y").ok());
  EXPECT_EQ(restored.Get("/x"), R"({"a":1})");
}

// A backup that somebody made by hand would have mounted anything.
TEST_F(BackupTest, WhatCallsMayNotMountIsNotRestoredEither) {
  MountClient mounts(client().channel());
  ASSERT_TRUE(
      mounts.Mount(R"({"path": {"text": "/x"}, "rocksdb": {}})").ok());
  const TempDir files;
  ASSERT_TRUE(mounts
                  .Mount(R"({"path": {"text": "/f"}, "filesystem":
                             {"directory": ")" +
                         files.path() + "/state\"}}")
                  .ok());
  client().Set("/f/a", "1");
  const std::vector<std::string> parts = BackUp(server().address());

  // Its configuration allows nothing.
  StartOther();
  const auto reply = Restore(other(), parts);
  EXPECT_EQ(CodeAndReason(reply.status),
            "FAILED_PRECONDITION / MOUNT_NOT_ALLOWED");
  EXPECT_NE(reply.status.error_message().find("the mount at /f: "),
            std::string::npos)
      << reply.status.error_message();
  // And nothing of it is there.
  Client restored(other());
  EXPECT_EQ(MountClient(restored.channel()).Outline(),
            "/=rocksdb /tmp=memory");
}

TEST_F(BackupTest, IsRefusedByAServerThatHoldsSomething) {
  client().Set("/a", "1");
  const auto reply = Restore(server().address(), BackUp(server().address()));
  EXPECT_EQ(CodeAndReason(reply.status), "FAILED_PRECONDITION / NOT_EMPTY");
  EXPECT_EQ(client().Get("/a"), "1");
  EXPECT_EQ(StatusOf(server().address()).problem(), "");
}

TEST_F(BackupTest, ADamagedOneIsDataLossNamingTheChunk) {
  for (int i = 0; i < 50; ++i) {
    client().Set(absl::StrCat("/", i),
                 absl::StrCat("\"", std::string(10'000, 'y'), "\""));
  }
  std::vector<std::string> parts = BackUp(server().address());
  ASSERT_GE(parts.size(), 4u);
  const std::vector<std::string> intact = parts;
  parts[2][1'000] ^= 1;
  StartOther();
  auto reply = Restore(other(), parts);
  EXPECT_EQ(CodeAndReason(reply.status), "DATA_LOSS / CORRUPT");
  EXPECT_EQ(FailureOf(reply.status).metadata["chunk"], "2");
  EXPECT_TRUE(absl::StrContains(StatusOf(other()).problem(), "restore again"));

  // Without its end.
  Client(other()).Delete("/");
  parts = intact;
  parts.pop_back();
  EXPECT_EQ(CodeAndReason(Restore(other(), parts).status),
            "DATA_LOSS / CORRUPT");
  Client(other()).Delete("/");
  EXPECT_TRUE(Restore(other(), intact).ok());
  EXPECT_EQ(StatusOf(other()).problem(), "");
  EXPECT_EQ(OtherState(), *client().Get("/"));
  EXPECT_EQ(CodeAndReason(Restore(other(), {"no backup"}).status),
            "INVALID_ARGUMENT / INVALID_REQUEST");
}

TEST_F(BackupTest, ARestoreThatIsKilledSaysSoAfterwards) {
  for (int i = 0; i < 50; ++i) {
    client().Set(absl::StrCat("/", i),
                 absl::StrCat("\"", std::string(10'000, 'y'), "\""));
  }
  const std::vector<std::string> parts = BackUp(server().address());
  ASSERT_GE(parts.size(), 4u);
  StartOther();
  {
    const auto admin = AdminOf(other());
    const auto context = NewContext();
    v1::RestoreResponse response;
    const auto writer = admin->Restore(context.get(), &response);
    for (size_t i = 0; i < 2; ++i) {
      v1::RestoreRequest request;
      request.set_data(parts[i]);
      ASSERT_TRUE(writer->Write(request));
    }
    // Until some of it is there.
    while (StatusOf(other()).restore().entries() == 0) {
    }
    other_->Kill();
    EXPECT_FALSE(writer->Finish().ok());
  }
  ASSERT_TRUE(other_->Restart().ok());
  const v1::GetStatusResponse status = StatusOf(other());
  EXPECT_TRUE(absl::StrContains(status.problem(), "incomplete"))
      << status.problem();
  EXPECT_TRUE(status.taking_writes());
  EXPECT_FALSE(status.has_restore());
  EXPECT_NE(OtherState(), "{}");
  Client(other()).Delete("/");
  const auto reply = Restore(other(), parts);
  ASSERT_TRUE(reply.ok()) << FailureOf(reply.status);
  EXPECT_EQ(OtherState(), *client().Get("/"));
  EXPECT_EQ(StatusOf(other()).problem(), "");
}

}  // namespace
}  // namespace restate::test
