// The numbers of a running server, scraped over HTTP as Prometheus does.
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "restate/v1/admin_service.grpc.pb.h"
#include "restate/v1/derivation_service.grpc.pb.h"
#include "tests/support/client.h"
#include "tests/support/deadline.h"
#include "tests/support/error_info.h"
#include "tests/support/json.h"
#include "tests/support/mount_client.h"
#include "tests/support/scrape.h"
#include "tests/support/server_test.h"
#include "tests/support/session_reader.h"
#include "tests/support/temp_dir.h"

namespace restate::test {
namespace {

using Labels = Scrape::Labels;

Labels MethodOf(const std::string& service, const std::string& method) {
  return {{"service", "restate.v1." + service}, {"method", method}};
}

class MetricsTest : public ServerTest {
 protected:
  void SetUp() override {
    ServerTest::SetUp();
    derivations_ = v1::DerivationService::NewStub(client().channel());
    begin_ = Now();
  }

  bool Metrics() const override { return true; }
  std::string Config() const override { return MountsByRpc({"127.0.0.1:1"}); }

  Scrape Now() {
    absl::StatusOr<Scrape> scrape = Scrape::Of(server().http_address());
    EXPECT_TRUE(scrape.ok()) << scrape.status();
    return scrape.ok() ? *std::move(scrape) : Scrape();
  }
  // How much a counter has grown since the test's begin.
  double Growth(const Scrape& now, const std::string& name,
                const Labels& labels = {}) const {
    const std::optional<double> value = now.Value(name, labels);
    EXPECT_TRUE(value.has_value()) << name;
    return value.value_or(-1) - begin_.Value(name, labels).value_or(0);
  }
  double Ended(const Scrape& now, const std::string& service,
               const std::string& method, const std::string& code) const {
    Labels labels = MethodOf(service, method);
    labels["code"] = code;
    return Growth(now, "restate_rpcs_total", labels);
  }
  // Scrapes until a number is what it should be. What is counted after the
  // answer that a client gets may come a little later.
  testing::AssertionResult Becomes(const std::string& name,
                                   const Labels& labels, double wanted) {
    std::optional<double> value;
    while (std::chrono::system_clock::now() < TestDeadline()) {
      value = Now().Value(name, labels);
      if (value == wanted) return testing::AssertionSuccess();
    }
    return testing::AssertionFailure()
           << name << " is " << value.value_or(-1) << ", not " << wanted;
  }

  template <typename Request, typename Response>
  Reply<Response> Call(grpc::Status (v1::DerivationService::Stub::*method)(
                           grpc::ClientContext*, const Request&, Response*),
                       const Request& request) {
    Reply<Response> reply;
    const auto context = NewContext();
    reply.status =
        (derivations_.get()->*method)(context.get(), request, &reply.response);
    return reply;
  }
  // A DeriveRequest in JSON.
  Reply<v1::DeriveResponse> Derive(const std::string& json) {
    v1::DeriveRequest request;
    ParseJsonInto(json, &request);
    return Call(&v1::DerivationService::Stub::Derive, request);
  }
  Reply<v1::SetStateResponse> SetJson(const std::string& json) {
    v1::SetStateRequest request;
    ParseJsonInto(json, &request);
    return client().SetState(request);
  }

 private:
  std::unique_ptr<v1::DerivationService::Stub> derivations_;
  Scrape begin_;
};

TEST_F(MetricsTest, IsPlainTextAtOnePath) {
  const auto answer = HttpGet(server().http_address(), "/metrics");
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(answer->code, 200);
  EXPECT_THAT(answer->headers, testing::HasSubstr("Content-Type: text/plain"));
  for (const char* path : {"/", "/metric", "/etc/passwd", "/../etc/passwd"}) {
    const auto other = HttpGet(server().http_address(), path);
    ASSERT_TRUE(other.ok()) << other.status();
    EXPECT_EQ(other->code, 404) << path;
  }
  const Scrape now = Now();
  EXPECT_EQ(now.Value("restate_info",
                      {{"version", "0.1.0"}, {"epoch", client().Epoch()}}),
            1);
  EXPECT_EQ(now.Value("restate_taking_writes"), 1);
  EXPECT_GT(now.Value("process_resident_memory_bytes"), 1e6);
  EXPECT_GT(now.Value("process_start_time_seconds"), 1e9);
  EXPECT_EQ(now.TypeOf("restate_rpc_duration_seconds"), "");
  client().Get("/");
  EXPECT_EQ(Now().TypeOf("restate_rpc_duration_seconds"), "histogram");
}

TEST_F(MetricsTest, CountsCallsAndCommits) {
  client().Set("/a", "1");
  client().Set("/b", R"({"x": 1, "y": 2})");
  const int64_t last = client().Set("/a", "2");
  client().Set("/a", "2");
  ASSERT_TRUE(SetJson(R"({"path": {"text": "/c"}, "value": {"json": 1},
      "request_id": "0d5d2b1c-6a1e-4a53-9d0e-0123456789ab"})")
                  .ok());
  ASSERT_TRUE(SetJson(R"({"path": {"text": "/c"}, "value": {"json": 1},
      "request_id": "0d5d2b1c-6a1e-4a53-9d0e-0123456789ab"})")
                  .ok());
  EXPECT_EQ(SetJson(R"({"path": {"text": "/*"}, "value": {"json": 1}})")
                .status.error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(SetJson(R"({"path": {"text": "/a"}, "value": {"json": 3},
      "preconditions": [{"exists": {"path": {"text": "/no"}, "exists": true}}]
      })")
                .status.error_code(),
            grpc::StatusCode::ABORTED);
  const int64_t deleted = client().Delete("/b");
  EXPECT_EQ(deleted, last + 2);

  ASSERT_TRUE(Becomes("restate_revision", {}, static_cast<double>(deleted)));
  const Scrape now = Now();
  EXPECT_EQ(Ended(now, "StateService", "SetState", "OK"), 6);
  EXPECT_EQ(Ended(now, "StateService", "SetState", "INVALID_ARGUMENT"), 1);
  EXPECT_EQ(Ended(now, "StateService", "SetState", "ABORTED"), 1);
  EXPECT_EQ(Ended(now, "StateService", "DeleteState", "OK"), 1);
  EXPECT_EQ(Ended(now, "StateService", "Ping", "OK"), 0);
  const Labels set = MethodOf("StateService", "SetState");
  EXPECT_EQ(Growth(now, "restate_rpc_duration_seconds_count", set), 8);
  EXPECT_EQ(now.Value("restate_rpcs_in_flight", set), 0);

  EXPECT_EQ(Growth(now, "restate_commits_total", {{"origin", "client"}}), 5);
  EXPECT_EQ(Growth(now, "restate_operations_total", {{"origin", "client"}}), 5);
  EXPECT_EQ(Growth(now, "restate_operations_total", {{"origin", "derivation"}}),
            0);
  EXPECT_EQ(Growth(now, "restate_commits_unchanged_total"), 1);
  EXPECT_EQ(Growth(now, "restate_commits_refused_total"), 1);
  EXPECT_EQ(Growth(now, "restate_commits_replayed_total"), 1);
  EXPECT_EQ(Growth(now, "restate_failed_batches_total"), 0);
  // One after another: each was a batch of its own.
  EXPECT_EQ(Growth(now, "restate_batch_commits_count"), 8);
  EXPECT_EQ(Growth(now, "restate_batch_commits_sum"), 8);
  EXPECT_EQ(Growth(now, "restate_batch_commits_bucket", {{"le", "1"}}), 8);
  EXPECT_EQ(Growth(now, "restate_store_commit_duration_seconds_count"), 5);
  EXPECT_GT(Growth(now, "restate_store_commit_duration_seconds_sum"), 0);
  EXPECT_EQ(now.Value("restate_commit_queue_length"), 0);
  EXPECT_EQ(now.Value("restate_request_ids"), 1);
  EXPECT_GT(now.Value("restate_history_bytes"), 0);
  EXPECT_TRUE(Becomes("restate_batch_duration_seconds_count", {},
                      *now.Value("restate_batch_commits_count")));
  EXPECT_GT(Now().Value("restate_last_changes_bytes"), 0);
}

TEST_F(MetricsTest, CountsLeases) {
  ASSERT_TRUE(
      SetJson(
          R"({"path": {"text": "/l"}, "value": {"json": 1}, "ttl": "3600s"})")
          .ok());
  EXPECT_TRUE(Becomes("restate_leases", {}, 1));
  client().Delete("/l");
  EXPECT_TRUE(Becomes("restate_leases", {}, 0));
}

TEST_F(MetricsTest, ShowsMounts) {
  const Labels tmp = {{"mount", "/tmp"}};
  client().Set("/tmp/x", "1");
  client().Set("/y", "1");
  Scrape now = Now();
  EXPECT_EQ(now.Value("restate_mount_state",
                      {{"mount", "/"}, {"kind", "rocksdb"}, {"state", "up"}}),
            1);
  EXPECT_EQ(Growth(now, "restate_mount_writes_total", tmp), 1);
  // Known of RocksDB, about, and not of memory.
  EXPECT_TRUE(now.Value("restate_mount_bytes", {{"mount", "/"}}).has_value());
  EXPECT_EQ(now.Value("restate_mount_own_values", tmp), std::nullopt);
  EXPECT_EQ(Growth(now, "restate_mount_writes_total", {{"mount", "/"}}), 1);
  EXPECT_EQ(now.Value("restate_mount_pending_bytes", tmp), std::nullopt);

  // A path that an exposition must escape.
  const TempDir directory;
  MountClient mounts(client().channel());
  const auto mounted = mounts.Mount(R"({"path": {"segments":
      ["q\"\\\n"]}, "filesystem": {"directory": ")" +
                                    directory.path() + "/state\"}}");
  ASSERT_TRUE(mounted.ok()) << FailureOf(mounted.status);
  const std::string at = "/q\"\\\n";
  const Labels files = {{"mount", at}};
  client().Set(at + "/a", "1");
  ASSERT_TRUE(mounts.Flush(at).ok());
  now = Now();
  EXPECT_EQ(now.Value("restate_mount_state",
                      {{"mount", at}, {"kind", "filesystem"}, {"state", "up"}}),
            1);
  EXPECT_EQ(now.Value("restate_mount_writes_total", files), 1);
  EXPECT_EQ(now.Value("restate_mount_own_values", files), 1);
  EXPECT_EQ(now.Value("restate_mount_pending_writes", files), 0);
  EXPECT_EQ(now.Value("restate_mount_flushes_total", files), 1);
  EXPECT_EQ(now.Value("restate_mount_failures_total", files), 0);

  const auto remote = mounts.Mount(R"({"path": {"text": "/far"},
      "remote": {"address": "127.0.0.1:1", "export_path": {"text": "/e"}}})");
  ASSERT_TRUE(remote.ok()) << FailureOf(remote.status);
  EXPECT_TRUE(
      Becomes("restate_mount_state",
              {{"mount", "/far"}, {"kind", "remote"}, {"state", "down"}}, 1));
  ASSERT_TRUE(mounts.Unmount(at).ok());
  EXPECT_EQ(Now().Value("restate_mount_writes_total", files), std::nullopt);
}

TEST_F(MetricsTest, ShowsStreamsAndSessions) {
  auto one = Subscribe("/s/*");
  auto two = Subscribe("/s/*");
  v1::OpenSessionRequest open;
  auto session =
      std::make_unique<SessionReader>(Connect(server().address()), open);
  ASSERT_FALSE(session->WaitForOpened().session_id().empty());
  for (int i = 0; i < 3; ++i) client().Set("/s/x", std::to_string(i));
  EXPECT_TRUE(Becomes("restate_events_total", {}, 6));
  Scrape now = Now();
  EXPECT_EQ(now.Value("restate_subscriptions"), 2);
  EXPECT_EQ(now.Value("restate_sessions"), 1);
  const Labels subscribe = MethodOf("EventService", "Subscribe");
  EXPECT_EQ(now.Value("restate_rpcs_in_flight", subscribe), 2);
  EXPECT_EQ(now.Value("restate_rpcs_in_flight",
                      MethodOf("EventService", "OpenSession")),
            1);
  EXPECT_EQ(now.Value("restate_interceptions_pending"), 0);
  one = nullptr;
  two = nullptr;
  EXPECT_TRUE(Becomes("restate_rpcs_in_flight", subscribe, 0));
  EXPECT_TRUE(Becomes("restate_subscriptions", {}, 0));
  Labels cancelled = subscribe;
  cancelled["code"] = "CANCELLED";
  EXPECT_EQ(Now().Value("restate_rpcs_total", cancelled), 2);
  // A session without a stream has its grace time.
  session = nullptr;
  EXPECT_TRUE(Becomes("restate_rpcs_in_flight",
                      MethodOf("EventService", "OpenSession"), 0));
  EXPECT_EQ(Now().Value("restate_sessions"), 1);
}

TEST_F(MetricsTest, ShowsHostedTransformsAndTrackers) {
  SessionReader session(Connect(server().address()), v1::OpenSessionRequest());
  const std::string id = session.WaitForOpened().session_id();
  client().Set("/in", "1");
  const std::string hosted = R"({"dest": {"text": "/out"},
      "sources": [{"text": "/in"}], "wait": "WAIT_NONE",
      "hosted": {"name": "f", "session_id": ")" +
                             id + "\"}}";
  ASSERT_TRUE(Derive(hosted).ok());
  EXPECT_TRUE(Becomes("restate_hosted_calls_in_flight", {}, 1));
  Scrape now = Now();
  EXPECT_EQ(now.Value("restate_hosted_derivations"), 1);
  EXPECT_EQ(now.Value("restate_hosted_calls_total"), 1);
  EXPECT_EQ(now.Value("restate_derivations", {{"status", "stale"}}), 1);
  EXPECT_EQ(MountClient(client().channel()).Status().derivations().stale(), 1);

  v1::CompleteTransformRequest complete;
  ASSERT_TRUE(session.WaitUntil([&](const SessionReader::Messages& messages) {
    for (const v1::OpenSessionResponse& message : messages) {
      if (!message.has_transform_call()) continue;
      complete.set_call_id(message.transform_call().call_id());
    }
    return !complete.call_id().empty();
  }));
  complete.mutable_value()->set_int_value(2);
  ASSERT_TRUE(
      Call(&v1::DerivationService::Stub::CompleteTransform, complete).ok());
  EXPECT_TRUE(Becomes("restate_hosted_calls_in_flight", {}, 0));
  now = Now();
  EXPECT_EQ(now.Value("restate_hosted_answers_total", {{"outcome", "result"}}),
            1);
  EXPECT_EQ(now.Value("restate_derivations", {{"status", "ok"}}), 1);
  EXPECT_EQ(Growth(now, "restate_derivation_computations_total",
                   {{"kind", "hosted"}}),
            1);

  v1::BeginRunRequest begin;
  begin.set_session_id(id);
  const auto run = Call(&v1::DerivationService::Stub::BeginRun, begin);
  ASSERT_TRUE(run.ok()) << FailureOf(run.status);
  now = Now();
  EXPECT_EQ(now.Value("restate_trackers"), 1);
  EXPECT_EQ(now.Value("restate_tracker_open_runs"), 1);
  EXPECT_EQ(now.Value("restate_tracker_runs_total"), 1);
  v1::GetStateRequest get;
  get.mutable_path()->set_text("/watched");
  get.set_run_id(run.response.run_id());
  ASSERT_TRUE(client().GetState(get).ok());
  v1::EndRunRequest end;
  end.set_run_id(run.response.run_id());
  ASSERT_TRUE(Call(&v1::DerivationService::Stub::EndRun, end).ok());
  EXPECT_EQ(Now().Value("restate_tracker_open_runs"), 0);
  client().Set("/watched", "1");
  EXPECT_TRUE(Becomes("restate_tracker_runs_asked_for_total", {}, 1));
  EXPECT_EQ(MountClient(client().channel()).Status().trackers(), 1);

  // With nobody to compute it, a write that waits is told so.
  session.Cancel();
  session.WaitForEnd();
  EXPECT_TRUE(Becomes("restate_rpcs_in_flight",
                      MethodOf("EventService", "OpenSession"), 0));
}

// Budgets that a test reaches soon.
class DerivationMetricsTest : public MetricsTest {
 protected:
  std::string Config() const override {
    return "limits:\n"
           "  derivation_instructions: 200000\n"
           "  derivation_commit_instructions: 300000\n"
           "  derivation_wait: 1h\n"
           "  derivation_memory_bytes: 1048576\n";
  }

  Reply<v1::DeriveResponse> DeriveLua(const std::string& dest,
                                      const std::string& source,
                                      const std::string& more = "") {
    return Derive(R"({"dest": {"text": ")" + dest +
                  R"("}, "sources": [{"text": "/in"}], "lua": {"parameters":
                  ["x"], "source": ")" +
                  source + "\"}" + more + "}");
  }
  double Failures(const Scrape& now, const std::string& reason) {
    return Growth(now, "restate_derivation_failures_total",
                  {{"kind", "lua"}, {"reason", reason}});
  }
};

TEST_F(DerivationMetricsTest, TellsWhyATransformFails) {
  // Sources that are absent: nothing is called yet.
  ASSERT_TRUE(DeriveLua("/d/double", "x + x").ok());
  ASSERT_TRUE(DeriveLua("/d/loop", "while true do end").ok());
  ASSERT_TRUE(
      DeriveLua("/d/alloc", "local s = 'abc' while true do s = s .. s end")
          .ok());
  ASSERT_TRUE(DeriveLua("/d/throw", "error('no')").ok());
  const Scrape before = Now();
  EXPECT_EQ(Growth(before, "restate_lua_calls_total", {{"use", "derivation"}}),
            0);
  // That each of them came out as absent counts as computed.
  const Labels lua = {{"kind", "lua"}};
  EXPECT_EQ(Growth(before, "restate_derivation_computations_total", lua), 4);

  client().Set("/in", "4");
  EXPECT_EQ(client().Get("/d"), R"({"double":8})");
  Scrape now = Now();
  EXPECT_EQ(Growth(now, "restate_derivation_computations_total", lua), 8);
  EXPECT_EQ(Failures(now, "budget"), 1);
  EXPECT_EQ(Failures(now, "memory"), 1);
  EXPECT_EQ(Failures(now, "error"), 1);
  EXPECT_EQ(Failures(now, "other"), 0);
  EXPECT_EQ(now.Value("restate_derivations", {{"status", "ok"}}), 1);
  EXPECT_EQ(now.Value("restate_derivations", {{"status", "error"}}), 3);
  EXPECT_EQ(Growth(now, "restate_lua_calls_total", {{"use", "derivation"}}), 4);
  for (const char* reason : {"budget", "memory", "error"}) {
    EXPECT_EQ(Growth(now, "restate_lua_failures_total",
                     {{"use", "derivation"}, {"reason", reason}}),
              1)
        << reason;
  }
  EXPECT_EQ(Growth(now, "restate_lua_calls_total", {{"use", "equality"}}), 0);
  const double instructions =
      Growth(now, "restate_lua_instructions_total", {{"use", "derivation"}});
  EXPECT_GE(instructions, 200'000);
  EXPECT_LT(instructions, 300'000);
  EXPECT_GT(Growth(now, "restate_lua_seconds_total", {{"use", "derivation"}}),
            0);
  // One derived write, in the client's commit.
  EXPECT_EQ(Growth(now, "restate_operations_total", {{"origin", "derivation"}}),
            1);

  const v1::GetStatusResponse status = MountClient(client().channel()).Status();
  EXPECT_EQ(status.derivations().ok(), 1);
  EXPECT_EQ(status.derivations().error(), 3);
  EXPECT_EQ(status.derivations().stale(), 0);
}

TEST_F(DerivationMetricsTest, CountsWhatIsPutOffAndWhatIsRefused) {
  ASSERT_TRUE(DeriveLua("/one", "while x == 1 do end return 1").ok());
  ASSERT_TRUE(DeriveLua("/two", "while x == 1 do end return 2").ok());
  // Each within its budget, but not both: one of them is computed after the write,
  // and fails there.
  ASSERT_TRUE(
      SetJson(R"({"path": {"text": "/in"}, "value": {"json": 1}})").ok());
  EXPECT_TRUE(Becomes("restate_derivations", {{"status", "error"}}, 2));
  ASSERT_TRUE(DeriveLua("/strict", "x == 2 and error('two') or 3",
                        R"(, "on_error": "ON_ERROR_FAIL_WRITE")")
                  .ok());
  EXPECT_EQ(SetJson(R"({"path": {"text": "/in"}, "value": {"json": 2}})")
                .status.error_code(),
            grpc::StatusCode::FAILED_PRECONDITION);
  const Scrape now = Now();
  EXPECT_EQ(Growth(now, "restate_derivations_put_off_total"), 1);
  // A step more than a budget may be used.
  EXPECT_LE(now.Value("restate_derivation_most_spent_instructions"), 301'000);
  EXPECT_EQ(Growth(now, "restate_derivation_refused_commits_total",
                   {{"reason", "failure"}}),
            1);
  EXPECT_EQ(Growth(now, "restate_commits_refused_total"), 1);
}

TEST_F(MetricsTest, CountsEqualitiesInLua) {
  client().Set("/e", "1");
  ASSERT_TRUE(SetJson(R"({"path": {"text": "/e"}, "value": {"json": 2},
      "equality": {"lua": {"source": "new - old < 5"}}})")
                  .ok());
  EXPECT_EQ(client().Get("/e"), "1");
  EXPECT_EQ(SetJson(R"json({"path": {"text": "/e"}, "value": {"json": 2},
      "equality": {"lua": {"source": "error('no')"}}})json")
                .status.error_code(),
            grpc::StatusCode::FAILED_PRECONDITION);
  const Scrape now = Now();
  EXPECT_EQ(Growth(now, "restate_lua_calls_total", {{"use", "equality"}}), 2);
  EXPECT_EQ(Growth(now, "restate_lua_failures_total",
                   {{"use", "equality"}, {"reason", "error"}}),
            1);
  EXPECT_EQ(Growth(now, "restate_commits_unchanged_total"), 1);
}

// Queues that a test fills soon.
class QueueMetricsTest : public MetricsTest {
 protected:
  std::string Config() const override {
    return "limits: {queue_bytes: 65536}\n";
  }
};

TEST_F(QueueMetricsTest, ShowsWhatWaitsForASessionThatDoesNotRead) {
  auto session = std::make_unique<SessionReader>(Connect(server().address()),
                                                 v1::OpenSessionRequest());
  const std::string id = session->WaitForOpened().session_id();
  {
    v1::RegisterCallbackRequest request;
    request.set_session_id(id);
    request.set_callback_id("c");
    v1::RegisterCallbackResponse response;
    const auto context = NewContext();
    ASSERT_TRUE(client()
                    .events()
                    .RegisterCallback(context.get(), request, &response)
                    .ok());
  }
  {
    v1::SubscribeByIdRequest request;
    request.set_session_id(id);
    request.set_callback_id("c");
    request.mutable_subscription()->add_patterns()->set_text("/q/*");
    v1::SubscribeByIdResponse response;
    const auto context = NewContext();
    ASSERT_TRUE(client()
                    .events()
                    .SubscribeById(context.get(), request, &response)
                    .ok());
  }
  session = nullptr;
  ASSERT_TRUE(Becomes("restate_rpcs_in_flight",
                      MethodOf("EventService", "OpenSession"), 0));
  const std::string text = "\"" + std::string(20'000, 'x') + "\"";
  client().Set("/q/1", text);
  ASSERT_TRUE(Becomes("restate_events_total", {}, 1));
  Scrape now = Now();
  EXPECT_GT(now.Value("restate_subscriber_queue_bytes"), 20'000);
  EXPECT_EQ(now.Value("restate_subscriber_queue_largest_bytes"),
            now.Value("restate_subscriber_queue_bytes"));
  for (int i = 2; i <= 10; ++i) {
    client().Set("/q/" + std::to_string(i), text);
  }
  ASSERT_TRUE(Becomes("restate_events_total", {}, 10));
  now = Now();
  EXPECT_LT(now.Value("restate_subscriber_queue_bytes"), 65'536);
  EXPECT_EQ(
      now.Value("restate_subscriber_overflows_total", {{"outcome", "history"}}),
      1);
  EXPECT_EQ(
      now.Value("restate_subscriber_overflows_total", {{"outcome", "end"}}), 0);
}

}  // namespace
}  // namespace restate::test
