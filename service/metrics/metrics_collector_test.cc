#include "service/metrics/metrics_collector.h"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "engine/error/error.h"
#include "gtest/gtest.h"
#include "service/testing/fake_clock.h"

namespace restate {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

// Counters of an engine that is not there.
class CollectorTest : public testing::Test {
 protected:
  CollectorTest() {
    measures_.commits = &commits_;
    measures_.subscriptions = &subscriptions_;
    measures_.derivations = &derivations_;
    measures_.derivation_lua = &derivation_lua_;
    measures_.equality_lua = &equality_lua_;
  }

  void Collect() {
    const MetricsCollector collector({.measure = [this] { return measures_; },
                                      .calls = &calls_,
                                      .clock = &clock_,
                                      .version = "1.2.3",
                                      .epoch = "e1"});
    families_ = collector.Collect();
  }

  const MetricFamily* Family(const std::string& name) const {
    for (const MetricFamily& family : families_) {
      if (family.name == name) return &family;
    }
    return nullptr;
  }
  const ClientMetric* Sample(
      const std::string& name,
      const std::map<std::string, std::string>& labels) const {
    const MetricFamily* const family = Family(name);
    if (family == nullptr) return nullptr;
    for (const ClientMetric& metric : family->metric) {
      std::map<std::string, std::string> found;
      for (const auto& label : metric.label) found[label.name] = label.value;
      if (found == labels) return &metric;
    }
    return nullptr;
  }
  // Nothing if there is no such sample.
  std::optional<double> Value(
      const std::string& name,
      const std::map<std::string, std::string>& labels = {}) const {
    const ClientMetric* const sample = Sample(name, labels);
    if (sample == nullptr) return std::nullopt;
    return Family(name)->type == MetricType::Counter ? sample->counter.value
                                                     : sample->gauge.value;
  }

  FakeClock clock_;
  CommitCounters commits_;
  SubscriptionCounters subscriptions_;
  DerivationCounters derivations_;
  LuaCounters derivation_lua_;
  LuaCounters equality_lua_;
  Measures measures_;
  CallCounters calls_;
  std::vector<MetricFamily> families_;
};

TEST_F(CollectorTest, SaysWhichServerItIs) {
  Collect();
  EXPECT_EQ(Value("restate_info", {{"version", "1.2.3"}, {"epoch", "e1"}}), 1);
  EXPECT_EQ(Value("process_start_time_seconds"),
            absl::ToDoubleSeconds(clock_.Now() - absl::UnixEpoch()));
  EXPECT_GT(Value("process_resident_memory_bytes"), 1e6);
  EXPECT_GT(Value("process_open_fds"), 2);
}

TEST_F(CollectorTest, EveryNameIsThereOnceAndHasAHelp) {
  measures_.mounts.resize(2);
  measures_.mounts[1].at = Path().Child("tmp");
  Collect();
  std::map<std::string, int> names;
  for (const MetricFamily& family : families_) {
    EXPECT_EQ(++names[family.name], 1) << family.name;
    EXPECT_NE(family.help, "") << family.name;
    EXPECT_FALSE(family.metric.empty()) << family.name;
    EXPECT_EQ(family.name.ends_with("_total"),
              family.type == MetricType::Counter)
        << family.name;
  }
}

TEST_F(CollectorTest, CountsCommits) {
  std::vector<SequencedCommit> published(2);
  published[0].effects.resize(3);
  published[0].effects[2].derived = true;
  published[1].origin = CommitOrigin::kExpired;
  published[1].effects.resize(1);
  commits_.CountPublished(published);
  commits_.unchanged.Add(2);
  commits_.refused.Add(3);
  commits_.replayed.Add(4);
  commits_.failed_batches.Add(5);
  commits_.last_changes_bytes = 6;
  measures_.revision = 77;
  measures_.healthy = false;
  measures_.queue = {8, 9};
  Collect();
  EXPECT_EQ(Value("restate_commits_total", {{"origin", "client"}}), 1);
  EXPECT_EQ(Value("restate_commits_total", {{"origin", "expired"}}), 1);
  EXPECT_EQ(Value("restate_commits_total", {{"origin", "file"}}), 0);
  EXPECT_EQ(Value("restate_operations_total", {{"origin", "client"}}), 2);
  EXPECT_EQ(Value("restate_operations_total", {{"origin", "derivation"}}), 1);
  EXPECT_EQ(Value("restate_operations_total", {{"origin", "expired"}}), 1);
  EXPECT_EQ(Value("restate_commits_unchanged_total"), 2);
  EXPECT_EQ(Value("restate_commits_refused_total"), 3);
  EXPECT_EQ(Value("restate_commits_replayed_total"), 4);
  EXPECT_EQ(Value("restate_failed_batches_total"), 5);
  EXPECT_EQ(Value("restate_last_changes_bytes"), 6);
  EXPECT_EQ(Value("restate_revision"), 77);
  EXPECT_EQ(Value("restate_taking_writes"), 0);
  EXPECT_EQ(Value("restate_commit_queue_length"), 8);
  EXPECT_EQ(Value("restate_commit_queue_bytes"), 9);
}

TEST_F(CollectorTest, HistogramsAreCumulativeAndInSeconds) {
  commits_.batch_time.Record(absl::Milliseconds(2));
  commits_.batch_time.Record(absl::Milliseconds(200));
  commits_.batch_time.Record(absl::Seconds(20));
  Collect();
  const ClientMetric* const sample =
      Sample("restate_batch_duration_seconds", {});
  ASSERT_NE(sample, nullptr);
  EXPECT_EQ(sample->histogram.sample_count, 3u);
  EXPECT_DOUBLE_EQ(sample->histogram.sample_sum, 20.202);
  uint64_t at_10_ms = 0;
  uint64_t before = 0;
  for (const ClientMetric::Bucket& bucket : sample->histogram.bucket) {
    EXPECT_GE(bucket.cumulative_count, before);
    before = bucket.cumulative_count;
    if (bucket.upper_bound < 0.011) at_10_ms = bucket.cumulative_count;
  }
  EXPECT_EQ(at_10_ms, 1u);
  EXPECT_EQ(before, 3u);
  EXPECT_DOUBLE_EQ(sample->histogram.bucket.front().upper_bound, 0.0001);
}

TEST_F(CollectorTest, AgesAreZeroWhereThereIsNothing) {
  Collect();
  EXPECT_EQ(Value("restate_history_oldest_age_seconds"), 0);
  EXPECT_EQ(Value("restate_request_ids_oldest_age_seconds"), 0);
  measures_.status.history_oldest_time = clock_.Now() - absl::Seconds(90);
  measures_.status.requests.oldest = clock_.Now() + absl::Seconds(5);
  Collect();
  EXPECT_EQ(Value("restate_history_oldest_age_seconds"), 90);
  EXPECT_EQ(Value("restate_request_ids_oldest_age_seconds"), 0);
}

TEST_F(CollectorTest, ShowsWhyDerivationsFail) {
  Definition lua;
  lua.transform = LuaTransform();
  Definition hosted;
  hosted.transform = HostedTransform();
  derivations_.Count(DerivationCounters::OutcomeOf(
      lua, absl::OkStatus()));
  derivations_.Count(DerivationCounters::OutcomeOf(
      lua, MakeError(Reason::kLuaBudget, "slow")));
  derivations_.Count(DerivationCounters::OutcomeOf(
      lua, MakeError(Reason::kLuaMemory, "large")));
  derivations_.Count(DerivationCounters::OutcomeOf(
      lua, MakeError(Reason::kLuaError, "wrong")));
  derivations_.Count(DerivationCounters::OutcomeOf(
      hosted, MakeError(Reason::kCycle, "circle")));
  derivations_.CountCommit(MakeError(Reason::kDerivationFailed, "no"));
  derivations_.put_off.Add(8);
  derivations_.CountSpent(300);
  derivations_.CountSpent(200);
  derivations_.CountCommit(absl::OkStatus());
  derivation_lua_.nanoseconds.Add(1'500'000'000);
  equality_lua_.calls.Add(3);
  measures_.status.derivations = {5, 6, 7, 9};
  Collect();
  const auto failures = [this](const char* kind, const char* reason) {
    return Value("restate_derivation_failures_total",
                 {{"kind", kind}, {"reason", reason}});
  };
  EXPECT_EQ(Value("restate_derivation_computations_total", {{"kind", "lua"}}),
            4);
  EXPECT_EQ(failures("lua", "budget"), 1);
  EXPECT_EQ(failures("lua", "memory"), 1);
  EXPECT_EQ(failures("lua", "error"), 1);
  EXPECT_EQ(failures("lua", "other"), 0);
  EXPECT_EQ(failures("hosted", "other"), 1);
  EXPECT_EQ(failures("aggregate", "other"), 0);
  EXPECT_EQ(Value("restate_derivation_refused_commits_total",
                  {{"reason", "failure"}}),
            1);
  EXPECT_EQ(Value("restate_derivations_put_off_total"), 8);
  EXPECT_EQ(Value("restate_derivation_spent_instructions_total"), 500);
  EXPECT_EQ(Value("restate_derivation_most_spent_instructions"), 300);
  EXPECT_EQ(Value("restate_derivations", {{"status", "over_budget"}}), 9);
  EXPECT_EQ(Value("restate_derivations", {{"status", "ok"}}), 5);
  EXPECT_EQ(Value("restate_derivations", {{"status", "error"}}), 6);
  EXPECT_EQ(Value("restate_derivations", {{"status", "stale"}}), 7);
  EXPECT_EQ(Value("restate_lua_seconds_total", {{"use", "derivation"}}), 1.5);
  EXPECT_EQ(Value("restate_lua_calls_total", {{"use", "equality"}}), 3);
}

TEST_F(CollectorTest, ShowsEachMount) {
  measures_.mounts.resize(2);
  measures_.mounts[0].kind = "rocksdb";
  measures_.mounts[0].size.bytes = 1000;
  MountStatus& files = measures_.mounts[1];
  files.at = Path().Child("etc");
  files.kind = "filesystem";
  files.health.state = BackendHealth::State::kDown;
  files.writes = 3;
  files.applier.emplace();
  files.applier->pending_bytes = 44;
  files.applier->applied_batches = 5;
  files.applier->failed_attempts = 6;
  files.applier->oldest_pending_age = absl::Seconds(7);
  Collect();
  const auto state = [this](const char* mount, const char* kind,
                            const char* state) {
    return Value("restate_mount_state",
                 {{"mount", mount}, {"kind", kind}, {"state", state}});
  };
  EXPECT_EQ(state("/", "rocksdb", "up"), 1);
  EXPECT_EQ(state("/", "rocksdb", "down"), 0);
  EXPECT_EQ(state("/etc", "filesystem", "up"), 0);
  EXPECT_EQ(state("/etc", "filesystem", "down"), 1);
  EXPECT_EQ(Value("restate_mount_bytes", {{"mount", "/"}}), 1000);
  EXPECT_EQ(Value("restate_mount_bytes", {{"mount", "/etc"}}), std::nullopt);
  EXPECT_EQ(Value("restate_mount_pending_bytes", {{"mount", "/"}}),
            std::nullopt);
  EXPECT_EQ(Value("restate_mount_pending_bytes", {{"mount", "/etc"}}), 44);
  EXPECT_EQ(Value("restate_mount_flushes_total", {{"mount", "/etc"}}), 5);
  EXPECT_EQ(Value("restate_mount_failures_total", {{"mount", "/etc"}}), 6);
  EXPECT_EQ(
      Value("restate_mount_oldest_pending_age_seconds", {{"mount", "/etc"}}),
      7);
  EXPECT_EQ(Value("restate_mount_writes_total", {{"mount", "/etc"}}), 3);
  files.applier->failed = true;
  Collect();
  EXPECT_EQ(state("/etc", "filesystem", "down"), 0);
  EXPECT_EQ(state("/etc", "filesystem", "failed"), 1);
}

TEST_F(CollectorTest, CountsCalls) {
  CountedCall(&calls_, Rpc::kSetState).End(0, std::chrono::milliseconds(1));
  CountedCall(&calls_, Rpc::kSetState).End(3, std::chrono::milliseconds(2));
  const CountedCall open(&calls_, Rpc::kSubscribe);
  Collect();
  const std::map<std::string, std::string> set = {
      {"service", "restate.v1.StateService"}, {"method", "SetState"}};
  const auto ended = [&](std::map<std::string, std::string> labels,
                         const char* code) {
    labels["code"] = code;
    return Value("restate_rpcs_total", labels);
  };
  EXPECT_EQ(ended(set, "OK"), 1);
  EXPECT_EQ(ended(set, "INVALID_ARGUMENT"), 1);
  EXPECT_EQ(ended(set, "ABORTED"), std::nullopt);
  EXPECT_EQ(Value("restate_rpcs_in_flight", set), 0);
  const ClientMetric* const time = Sample("restate_rpc_duration_seconds", set);
  ASSERT_NE(time, nullptr);
  EXPECT_EQ(time->histogram.sample_count, 2u);
  EXPECT_DOUBLE_EQ(time->histogram.sample_sum, 0.003);

  const std::map<std::string, std::string> subscribe = {
      {"service", "restate.v1.EventService"}, {"method", "Subscribe"}};
  EXPECT_EQ(ended(subscribe, "OK"), 0);
  EXPECT_EQ(Value("restate_rpcs_in_flight", subscribe), 1);
  open.End(1);
  Collect();
  EXPECT_EQ(ended(subscribe, "CANCELLED"), 1);
  EXPECT_EQ(Value("restate_rpcs_in_flight", subscribe), 0);
  // How long a stream was open is no latency.
  EXPECT_EQ(Sample("restate_rpc_duration_seconds", subscribe), nullptr);
}

TEST_F(CollectorTest, ShowsSubscribersHostsAndTrackers) {
  subscriptions_.events.Add(10);
  subscriptions_.coalesced.Add(11);
  subscriptions_.overflows_to_history.Add(12);
  subscriptions_.overflows_to_end.Add(13);
  subscriptions_.resets.Add(14);
  measures_.status.sessions = 15;
  measures_.status.subscriptions = 16;
  measures_.status.unacknowledged = 17;
  measures_.queued = {19, 18};
  measures_.hosts.calls_in_flight = 20;
  measures_.hosts.waits_timed_out = 21;
  measures_.hosts.waits_without_host = 22;
  measures_.hosts.results = 23;
  measures_.status.trackers = 24;
  measures_.open_runs = 25;
  measures_.runs = 26;
  measures_.runs_asked_for = 27;
  measures_.tracker_loops = 28;
  measures_.leases = 29;
  Collect();
  EXPECT_EQ(Value("restate_events_total"), 10);
  EXPECT_EQ(Value("restate_events_coalesced_total"), 11);
  EXPECT_EQ(
      Value("restate_subscriber_overflows_total", {{"outcome", "history"}}),
      12);
  EXPECT_EQ(Value("restate_subscriber_overflows_total", {{"outcome", "end"}}),
            13);
  EXPECT_EQ(Value("restate_subscriber_resets_total"), 14);
  EXPECT_EQ(Value("restate_sessions"), 15);
  EXPECT_EQ(Value("restate_subscriptions"), 16);
  EXPECT_EQ(Value("restate_interceptions_pending"), 17);
  EXPECT_EQ(Value("restate_subscriber_queue_largest_bytes"), 18);
  EXPECT_EQ(Value("restate_subscriber_queue_bytes"), 19);
  EXPECT_EQ(Value("restate_hosted_calls_in_flight"), 20);
  EXPECT_EQ(Value("restate_hosted_waits_failed_total", {{"reason", "timeout"}}),
            21);
  EXPECT_EQ(Value("restate_hosted_waits_failed_total", {{"reason", "no_host"}}),
            22);
  EXPECT_EQ(Value("restate_hosted_answers_total", {{"outcome", "result"}}), 23);
  EXPECT_EQ(Value("restate_trackers"), 24);
  EXPECT_EQ(Value("restate_tracker_open_runs"), 25);
  EXPECT_EQ(Value("restate_tracker_runs_total"), 26);
  EXPECT_EQ(Value("restate_tracker_runs_asked_for_total"), 27);
  EXPECT_EQ(Value("restate_tracker_loops_total"), 28);
  EXPECT_EQ(Value("restate_leases"), 29);
}

}  // namespace
}  // namespace restate
