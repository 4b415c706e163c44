// Paths that go by themselves, and requests that are sent again, over the wire:
// also when the server is killed in between.

#include <cstdint>
#include <cstdio>
#include <iostream>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "engine/sync/mutex.h"
#include "gtest/gtest.h"
#include "restate/v1/admin_service.grpc.pb.h"
#include "tests/support/client.h"
#include "tests/support/error_info.h"
#include "tests/support/json.h"
#include "tests/support/server_test.h"

namespace restate::test {
namespace {

constexpr char kId[] = "123e4567-e89b-42d3-a456-426614174000";

std::string NewUuid(std::mt19937_64& random) {
  const uint64_t high = random();
  const uint64_t low = random();
  char text[37];
  std::snprintf(text, sizeof(text), "%08x-%04x-%04x-%04x-%012llx",
                static_cast<unsigned>(high >> 32),
                static_cast<unsigned>(high >> 16 & 0xffff),
                static_cast<unsigned>(high & 0xffff),
                static_cast<unsigned>(low >> 48),
                static_cast<unsigned long long>(low & 0xffffffffffff));
  return text;
}

v1::SetStateRequest SetFor(const std::string& path, const std::string& ttl) {
  return FromJson<v1::SetStateRequest>(R"({"path": {"text": ")" + path +
                                       R"("}, "value": {"json": 1}, "ttl": ")" +
                                       ttl + "\"}");
}

v1::SetStateRequest Add(const std::string& id, int64_t value) {
  v1::SetStateRequest request;
  request.mutable_path()->set_text("/sum");
  request.set_mode(v1::WRITE_MODE_ADD);
  request.mutable_value()->set_int_value(value);
  request.set_encoding(v1::VALUE_ENCODING_TYPED);
  request.set_request_id(id);
  return request;
}

class TtlTest : public StorageTest {
 protected:
  v1::Lease LeaseOf(const std::string& path) {
    v1::GetStateRequest request;
    request.mutable_path()->set_text(path);
    const auto reply = client().GetState(request);
    EXPECT_TRUE(reply.ok()) << FailureOf(reply.status);
    return reply.response.lease();
  }
};

TEST_P(TtlTest, ThePathGoesWithWhatIsBelow) {
  const auto reader = Subscribe("/lock");
  ASSERT_TRUE(reader->WaitForSynced());
  // In one commit: between two, the time might be over.
  const auto written = client().Commit(FromJson<v1::CommitRequest>(R"({
      "operations": [
        {"set": {"path": {"text": "/lock"}, "value": {"json": 1},
                 "ttl": "0.3s"}},
        {"set": {"path": {"text": "/lock/note"}, "value": {"json": 2}}}
      ]})"));
  ASSERT_TRUE(written.ok()) << FailureOf(written.status);
  const std::vector<v1::Event> events = reader->WaitForEvents(3);
  ASSERT_EQ(events.size(), 3u);
  EXPECT_EQ(events[2].kind(), v1::EVENT_KIND_DELETE);
  EXPECT_EQ(events[2].emitting_path().text(), "/lock");
  EXPECT_EQ(events[2].origin().kind(), v1::Origin::KIND_EXPIRED);
  EXPECT_TRUE(events[2].has_prev_value());
  EXPECT_FALSE(client().Get("/lock/note").has_value());
  EXPECT_EQ(reader->Violations(), std::vector<std::string>());
}

TEST_P(TtlTest, AWriteWithoutEndsItAndOneWithStartsItAnew) {
  ASSERT_TRUE(client().SetState(SetFor("/kept", "0.2s")).ok());
  client().Set("/kept", "1");
  EXPECT_EQ(ToJson(LeaseOf("/kept")), "{}");
  ASSERT_TRUE(client().SetState(SetFor("/a", "0.2s")).ok());
  const auto longer = client().SetState(SetFor("/a", "3600s"));
  ASSERT_TRUE(longer.ok()) << FailureOf(longer.status);
  EXPECT_FALSE(longer.response.changed());
  const v1::Lease lease = LeaseOf("/a");
  EXPECT_EQ(lease.session_id(), "");
  EXPECT_EQ(lease.ttl().seconds(), 3600);
  EXPECT_GT(lease.expires_in().seconds(), 3000);
  // When one that was written later is gone, they would be too.
  const auto reader = Subscribe("/later");
  ASSERT_TRUE(reader->WaitForSynced());
  ASSERT_TRUE(client().SetState(SetFor("/later", "0.3s")).ok());
  EXPECT_EQ(reader->WaitForEvents(2).size(), 2u);
  EXPECT_EQ(client().Get("/kept"), "1");
  EXPECT_EQ(client().Get("/a"), "1");
}

TEST_P(TtlTest, WhatIsNoTtlIsRefused) {
  for (const char* ttl : {"0s", "-1s", "31536001s"}) {
    EXPECT_EQ(CodeAndReason(client().SetState(SetFor("/a", ttl)).status),
              "INVALID_ARGUMENT / INVALID_REQUEST");
  }
  EXPECT_FALSE(client().Get("/a").has_value());
}

INSTANTIATE_OVER_STORAGES(TtlTest);

class RestartTest : public ServerTest {};

TEST_F(RestartTest, ATtlHasItsFullTimeAgain) {
  ASSERT_TRUE(client().SetState(SetFor("/long", "3600s")).ok());
  ASSERT_TRUE(client().SetState(SetFor("/short", "2s")).ok());
  ASSERT_TRUE(client().SetState(SetFor("/tmp/volatile", "2s")).ok());
  const int64_t before = client().Revision();
  KillAndRestart();
  v1::GetStateRequest get;
  get.mutable_path()->set_text("/long");
  const auto read = client().GetState(get);
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read.response.lease().ttl().seconds(), 3600);
  // From the history, so that it is seen whenever it happened.
  v1::SubscribeRequest request;
  request.add_patterns()->set_text("/short");
  request.set_after_revision(before);
  const auto reader = Subscribe(request);
  const std::vector<v1::Event> events = reader->WaitForEvents(1);
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].kind(), v1::EVENT_KIND_DELETE);
  EXPECT_EQ(events[0].origin().kind(), v1::Origin::KIND_EXPIRED);
  EXPECT_EQ(client().Get("/long"), "1");
}

class RequestIdTest : public StorageTest {};

TEST_P(RequestIdTest, EveryWriteIsAnsweredAgain) {
  const auto set = Add("00000000-0000-4000-8000-000000000001", 5);
  const auto deletion = FromJson<v1::DeleteStateRequest>(
      R"({"path": {"text": "/gone"},
          "requestId": "00000000-0000-4000-8000-000000000002"})");
  const auto ping = FromJson<v1::PingRequest>(
      R"({"path": {"text": "/p"},
          "requestId": "00000000-0000-4000-8000-000000000003"})");
  const auto commit = FromJson<v1::CommitRequest>(
      R"({"operations": [{"set": {"path": {"text": "/list"},
                                  "value": {"json": [1]},
                                  "mode": "WRITE_MODE_APPEND"}},
                         {"delete": {"path": {"text": "/nothing"}}},
                         {"ping": {}}],
          "requestId": "00000000-0000-4000-8000-000000000004"})");
  client().Set("/gone", "1");
  std::vector<std::string> first;
  int64_t revision = 0;
  for (int round = 0; round < 3; ++round) {
    if (round == 2 && GetParam() == Storage::kRocksDb) KillAndRestart();
    const auto set_reply = client().SetState(set);
    const auto delete_reply = client().DeleteState(deletion);
    const auto ping_reply = client().Ping(ping);
    const auto commit_reply = client().Commit(commit);
    ASSERT_TRUE(set_reply.ok() && delete_reply.ok() && ping_reply.ok() &&
                commit_reply.ok());
    EXPECT_EQ(set_reply.response.replayed(), round > 0);
    EXPECT_EQ(delete_reply.response.replayed(), round > 0);
    EXPECT_EQ(ping_reply.response.replayed(), round > 0);
    EXPECT_EQ(commit_reply.response.replayed(), round > 0);
    std::vector<std::string> answers;
    const auto keep = [&answers](auto response) {
      response.clear_replayed();
      answers.push_back(ToJson(response));
    };
    keep(set_reply.response);
    keep(delete_reply.response);
    keep(ping_reply.response);
    keep(commit_reply.response);
    if (round == 0) {
      first = answers;
      revision = client().Revision();
    }
    EXPECT_EQ(answers, first);
    if (round == 1) {
      EXPECT_EQ(client().Revision(), revision) << "nothing happened again";
    }
  }
  EXPECT_EQ(client().Get("/sum"), "5");
  EXPECT_EQ(client().Get("/list"), "[1]");

  // The stream shares the ids of Commit.
  const auto context = NewContext();
  const auto stream = client().state().Write(context.get());
  v1::WriteRequest write;
  write.set_sequence(1);
  *write.mutable_commit() = commit;
  ASSERT_TRUE(stream->Write(write));
  stream->WritesDone();
  v1::WriteResponse answer;
  ASSERT_TRUE(stream->Read(&answer));
  EXPECT_TRUE(answer.commit().replayed()) << ToJson(answer);
  EXPECT_FALSE(stream->Read(&answer));
  EXPECT_TRUE(stream->Finish().ok());

  const auto admin = v1::AdminService::NewStub(client().channel());
  v1::GetStatusResponse status;
  const auto status_context = NewContext();
  ASSERT_TRUE(admin->GetStatus(status_context.get(), {}, &status).ok());
  EXPECT_EQ(status.request_ids().count(), 4);
  EXPECT_GT(status.request_ids().bytes(), 0);
  EXPECT_TRUE(status.request_ids().has_oldest_time());
}

TEST_P(RequestIdTest, WhatIsNoRetryIsRefused) {
  ASSERT_TRUE(client().SetState(Add(kId, 1)).ok());
  EXPECT_EQ(CodeAndReason(client().SetState(Add(kId, 2)).status),
            "INVALID_ARGUMENT / INVALID_REQUEST");
  EXPECT_EQ(CodeAndReason(client().SetState(Add("retry", 1)).status),
            "INVALID_ARGUMENT / INVALID_REQUEST");
  EXPECT_EQ(client().Get("/sum"), "1");
}

TEST_P(RequestIdTest, ErrorsAreNotKept) {
  v1::SetStateRequest request = Add(kId, 1);
  request.add_preconditions()->mutable_exists()->mutable_path()->set_text("/x");
  EXPECT_EQ(CodeAndReason(client().SetState(request).status),
            "ABORTED / PRECONDITION_FAILED");
  client().Set("/x", "1");
  const auto reply = client().SetState(request);
  ASSERT_TRUE(reply.ok());
  EXPECT_FALSE(reply.response.replayed());
}

INSTANTIATE_OVER_STORAGES(RequestIdTest);

// Where the server is by now, and how much has been answered.
class Progress {
 public:
  struct Server {
    int start = 0;
    std::string address;
  };

  void Started(const std::string& address) {
    MutexLock lock(&mutex_);
    ++server_.start;
    server_.address = address;
    changed_.NotifyAll();
  }
  // A server that was started after the one that failed.
  Server WaitForServerAfter(int start) {
    MutexLock lock(&mutex_);
    while (server_.start <= start) changed_.Wait(&mutex_);
    return server_;
  }
  void Answered() {
    MutexLock lock(&mutex_);
    ++answered_;
    changed_.NotifyAll();
  }
  void WaitForAnswers(int n) {
    MutexLock lock(&mutex_);
    while (answered_ < n) changed_.Wait(&mutex_);
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  Server server_ ABSL_GUARDED_BY(mutex_);
  int answered_ ABSL_GUARDED_BY(mutex_) = 0;
};

TEST_F(RestartTest, TheSumOfRetriedAdditionsIsExact) {
  constexpr int kClients = 8;
  constexpr int kAdditions = 200;
  constexpr int kKills = 8;
  const auto seed = std::random_device{}();
  std::cout << "seed " << seed << std::endl;

  Progress progress;
  progress.Started(server().address());
  std::vector<int64_t> sums(kClients, 0);
  std::vector<int> replayed(kClients, 0);
  std::vector<std::thread> clients;
  for (int c = 0; c < kClients; ++c) {
    clients.emplace_back([&, c] {
      std::mt19937_64 random(seed * 1'000'003ull + c);
      Progress::Server at = progress.WaitForServerAfter(0);
      auto client = std::make_unique<Client>(at.address);
      for (int i = 0; i < kAdditions; ++i) {
        const int64_t value = static_cast<int64_t>(random() % 10);
        const v1::SetStateRequest add = Add(NewUuid(random), value);
        auto reply = client->SetState(add);
        while (!reply.ok()) {
          EXPECT_EQ(FailureOf(reply.status).code, "UNAVAILABLE")
              << FailureOf(reply.status);
          at = progress.WaitForServerAfter(at.start);
          client = std::make_unique<Client>(at.address);
          reply = client->SetState(add);
        }
        sums[c] += value;
        if (reply.response.replayed()) ++replayed[c];
        progress.Answered();
      }
    });
  }
  for (int kill = 1; kill <= kKills; ++kill) {
    progress.WaitForAnswers(kClients * kAdditions * kill / (kKills + 1));
    KillAndRestart();
    progress.Started(server().address());
  }
  for (std::thread& thread : clients) thread.join();
  int64_t sum = 0;
  int all_replayed = 0;
  for (int c = 0; c < kClients; ++c) {
    sum += sums[c];
    all_replayed += replayed[c];
  }
  std::cout << all_replayed << " retries were answered again" << std::endl;
  EXPECT_EQ(client().GetTyped("/sum")->int_value(), sum);
}

}  // namespace
}  // namespace restate::test
