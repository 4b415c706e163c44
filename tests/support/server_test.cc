#include "tests/support/server_test.h"

#include <fstream>
#include <iostream>
#include <utility>

#include "tests/support/error_info.h"

namespace restate::test {

void ServerTest::SetUp() {
  ServerProcess::Options options;
  if (storage_ == Storage::kRocksDb) options.data_dir = data_.path();
  options.metrics = Metrics();
  if (const std::string config = Config(); !config.empty()) {
    const std::string file = config_.path() + "/restated.yaml";
    std::ofstream(file) << config;
    options.extra_args = {"--config", file};
  }
  Adapt(&options);
  auto server = ServerProcess::Start(options);
  ASSERT_TRUE(server.ok()) << server.status();
  server_ = *std::move(server);
  client_ = NewClient();
}

void ServerTest::TearDown() {
  if (server_ == nullptr) return;
  client_ = nullptr;
  if (server_->running()) {
    EXPECT_EQ(server_->Terminate(), 0);
  }
  if (HasFailure()) {
    std::cerr << "the server said:\n" << server_->Log() << std::endl;
  }
}

std::unique_ptr<Client> ServerTest::NewClient() {
  return std::make_unique<Client>(server_->address());
}

void ServerTest::Restart() {
  client_ = nullptr;
  ASSERT_EQ(server_->Terminate(), 0);
  const absl::Status restarted = server_->Restart();
  ASSERT_TRUE(restarted.ok()) << restarted;
  client_ = NewClient();
}

void ServerTest::KillAndRestart() {
  client_ = nullptr;
  server_->Kill();
  const absl::Status restarted = server_->Restart();
  ASSERT_TRUE(restarted.ok()) << restarted;
  client_ = NewClient();
}

std::unique_ptr<SubscriptionReader> ServerTest::Subscribe(
    const std::string& pattern) {
  v1::SubscribeRequest request;
  request.add_patterns()->set_text(pattern);
  return Subscribe(request);
}

std::unique_ptr<SubscriptionReader> ServerTest::Subscribe(
    const v1::SubscribeRequest& request) {
  auto reader = std::make_unique<SubscriptionReader>(
      Connect(server_->address()), request);
  EXPECT_TRUE(reader->WaitForSynced()) << FailureOf(reader->WaitForEnd());
  return reader;
}

}  // namespace restate::test
