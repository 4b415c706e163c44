// Tracked callbacks of two sessions, with writes of others between any two of
// their steps, broken streams and killed servers: when nobody is asked to run
// again any more, each has seen the newest state.
//
// RESTATE_SEED replays a run; RESTATE_ROUNDS says how many interleavings.

#include <algorithm>
#include <cstdint>
#include <iostream>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "restate/v1/derivation_service.grpc.pb.h"
#include "tests/derivation/arrangement.h"
#include "tests/support/client.h"
#include "tests/support/error_info.h"
#include "tests/support/json.h"
#include "tests/support/server_process.h"
#include "tests/support/session_reader.h"

namespace restate::test {
namespace {

constexpr int64_t kDefaultRounds = 150;

class TrackerTest : public testing::Test {
 protected:
  TrackerTest()
      : seed_(static_cast<uint64_t>(FromEnvironment(
            "RESTATE_SEED", std::random_device()()))),
        arrangement_(Arrangement::Kind::kRocksDb),
        random_(seed_) {}

  void SetUp() override {
    std::cout << "RESTATE_SEED=" << seed_ << std::endl;
    server_ = arrangement_.Start();
    Connect();
  }
  void TearDown() override {
    for (Session& session : sessions_) session.reader = nullptr;
    EXPECT_EQ(server_->Terminate(), 0);
    if (HasFailure()) {
      std::cerr << "RESTATE_SEED=" << seed_ << "\n" << server_->Log();
    }
  }

  struct Session {
    std::string id;
    std::unique_ptr<SessionReader> reader;
    // How many of the reader's messages were looked at.
    size_t looked_at = 0;
    // Whether the tracker was asked to run again.
    bool asked = true;
    // What its last whole run has seen.
    std::string seen;
  };

  void Connect() {
    client_ = std::make_unique<Client>(server_->address());
    derivations_ = v1::DerivationService::NewStub(client_->channel());
    for (Session& session : sessions_) Open(&session, false);
  }
  // A session of its own for each life of the server.
  void Open(Session* session, bool resume) {
    v1::OpenSessionRequest request;
    if (!resume) session->id = absl::StrCat("s", ++opened_);
    request.set_session_id(session->id);
    request.set_resume(resume);
    session->reader = std::make_unique<SessionReader>(
        restate::test::Connect(server_->address()), request);
    session->looked_at = 0;
    EXPECT_EQ(session->reader->WaitForOpened().session_id(), session->id);
    // In a new session every callback runs.
    if (!resume) session->asked = true;
  }

  uint64_t Dice(uint64_t sides) { return random_() % sides; }

  // Something of somebody else's.
  void Disturb() {
    while (Dice(3) == 0) {
      switch (Dice(6)) {
        case 0:
          client_->Set("/flag", Dice(2) == 0 ? "true" : "false");
          break;
        case 1:
          client_->Delete("/x/old");
          break;
        case 2:
          client_->Set("/x", absl::StrCat("{\"old\": ", Dice(3),
                                          ", \"new\": ", Dice(3), "}"));
          break;
        case 3:
          client_->Set("/x/old", absl::StrCat(Dice(3)));
          break;
        default:
          client_->Set("/x/new", absl::StrCat(Dice(3)));
          break;
      }
    }
  }

  // What can happen to a run: the rest of it is then worth nothing.
  enum class Fate { kWhole, kSessionTakenUp, kServerKilled };
  Fate Happens(Session* session) {
    Disturb();
    if (Dice(60) == 0) {
      session->reader = nullptr;
      Disturb();
      Open(session, true);
      // Its open run is made again: whoever takes it up may not know of it.
      EXPECT_TRUE(session->reader->WaitUntil([](const auto& messages) {
        return std::any_of(messages.begin(), messages.end(),
                           [](const v1::OpenSessionResponse& message) {
                             return message.tracker_run().tracker_id() == "t";
                           });
      }));
      session->asked = true;
      return Fate::kSessionTakenUp;
    }
    if (Dice(150) == 0) {
      ++kills_;
      for (Session& each : sessions_) each.reader = nullptr;
      client_ = nullptr;
      server_->Kill();
      const absl::Status restarted = server_->Restart();
      EXPECT_TRUE(restarted.ok()) << restarted;
      const std::string lost = session->id;
      Connect();
      v1::OpenSessionRequest request;
      request.set_session_id(lost);
      request.set_resume(true);
      SessionReader gone(restate::test::Connect(server_->address()), request);
      EXPECT_EQ(CodeAndReason(gone.WaitForEnd()), "NOT_FOUND / SESSION_LOST");
      return Fate::kServerKilled;
    }
    return Fate::kWhole;
  }

  std::optional<std::string> Read(const std::string& path,
                                  const std::string& run) {
    v1::GetStateRequest request;
    request.mutable_path()->set_text(path);
    request.set_run_id(run);
    const auto reply = client_->GetState(request);
    EXPECT_TRUE(reply.ok()) << FailureOf(reply.status);
    if (!reply.response.exists()) return std::nullopt;
    return ToJson(reply.response.value().json());
  }

  static std::string Text(const std::optional<std::string>& flag,
                          const std::optional<std::string>& value) {
    return absl::StrCat(flag == "true" ? "old " : "new ",
                        value.value_or("nothing"));
  }
  static std::string PathFor(const std::optional<std::string>& flag) {
    return flag == "true" ? "/x/old" : "/x/new";
  }

  void Run(Session* session) {
    session->asked = false;
    v1::BeginRunRequest begin;
    begin.set_session_id(session->id);
    begin.set_tracker_id("t");
    v1::BeginRunResponse begun;
    const auto began = derivations_->BeginRun(NewContext().get(), begin, &begun);
    ASSERT_TRUE(began.ok()) << FailureOf(began);
    if (Happens(session) != Fate::kWhole) return;
    const auto flag = Read("/flag", begun.run_id());
    if (Happens(session) != Fate::kWhole) return;
    const auto value = Read(PathFor(flag), begun.run_id());
    if (Happens(session) != Fate::kWhole) return;
    const std::string seen = Text(flag, value);
    if (Dice(2) == 0) {
      // What it writes is no reason for it to run, but for the other one.
      v1::SetStateRequest write;
      write.mutable_path()->set_text("/x/new");
      write.mutable_value()->set_int_value(static_cast<int64_t>(Dice(3)));
      write.set_run_id(begun.run_id());
      if (value.has_value() && flag != "true") {
        // Only what leaves its own reading as it is.
        ParseJsonInto(*value, write.mutable_value()->mutable_json());
      } else {
        write.mutable_path()->set_text("/elsewhere");
      }
      const auto written = client_->SetState(write);
      ASSERT_TRUE(written.ok()) << FailureOf(written.status);
    }
    v1::EndRunRequest end;
    end.set_run_id(begun.run_id());
    v1::EndRunResponse ended;
    const auto over = derivations_->EndRun(NewContext().get(), end, &ended);
    ASSERT_TRUE(over.ok()) << FailureOf(over);
    session->seen = seen;
    Disturb();
  }

  // Looks whether a session was asked for something up to now.
  void Look(Session* session) {
    v1::SyncRequest request;
    request.set_session_id(session->id);
    v1::SyncResponse response;
    const auto status =
        client_->events().Sync(NewContext().get(), request, &response);
    ASSERT_TRUE(status.ok()) << FailureOf(status);
    ASSERT_TRUE(session->reader->WaitForSync(response.sync_id()));
    const SessionReader::Messages messages = session->reader->messages();
    for (; session->looked_at < messages.size(); ++session->looked_at) {
      const v1::OpenSessionResponse& message = messages[session->looked_at];
      EXPECT_FALSE(message.has_tracker_ended()) << message.ShortDebugString();
      session->asked |= message.has_tracker_run();
    }
  }

  const uint64_t seed_;
  const Arrangement arrangement_;
  std::mt19937_64 random_;
  std::unique_ptr<ServerProcess> server_;
  std::unique_ptr<Client> client_;
  std::unique_ptr<v1::DerivationService::Stub> derivations_;
  Session sessions_[2];
  int opened_ = 0;
  int kills_ = 0;
};

TEST_F(TrackerTest, EveryCallbackEndsOnTheNewestState) {
  const int64_t rounds = FromEnvironment("RESTATE_ROUNDS", kDefaultRounds);
  for (int64_t round = 0; round < rounds && !HasFailure(); ++round) {
    SCOPED_TRACE(absl::StrCat("round ", round));
    Disturb();
    // Which of them runs first is chance.
    while (!HasFailure()) {
      for (Session& session : sessions_) {
        Look(&session);
        if (HasFailure()) return;
      }
      std::vector<Session*> asked;
      for (Session& session : sessions_) {
        if (session.asked) asked.push_back(&session);
      }
      if (asked.empty()) break;
      Run(asked[Dice(asked.size())]);
    }
    const auto flag = client_->Get("/flag");
    const std::string newest = Text(flag, client_->Get(PathFor(flag)));
    for (const Session& session : sessions_) {
      EXPECT_EQ(session.seen, newest) << session.id;
    }
  }
  std::cout << kills_ << " kills" << std::endl;
}

}  // namespace
}  // namespace restate::test
