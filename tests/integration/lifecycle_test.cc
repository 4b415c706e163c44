// Start, stop and start again: what is kept, what is told to those connected,
// and what the server says of itself.

#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/client.h"
#include "tests/support/error_info.h"
#include "tests/support/json.h"
#include "tests/support/raw_call.h"
#include "tests/support/server_test.h"

namespace restate::test {
namespace {

// grpc.health.v1, spoken in bytes: Debian installs no generated code for it.
constexpr char kHealthCheck[] = "/grpc.health.v1.Health/Check";
constexpr char kHealthWatch[] = "/grpc.health.v1.Health/Watch";
const std::string kServing = "\x08\x01";
const std::string kNotServing = "\x08\x02";

std::string HealthRequest(const std::string& service) {
  if (service.empty()) return "";
  return std::string("\x0a") + static_cast<char>(service.size()) + service;
}

const std::vector<std::string>& Services() {
  static const auto* services = new std::vector<std::string>{
      "", "restate.v1.StateService", "restate.v1.EventService"};
  return *services;
}

class LifecycleTest : public StorageTest {};

TEST_P(LifecycleTest, HealthAnswersForEachService) {
  for (const std::string& service : Services()) {
    RawCall check(client().channel(), kHealthCheck);
    check.Write(HealthRequest(service));
    check.WritesDone();
    std::string bytes;
    ASSERT_TRUE(check.Read(&bytes)) << service;
    EXPECT_EQ(bytes, kServing) << service;
    EXPECT_TRUE(check.Finish().ok());
  }
  RawCall unknown(client().channel(), kHealthCheck);
  unknown.Write(HealthRequest("no.such.Service"));
  unknown.WritesDone();
  EXPECT_EQ(FailureOf(unknown.Finish()).code, "NOT_FOUND");
}

TEST_P(LifecycleTest, ReflectionListsTheServices) {
  RawCall reflection(
      client().channel(),
      "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo");
  // list_services = 7.
  ASSERT_TRUE(reflection.Write(std::string("\x3a\x01*", 3)));
  std::string bytes;
  ASSERT_TRUE(reflection.Read(&bytes));
  for (const char* service :
       {"restate.v1.StateService", "restate.v1.EventService",
        "grpc.health.v1.Health"}) {
    EXPECT_NE(bytes.find(service), std::string::npos) << service;
  }
  // file_containing_symbol = 4: what grpcurl needs to speak plain JSON.
  const std::string symbol = "restate.v1.StateService";
  ASSERT_TRUE(reflection.Write(std::string("\x22") +
                               static_cast<char>(symbol.size()) + symbol));
  ASSERT_TRUE(reflection.Read(&bytes));
  EXPECT_NE(bytes.find("SetStateRequest"), std::string::npos);
}

TEST_P(LifecycleTest, AStopDeliversWhatIsQueuedAndEndsEveryStream) {
  constexpr int kWrites = 200;
  std::vector<std::unique_ptr<SubscriptionReader>> readers;
  for (const char* pattern : {"/", "/n", "/none"}) {
    readers.push_back(Subscribe(pattern));
  }
  std::vector<std::unique_ptr<RawCall>> watches;
  for (const std::string& service : Services()) {
    watches.push_back(
        std::make_unique<RawCall>(Connect(server().address()), kHealthWatch));
    watches.back()->Write(HealthRequest(service));
    watches.back()->WritesDone();
    std::string bytes;
    ASSERT_TRUE(watches.back()->Read(&bytes));
    ASSERT_EQ(bytes, kServing);
  }
  std::vector<int64_t> revisions;
  for (int i = 1; i <= kWrites; ++i) {
    revisions.push_back(client().Set("/n", std::to_string(i)));
  }
  server().RequestStop();
  for (size_t r = 0; r < 2; ++r) {
    EXPECT_EQ(CodeAndReason(readers[r]->WaitForEnd()),
              "UNAVAILABLE / SHUTTING_DOWN");
    const auto events = readers[r]->events();
    ASSERT_EQ(events.size(), revisions.size());
    for (size_t i = 0; i < events.size(); ++i) {
      EXPECT_EQ(events[i].revision(), revisions[i]);
    }
  }
  EXPECT_EQ(CodeAndReason(readers[2]->WaitForEnd()),
            "UNAVAILABLE / SHUTTING_DOWN");
  for (const auto& watch : watches) {
    std::string bytes;
    EXPECT_TRUE(watch->Read(&bytes));
    EXPECT_EQ(bytes, kNotServing);
  }
  EXPECT_EQ(server().WaitForExit(), 0);
}

TEST_P(LifecycleTest, AStopDuringWritesAnswersEachOnceAndKeepsTheAnswered) {
  constexpr int kWriters = 4;
  std::vector<int> answered(kWriters, 0);
  std::vector<std::string> ends(kWriters);
  std::vector<std::thread> writers;
  const auto probe = Subscribe("/w/w0");
  for (int w = 0; w < kWriters; ++w) {
    writers.emplace_back([&, w] {
      const auto own = NewClient();
      for (int i = 1;; ++i) {
        v1::SetStateRequest request;
        request.mutable_path()->set_text("/w/w" + std::to_string(w));
        request.mutable_value()->set_int_value(i);
        const auto reply = own->SetState(request);
        if (!reply.ok()) {
          ends[w] =
              CodeAndReason(reply.status) + ": " + reply.status.error_message();
          return;
        }
        answered[w] = i;
      }
    });
  }
  probe->WaitForEvents(50);
  server().RequestStop();
  EXPECT_EQ(server().WaitForExit(), 0);
  for (std::thread& writer : writers) writer.join();
  // From the server, or, once that is gone, from the connection. A call that
  // reaches gRPC just when it closes is reset by it, which reads CANCELLED; the
  // server never saw it.
  for (const std::string& end : ends) {
    EXPECT_TRUE(end.rfind("UNAVAILABLE", 0) == 0 ||
                end == "CANCELLED: CANCELLED")
        << end;
  }
  if (storage() != Storage::kRocksDb) return;
  const absl::Status restarted = server().Restart();
  ASSERT_TRUE(restarted.ok()) << restarted;
  Client after(server().address());
  for (int w = 0; w < kWriters; ++w) {
    const int64_t kept =
        after.GetTyped("/w/w" + std::to_string(w))->int_value();
    // One more may have been written whose answer was cut off.
    EXPECT_GE(kept, answered[w]);
    EXPECT_LE(kept, answered[w] + 1);
  }
}

TEST_P(LifecycleTest, AnIdleServerWithIdleClientsStops) {
  const auto other = NewClient();
  other->Revision();
  EXPECT_EQ(server().Terminate(), 0);
}

INSTANTIATE_OVER_STORAGES(LifecycleTest);

class RestartTest : public ServerTest {};

TEST_F(RestartTest, StateAndEpochAreKeptAndRevisionsGoOn) {
  client().Set("/a", R"({"/": 1, "b": {}, "c": [null]})");
  client().Set("/tmp/t", "1");
  const int64_t before = client().Delete("/gone");
  const std::string epoch = client().Epoch();
  Restart();
  EXPECT_EQ(*client().Get("/"), R"({"a":{"/":1,"b":{},"c":[null]}})");
  EXPECT_EQ(client().Epoch(), epoch);
  // /tmp was reset by a commit.
  const int64_t after = client().Revision();
  EXPECT_GT(after, before);
  EXPECT_GT(client().Set("/x", "1"), after);
  EXPECT_FALSE(client().Get("/tmp").has_value());
}

TEST_F(RestartTest, HistoryBeforeTheStartIsTooOldForUnchangedSince) {
  const int64_t before = client().Set("/a", "1");
  // What was last before the start is known to be the latest.
  client().Set("/b", "1");
  Restart();
  v1::SetStateRequest request;
  request.mutable_path()->set_text("/a");
  request.mutable_value()->set_int_value(2);
  auto* unchanged = request.add_preconditions()->mutable_unchanged_since();
  unchanged->mutable_path()->set_text("/a");
  unchanged->set_revision(before);
  const Failure failure = FailureOf(client().SetState(request).status);
  EXPECT_EQ(failure.code + " / " + failure.reason, "ABORTED / HISTORY_TOO_OLD");
  EXPECT_EQ(*client().Get("/a"), "1");
  unchanged->set_revision(client().Revision());
  EXPECT_TRUE(client().SetState(request).ok());
}

TEST_F(RestartTest, ManyTimes) {
  int64_t last = 0;
  for (int i = 1; i <= 5; ++i) {
    const int64_t revision = client().Set("/n", std::to_string(i));
    EXPECT_GT(revision, last);
    last = revision;
    Restart();
    EXPECT_EQ(*client().Get("/n"), std::to_string(i));
  }
}

TEST_F(RestartTest, OneDataDirectoryHasOneServer) {
  TempDir data;
  ServerProcess::Options options;
  options.data_dir = data.path();
  auto first = ServerProcess::Start(options);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_FALSE(ServerProcess::Start(options).ok());
  EXPECT_EQ((*first)->Terminate(), 0);
  EXPECT_TRUE(ServerProcess::Start(options).ok());
}

class MemoryRestartTest : public ServerTest {
 protected:
  MemoryRestartTest() : ServerTest(Storage::kMemory) {}
};

TEST_F(MemoryRestartTest, NothingIsKeptAndTheEpochIsAnother) {
  client().Set("/a", "1");
  const std::string epoch = client().Epoch();
  Restart();
  EXPECT_EQ(*client().Get("/"), "{}");
  EXPECT_NE(client().Epoch(), epoch);
  v1::GetStateRequest request;
  request.set_epoch(epoch);
  EXPECT_EQ(CodeAndReason(client().GetState(request).status),
            "OUT_OF_RANGE / EPOCH_CHANGED");
}

}  // namespace
}  // namespace restate::test
