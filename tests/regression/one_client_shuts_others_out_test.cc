// What was seen: a client opened 10,000 sessions in six seconds and went away.
// Until their grace time was over nobody else got one: TOO_MANY_SESSIONS, with the
// advice to close some. Subscribe streams had no bound at all.
//
// Why: the bounds were in all, and whoever came first could have everything.
//
// Here: clients from several addresses. One takes what one client may; others are
// not concerned, unless bounds per client are off, or do not hold behind a proxy.

#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/client.h"
#include "tests/support/error_info.h"
#include "tests/support/forwarder.h"
#include "tests/support/server_test.h"
#include "tests/support/session_reader.h"
#include "tests/support/subscription_reader.h"

namespace restate::test {
namespace {

class OneClientShutsOthersOutTest : public ServerTest {
 protected:
  OneClientShutsOthersOutTest() : ServerTest(Storage::kMemory) {}

  std::string Config() const override {
    return "limits:\n"
           "  sessions: 5\n"
           "  sessions_per_client: 3\n"
           "  streams: 5\n"
           "  streams_per_client: 3\n" +
           more_config_;
  }

  // A client from 127.0.0.`last`.
  std::unique_ptr<Client> ClientFrom(int last) {
    forwarders_.push_back(std::make_unique<Forwarder>(
        server().address(), "127.0.0." + std::to_string(last)));
    return std::make_unique<Client>(forwarders_.back()->address());
  }
  // Opens a session, and goes away. "" or CODE / REASON of what it came to.
  std::string AbandonSession(Client& client) {
    SessionReader reader(client.channel(), v1::OpenSessionRequest());
    if (!reader.WaitForOpened().session_id().empty()) return "";
    return CodeAndReason(reader.WaitForEnd());
  }
  // Subscribes and keeps the stream open.
  std::string KeepStream(Client& client) {
    v1::SubscribeRequest request;
    request.add_patterns()->set_text("/a");
    readers_.push_back(
        std::make_unique<SubscriptionReader>(client.channel(), request));
    if (readers_.back()->WaitForSynced()) return "";
    return CodeAndReason(readers_.back()->WaitForEnd());
  }

  std::string more_config_;
  std::vector<std::unique_ptr<Forwarder>> forwarders_;
  std::vector<std::unique_ptr<SubscriptionReader>> readers_;
};

constexpr char kNoSession[] = "RESOURCE_EXHAUSTED / TOO_MANY_SESSIONS";
constexpr char kNoStream[] = "RESOURCE_EXHAUSTED / TOO_MANY_STREAMS";

TEST_F(OneClientShutsOthersOutTest, ByItsSessions) {
  const auto first = ClientFrom(2);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(AbandonSession(*first), "");
  EXPECT_EQ(AbandonSession(*first), kNoSession);
  // On another connection it is the same.
  EXPECT_EQ(AbandonSession(*ClientFrom(2)), kNoSession);
  const auto second = ClientFrom(3);
  EXPECT_EQ(AbandonSession(*second), "");
  EXPECT_EQ(AbandonSession(*second), "");
  // Five in all.
  EXPECT_EQ(AbandonSession(*second), kNoSession);
}

TEST_F(OneClientShutsOthersOutTest, ByItsStreams) {
  const auto first = ClientFrom(2);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(KeepStream(*first), "");
  EXPECT_EQ(KeepStream(*first), kNoStream);
  const auto second = ClientFrom(3);
  EXPECT_EQ(KeepStream(*second), "");
  EXPECT_EQ(KeepStream(*second), "");
  EXPECT_EQ(KeepStream(*second), kNoStream);
  // Nor are reads and writes concerned.
  EXPECT_GT(first->Set("/a", "1"), 0);
}

class WithoutBoundsPerClientTest : public OneClientShutsOthersOutTest {
 protected:
  WithoutBoundsPerClientTest() { more_config_ = "  per_client: off\n"; }
};

TEST_F(WithoutBoundsPerClientTest, OnlyThoseInAllHold) {
  const auto first = ClientFrom(2);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(AbandonSession(*first), "");
  EXPECT_EQ(AbandonSession(*first), kNoSession);
  EXPECT_EQ(AbandonSession(*ClientFrom(3)), kNoSession);
}

class BehindAProxyTest : public OneClientShutsOthersOutTest {
 protected:
  BehindAProxyTest() { more_config_ = "trusted_proxies: [127.0.0.2/31]\n"; }
};

TEST_F(BehindAProxyTest, ManyStandBehindOneAddress) {
  const auto direct = ClientFrom(4);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(KeepStream(*direct), "");
  EXPECT_EQ(KeepStream(*direct), kNoStream);
  const auto behind = ClientFrom(3);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(AbandonSession(*behind), "");
  EXPECT_EQ(AbandonSession(*behind), kNoSession);
}

}  // namespace
}  // namespace restate::test
