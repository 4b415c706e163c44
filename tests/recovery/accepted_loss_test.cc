// A damaged data directory is refused, and started with --accept-data-loss: what
// can be read is there, in a new epoch, and the log and GetStatus tell what is
// not.
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/match.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "restate/v1/admin_service.grpc.pb.h"
#include "tests/support/client.h"
#include "tests/support/error_info.h"
#include "tests/support/server_process.h"
#include "tests/support/temp_dir.h"

namespace restate::test {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Optional;

constexpr char kRequestId[] = "123e4567-e89b-42d3-a456-426614174000";

std::string Contents(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

class AcceptedLossTest : public testing::Test {
 protected:
  absl::Status Start(bool accept) {
    server_ = nullptr;
    ServerProcess::Options options;
    options.data_dir = data_.path() + "/data";
    if (accept) options.extra_args = {"--accept-data-loss"};
    auto server = ServerProcess::Start(options);
    if (!server.ok()) return server.status();
    server_ = *std::move(server);
    client_ = std::make_unique<Client>(server_->address());
    return absl::OkStatus();
  }
  void SetUp() override {
    ASSERT_EQ(Start(false), absl::OkStatus());
    epoch_ = client_->Epoch();
    client_->Set("/a", "\"the first value\"");
    ASSERT_FALSE(SetOnce().replayed());
    ASSERT_TRUE(SetOnce().replayed());
    middle_ = client_->Set("/b", "\"the second value\"");
    client_->Set("/c", "\"the third value\"");
  }
  // A write with a request id, again and again.
  v1::SetStateResponse SetOnce() {
    v1::SetStateRequest request;
    request.mutable_path()->set_text("/once");
    request.mutable_value()->mutable_json()->set_bool_value(true);
    request.set_request_id(kRequestId);
    const auto reply = client_->SetState(request);
    EXPECT_TRUE(reply.ok()) << FailureOf(reply.status);
    return reply.response;
  }
  v1::GetStatusResponse Status() {
    const auto stub = v1::AdminService::NewStub(client_->channel());
    const auto context = NewContext();
    v1::GetStatusResponse response;
    const grpc::Status status = stub->GetStatus(context.get(), {}, &response);
    EXPECT_TRUE(status.ok()) << FailureOf(status);
    return response;
  }
  std::vector<std::string> Losses() {
    const auto status = Status();
    EXPECT_TRUE(status.has_accepted_loss());
    EXPECT_TRUE(fs::exists(status.accepted_loss().damaged_files()));
    const auto& losses = status.accepted_loss().losses();
    return {losses.begin(), losses.end()};
  }

  // The file that has this in its name and in its contents.
  fs::path FileWith(std::string_view name, std::string_view text) {
    for (const auto& entry :
         fs::directory_iterator(data_.path() + "/data/rocksdb")) {
      if (entry.path().filename().string().find(name) != std::string::npos &&
          Contents(entry.path()).find(text) != std::string::npos) {
        return entry.path();
      }
    }
    ADD_FAILURE() << "no file " << name << " with " << text;
    return "";
  }
  static void Damage(const fs::path& file, size_t at) {
    std::string bytes = Contents(file);
    bytes[at] ^= 0x10;
    std::ofstream(file, std::ios::binary) << bytes;
  }

  // Refused without the flag; with it a new epoch begins, once.
  void ExpectRefusedAndTaken(std::string_view named) {
    const absl::Status refused = Start(false);
    ASSERT_FALSE(refused.ok());
    EXPECT_THAT(std::string(refused.message()), HasSubstr("is damaged"));
    EXPECT_THAT(std::string(refused.message()), HasSubstr(named));
    EXPECT_THAT(std::string(refused.message()),
                HasSubstr("--accept-data-loss"));
    ExpectTaken();
  }
  void ExpectTaken() {
    ASSERT_EQ(Start(true), absl::OkStatus());
    EXPECT_THAT(server_->Log(), HasSubstr("what is lost"));
    const std::string epoch = client_->Epoch();
    EXPECT_NE(epoch, epoch_);
    const std::vector<std::string> losses = Losses();
    EXPECT_THAT(losses, Contains(HasSubstr("the history")));
    // A request of the epoch that is over is another one now.
    EXPECT_FALSE(SetOnce().replayed());
    // It goes on like any other store, and says so still.
    client_->Set("/after", "1");
    ASSERT_EQ(server_->Terminate(), 0);
    ASSERT_EQ(Start(true), absl::OkStatus());
    EXPECT_THAT(server_->Log(), HasSubstr("no damage was found"));
    EXPECT_EQ(client_->Epoch(), epoch);
    EXPECT_THAT(client_->Get("/after"), Optional(std::string("1")));
    EXPECT_EQ(Losses(), losses);
    server_->Kill();
    ASSERT_EQ(Start(false), absl::OkStatus());
    EXPECT_EQ(client_->Epoch(), epoch);
  }
  void ExpectAllThere() {
    EXPECT_EQ(client_->Get("/a"), "\"the first value\"");
    EXPECT_EQ(client_->Get("/b"), "\"the second value\"");
    EXPECT_EQ(client_->Get("/c"), "\"the third value\"");
  }

  TempDir data_;
  std::unique_ptr<ServerProcess> server_;
  std::unique_ptr<Client> client_;
  std::string epoch_;
  // The revision of the second value.
  int64_t middle_ = 0;
};

TEST_F(AcceptedLossTest, AnUndamagedDirectoryStaysAsItIs) {
  server_->Kill();
  ASSERT_EQ(Start(true), absl::OkStatus());
  EXPECT_EQ(client_->Epoch(), epoch_);
  EXPECT_TRUE(SetOnce().replayed());
  EXPECT_FALSE(Status().has_accepted_loss());
  EXPECT_THAT(server_->Log(), HasSubstr("no damage was found"));
  ExpectAllThere();
}

TEST_F(AcceptedLossTest, TheMiddleOfTheLog) {
  server_->Kill();
  const fs::path log = FileWith(".log", "the second value");
  Damage(log, Contents(log).find("the second value"));
  ExpectRefusedAndTaken(log.filename().string());
  EXPECT_EQ(client_->Get("/a"), "\"the first value\"");
  EXPECT_EQ(client_->Get("/b"), std::nullopt);
  EXPECT_EQ(client_->Get("/c"), "\"the third value\"");
  EXPECT_THAT(Losses(),
              Contains(HasSubstr(
                  "the commits after revision " + std::to_string(middle_ - 1) +
                  " and before revision " + std::to_string(middle_ + 1))));
}

TEST_F(AcceptedLossTest, AMissingLog) {
  server_->Kill();
  const fs::path log = FileWith(".log", "the second value");
  fs::remove(log);
  ExpectRefusedAndTaken("is missing");
  EXPECT_EQ(client_->Get("/c"), std::nullopt);
}

TEST_F(AcceptedLossTest, ADataFile) {
  ASSERT_EQ(server_->Terminate(), 0);
  ASSERT_EQ(Start(false), absl::OkStatus());
  client_->Set("/d", "1");
  server_->Kill();
  Damage(FileWith(".sst", "tree"), 10);
  // Opening may not show it, and reading does.
  ExpectTaken();
  EXPECT_THAT(client_->Get("/d"), Optional(std::string("1")));
  EXPECT_THAT(Losses(), Contains(testing::AnyOf(HasSubstr("values from"),
                                                HasSubstr("values after"))));
}

TEST_F(AcceptedLossTest, TheManifest) {
  ASSERT_EQ(server_->Terminate(), 0);
  const fs::path manifest = FileWith("MANIFEST", "tree");
  Damage(manifest, 20);
  ExpectRefusedAndTaken(manifest.filename().string());
  ExpectAllThere();
}

TEST_F(AcceptedLossTest, TheCurrentFile) {
  server_->Kill();
  fs::remove(data_.path() + "/data/rocksdb/CURRENT");
  ExpectRefusedAndTaken("CURRENT");
  ExpectAllThere();
}

TEST_F(AcceptedLossTest, TheHistory) {
  ASSERT_EQ(server_->Terminate(), 0);
  Damage(FileWith(".sst", "history"), 10);
  ExpectRefusedAndTaken(".sst");
  ExpectAllThere();
  EXPECT_THAT(Losses(), ElementsAre(HasSubstr("the history")));
}

}  // namespace
}  // namespace restate::test
