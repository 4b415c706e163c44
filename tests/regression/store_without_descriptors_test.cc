// Connections that said nothing took every file descriptor that a server may
// have. Then its log was full, the next could not be made, and while the store
// was to be opened again an assertion of RocksDB's ended the process.
//
// Here connections take all that they can get of a low limit, and writes fill
// the log more than once: the server lives, answers those who are connected, and
// is as it was once the connections are gone. Nothing that was answered is lost,
// though it is killed at the end.
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/client.h"
#include "tests/support/error_info.h"
#include "tests/support/mount_client.h"
#include "tests/support/scrape.h"
#include "tests/support/server_process.h"
#include "tests/support/server_test.h"

namespace restate::test {
namespace {

constexpr int kLimit = 256;
// More than the server can take.
constexpr int kConnections = 2 * kLimit;
// A log is full at 64 MiB.
constexpr int kWrites = 12;
constexpr int kLeaves = 12;
constexpr size_t kLeafBytes = 1'000'000;

class StoreWithoutDescriptorsTest : public ServerTest {
 protected:
  void Adapt(ServerProcess::Options* options) override {
    options->max_descriptors = kLimit;
  }
  void TearDown() override {
    LetGo();
    ServerTest::TearDown();
  }

  // Until the server has no descriptor left, or does not take more connections.
  void ConnectAsOftenAsPossible() {
    const std::string& address = server().address();
    sockaddr_in to = {};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons(static_cast<uint16_t>(
        std::atoi(address.substr(address.rfind(':') + 1).c_str())));
    for (int i = 0; i < kConnections && server().OpenDescriptors() < kLimit;
         ++i) {
      const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      ASSERT_GE(fd, 0);
      connections_.push_back(fd);
      // The kernel takes it, whatever the server does.
      connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof(to));
    }
  }
  void LetGo() {
    for (int fd : connections_) close(fd);
    connections_.clear();
  }
  // Random, so that RocksDB cannot make it small.
  Reply<v1::SetStateResponse> SetMuch(int number) {
    v1::SetStateRequest request;
    request.mutable_path()->set_text("/much/" + std::to_string(number));
    auto& fields = *request.mutable_value()->mutable_map_value()
                        ->mutable_fields();
    for (int i = 0; i < kLeaves; ++i) {
      fields["leaf" + std::to_string(i)].set_bytes_value(
          std::string(kLeafBytes, static_cast<char>('a' + i)));
    }
    return client().SetState(request);
  }

 private:
  std::vector<int> connections_;
};

TEST_F(StoreWithoutDescriptorsTest, TheServerGoesOnAndComesBack) {
  client().Set("/a", "1");
  ConnectAsOftenAsPossible();
  std::vector<int> answered;
  for (int i = 0; i < kWrites; ++i) {
    const auto reply = SetMuch(i);
    ASSERT_TRUE(reply.ok() || CodeAndReason(reply.status).starts_with(
                                  "UNAVAILABLE"))
        << i << ": " << FailureOf(reply.status);
    if (reply.ok()) answered.push_back(i);
  }
  EXPECT_EQ(client().Get("/a"), "1");
  // At least the first log was gone through.
  EXPECT_GE(answered.size(), 7u);
  LetGo();
  MountClient admin(client().channel());
  while (!admin.Status().taking_writes()) {
  }
  client().Set("/a", "2");
  KillAndRestart();
  EXPECT_EQ(client().Get("/a"), "2");
  v1::GetStateRequest request;
  for (int i : answered) {
    request.mutable_path()->set_text("/much/" + std::to_string(i) + "/leaf0");
    const auto reply = client().GetState(request);
    ASSERT_TRUE(reply.ok()) << FailureOf(reply.status);
    EXPECT_TRUE(reply.response.exists()) << i;
  }
}

class DescriptorLimitTest : public ServerTest {
 protected:
  void Adapt(ServerProcess::Options* options) override {
    options->max_descriptors = kLimit;
    options->soft_max_descriptors = kLimit / 2;
    options->metrics = true;
  }
};

// The soft limit is 1,024 for most services, and the hard one far above.
TEST_F(DescriptorLimitTest, TheSoftLimitIsRaisedToTheHardOne) {
  const auto scrape = Scrape::Of(server().http_address());
  ASSERT_TRUE(scrape.ok()) << scrape.status();
  EXPECT_EQ(scrape->Value("process_max_fds"), kLimit);
}

}  // namespace
}  // namespace restate::test
