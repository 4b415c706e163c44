// The disk runs full under writes: who writes is told so, health and status say
// why, nothing that was answered is lost, everything can be read on; and when
// there is room again the server goes on by itself, or can be started.
//
// Needs to mount a small file system, and is skipped where that is not allowed.

#include <atomic>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "restate/v1/admin_service.grpc.pb.h"
#include "tests/recovery/small_disk.h"
#include "tests/support/client.h"
#include "tests/support/error_info.h"
#include "tests/support/raw_call.h"
#include "tests/support/server_process.h"

namespace restate::test {
namespace {

using testing::HasSubstr;

constexpr int64_t kDiskBytes = int64_t{64} << 20;
// What others have on the disk at first. When they make room again, there must
// be enough to move what is in the log to files.
constexpr int64_t kTakenBytes = int64_t{40} << 20;
constexpr size_t kLeafBytes = size_t{100} << 10;
constexpr int kWriters = 4;

// Set by main, which runs before any thread.
absl::Status mounts_allowed;

// What grpc.health.v1 answers, in bytes.
const std::string kServing = "\x08\x01";
const std::string kNotServing = "\x08\x02";

// Waits until health says this.
void WaitForHealth(const std::string& address, const std::string& wanted) {
  RawCall watch(Connect(address), "/grpc.health.v1.Health/Watch");
  watch.Write("");
  watch.WritesDone();
  std::string bytes;
  while (bytes != wanted) {
    ASSERT_TRUE(watch.Read(&bytes)) << "the watch of health ended";
  }
}

// What health says now.
std::string Health(const std::string& address) {
  RawCall check(Connect(address), "/grpc.health.v1.Health/Check");
  check.Write("");
  check.WritesDone();
  std::string bytes;
  EXPECT_TRUE(check.Read(&bytes));
  return bytes;
}

v1::GetStatusResponse Status(const std::string& address) {
  const auto stub = v1::AdminService::NewStub(Connect(address));
  const auto context = NewContext();
  v1::GetStatusResponse response;
  const grpc::Status status = stub->GetStatus(context.get(), {}, &response);
  EXPECT_TRUE(status.ok()) << FailureOf(status);
  return response;
}

// "/filled/2/17", each with a value of its own.
std::string LeafPath(int writer, int number) {
  return "/filled/" + std::to_string(writer) + "/" + std::to_string(number);
}

std::string LeafValue(int writer, int number) {
  const std::string name = LeafPath(writer, number);
  return name + std::string(kLeafBytes - name.size(), 'x');
}

Reply<v1::SetStateResponse> WriteLeaf(Client* client, int writer, int number) {
  v1::SetStateRequest request;
  request.mutable_path()->set_text(LeafPath(writer, number));
  request.mutable_value()->set_string_value(LeafValue(writer, number));
  return client->SetState(request);
}

class FullDiskTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!mounts_allowed.ok()) GTEST_SKIP() << mounts_allowed;
    disk_ = std::make_unique<SmallDisk>(kDiskBytes);
    if (!disk_->status().ok()) GTEST_SKIP() << disk_->status();
    disk_->Take(kTakenBytes);
    auto server = ServerProcess::Start({.data_dir = disk_->path() + "/data"});
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  void TearDown() override {
    if (HasFailure() && server_ != nullptr) {
      std::cout << "the server's log:\n" << server_->Log();
    }
    server_ = nullptr;
  }

  // Writes until the disk is full and the server has said so to every writer,
  // and takes what room is left, so that it stays full.
  void WriteUntilFull() {
    std::vector<std::thread> writers;
    answered_.assign(kWriters, 0);
    for (int w = 0; w < kWriters; ++w) {
      writers.emplace_back([this, w] {
        Client client(server_->address());
        while (true) {
          const auto reply = WriteLeaf(&client, w, answered_[w]);
          if (reply.ok()) {
            ++answered_[w];
            continue;
          }
          const std::string failure = CodeAndReason(reply.status);
          if (failure == "UNAVAILABLE / MOUNT_UNAVAILABLE") return;
          ASSERT_EQ(failure, "UNAVAILABLE / OUTCOME_UNKNOWN");
          ++unknown_;
          // It may have happened, and be answered when it is written again.
          disk_->FillUp();
        }
      });
    }
    for (std::thread& writer : writers) writer.join();
    disk_->FillUp();
    EXPECT_GT(unknown_, 0);
  }

  // Every answered leaf is there, and nothing that was not written.
  void ExpectAllThere() {
    Client client(server_->address());
    for (int w = 0; w < kWriters; ++w) {
      EXPECT_GT(answered_[w], 0);
      for (int number = 0; number < answered_[w]; ++number) {
        const auto value = client.GetTyped(LeafPath(w, number));
        ASSERT_TRUE(value.has_value()) << LeafPath(w, number);
        ASSERT_EQ(value->string_value(), LeafValue(w, number));
      }
      EXPECT_FALSE(
          client.GetTyped(LeafPath(w, answered_[w] + 1)).has_value());
    }
  }

  std::unique_ptr<SmallDisk> disk_;
  std::unique_ptr<ServerProcess> server_;
  // How many leaves of each writer were answered.
  std::vector<int> answered_;
  std::atomic<int> unknown_ = 0;
};

TEST_F(FullDiskTest, SaysSoAndGoesOnWhenThereIsRoom) {
  Client client(server_->address());
  client.Set("/tmp/volatile", "1");
  const std::string epoch = client.Epoch();
  WriteUntilFull();

  const v1::GetStatusResponse status = Status(server_->address());
  EXPECT_FALSE(status.taking_writes());
  EXPECT_THAT(status.problem(), HasSubstr("no space left"));
  EXPECT_THAT(status.problem(), HasSubstr(disk_->path()));
  // By then: it used to follow up to a second later, and who asked it in between
  // was sent on to a server that takes no writes.
  EXPECT_EQ(Health(server_->address()), kNotServing);
  const auto refused = WriteLeaf(&client, 0, 0);
  EXPECT_EQ(CodeAndReason(refused.status), "UNAVAILABLE / MOUNT_UNAVAILABLE");
  EXPECT_THAT(refused.status.error_message(), HasSubstr("no space left"));

  EXPECT_THAT(refused.status.error_message(), HasSubstr("reads go on"));

  // Reads go on, of what is in memory, in files and in the log.
  const int64_t revision = client.Revision();
  EXPECT_EQ(client.Get("/tmp/volatile"), "1");
  ExpectAllThere();
  v1::ListChildrenRequest list;
  list.mutable_path()->set_text("/filled");
  const auto children = client.ListChildren(list);
  EXPECT_TRUE(children.ok()) << FailureOf(children.status);
  EXPECT_EQ(children.response.children_size(), kWriters);
  v1::StreamStateRequest stream;
  stream.mutable_path()->set_text("/filled/0");
  EXPECT_TRUE(client.StreamState(stream).ok());
  EXPECT_EQ(client.Revision(), revision);
  EXPECT_FALSE(Status(server_->address()).taking_writes());

  disk_->MakeRoom();
  WaitForHealth(server_->address(), kServing);
  EXPECT_TRUE(Status(server_->address()).taking_writes());
  EXPECT_EQ(Status(server_->address()).problem(), "");
  EXPECT_EQ(client.Get("/tmp/volatile"), "1");
  EXPECT_EQ(client.Epoch(), epoch);
  client.Set("/after", "true");
  ExpectAllThere();

  // And it was not only in memory.
  server_->Kill();
  const absl::Status restarted = server_->Restart();
  ASSERT_TRUE(restarted.ok()) << restarted;
  EXPECT_EQ(Client(server_->address()).Get("/after"), "true");
  ExpectAllThere();
}

TEST_F(FullDiskTest, KilledWhileItIsFull) {
  WriteUntilFull();
  server_->Kill();
  // A start needs some room. Without it the server says so.
  const absl::Status refused = server_->Restart();
  EXPECT_EQ(refused.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("no space left"));
  disk_->MakeRoom();
  const absl::Status restarted = server_->Restart();
  ASSERT_TRUE(restarted.ok()) << restarted;
  ExpectAllThere();
  Client(server_->address()).Set("/after", "true");
}

}  // namespace
}  // namespace restate::test

int main(int argc, char** argv) {
  restate::test::mounts_allowed = restate::test::AllowMounts();
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
