#include "service/metrics/engine_metrics.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/client/client_accounts.h"
#include "engine/commit/commit_counters.h"
#include "engine/commit/commit_request.h"
#include "engine/derivation/derivation_counters.h"

namespace restate {
namespace {

constexpr double kNanosecond = 1e-9;

template <typename Number>
double Double(Number number) {
  return static_cast<double>(number);
}

double Double(const Counter& counter) {
  return static_cast<double>(counter.value());
}

// 0 if there is nothing.
double Age(absl::Time since, absl::Time now) {
  if (since == absl::InfiniteFuture() || since == absl::InfinitePast()) {
    return 0;
  }
  return std::max(0.0, absl::ToDoubleSeconds(now - since));
}

std::string OriginName(CommitOrigin origin) {
  switch (origin) {
    case CommitOrigin::kClient:
      return "client";
    case CommitOrigin::kMount:
      return "mount";
    case CommitOrigin::kExpired:
      return "expired";
    case CommitOrigin::kFile:
      return "file";
    case CommitOrigin::kDerivation:
      return "derivation";
  }
  return "";
}

void AddCommits(const Measures& measures, Families& out) {
  const CommitCounters& commits = *measures.commits;
  out.Gauge("restate_taking_writes",
            "Whether writes are taken: 0 while the store is opened again.",
            measures.healthy ? 1 : 0);
  out.Gauge("restate_revision", "The newest revision that reads show.",
            Double(measures.revision));
  for (size_t i = 0; i < CommitCounters::kOrigins; ++i) {
    const std::string origin = OriginName(static_cast<CommitOrigin>(i));
    out.Counter("restate_commits_total", "Published commits, by origin.",
                Double(commits.commits[i]), {{"origin", origin}});
    // They have nothing but derived writes, which are counted below.
    if (i == static_cast<size_t>(CommitOrigin::kDerivation)) continue;
    out.Counter("restate_operations_total",
                "Operations that changed something or pinged, by origin.",
                Double(commits.operations[i]), {{"origin", origin}});
  }
  out.Counter("restate_operations_total", "", Double(commits.derived_writes),
              {{"origin", "derivation"}});
  out.Counter("restate_commits_unchanged_total",
              "Commits that changed nothing, and have no revision.",
              Double(commits.unchanged));
  out.Counter("restate_commits_refused_total",
              "Commits that were refused when their turn came.",
              Double(commits.refused));
  out.Counter("restate_commits_replayed_total",
              "Retries that were given the answer of before.",
              Double(commits.replayed));
  out.Histogram("restate_batch_commits", "Commits that were taken together.",
                commits.batch_commits.Read(), 1);
  out.Histogram("restate_batch_duration_seconds",
                "Time from taking a batch until its writers are answered and "
                "its events queued.",
                commits.batch_time.Read(), kNanosecond);
  out.Histogram("restate_store_commit_duration_seconds",
                "Time that making a batch durable takes, the fsync included.",
                commits.store_time.Read(), kNanosecond);
  out.Counter("restate_failed_batches_total",
              "Batches for which the store failed, and was opened again.",
              Double(commits.failed_batches));
  out.Gauge("restate_commit_queue_length", "Commits that wait to be sequenced.",
            Double(measures.queue.commits));
  out.Gauge("restate_commit_queue_bytes", "What those take.",
            Double(measures.queue.bytes));
}

void AddMemory(const Measures& measures, absl::Time now, Families& out) {
  const EngineStatus& status = measures.status;
  out.Gauge("restate_last_changes_bytes",
            "Memory of who changed what, which unchanged_since asks.",
            Double(measures.commits->last_changes_bytes.load()));
  out.Gauge("restate_history_bytes", "What the past commits take.",
            Double(status.history_bytes));
  out.Gauge("restate_history_oldest_revision",
            "Subscriptions can be resumed after this revision or a later one.",
            Double(status.history_oldest));
  out.Gauge("restate_history_oldest_age_seconds",
            "Age of the oldest commit kept; 0 if there is none.",
            Age(status.history_oldest_time, now));
  out.Gauge("restate_request_ids", "Requests whose retries are known.",
            Double(status.requests.count));
  out.Gauge("restate_request_ids_bytes", "What their answers take.",
            Double(status.requests.bytes));
  out.Gauge("restate_request_ids_oldest_age_seconds",
            "Since the oldest of them was answered; 0 if there is none.",
            Age(status.requests.oldest, now));
  out.Gauge("restate_leases", "Paths that go by themselves.",
            Double(measures.leases));
}

// In the order of the enumerators.
constexpr std::array<std::string_view, kHoldings> kHoldingNames = {
    "sessions", "streams", "subscriptions", "patterns",    "snapshots",
    "trackers", "waits",   "queued_bytes",  "interceptions"};

void AddRefusals(std::string_view what, uint64_t of_client, uint64_t of_all,
                 Families& out) {
  constexpr char kHelp[] =
      "Requests refused because one client, or all together, held too much.";
  out.Counter("restate_refusals_total", kHelp, Double(of_client),
              {{"what", std::string(what)}, {"bound", "client"}});
  out.Counter("restate_refusals_total", kHelp, Double(of_all),
              {{"what", std::string(what)}, {"bound", "all"}});
}

void AddClients(const Measures& measures, Families& out) {
  AddRefusals("commits", measures.queue_full_of_client,
              measures.queue_full_of_all, out);
  if (measures.accounts == nullptr) return;
  const HeldInAll& in_all = measures.accounts->in_all();
  out.Gauge("restate_clients", "Clients that hold anything.",
            Double(measures.accounts->count()));
  for (size_t i = 0; i < kHoldings; ++i) {
    const auto what = static_cast<Holding>(i);
    const std::string name(kHoldingNames[i]);
    out.Gauge("restate_held", "What all clients hold together.",
              Double(in_all.held(what)), {{"what", name}});
    out.Gauge("restate_held_largest",
              "What the client holds that holds most of it.",
              Double(measures.accounts->largest(what)), {{"what", name}});
    AddRefusals(name, in_all.refused_of_client[i].value(),
                in_all.refused_of_all[i].value(), out);
  }
}

void AddSubscribers(const Measures& measures, Families& out) {
  const SubscriptionCounters& counters = *measures.subscriptions;
  out.Gauge("restate_sessions", "Sessions, those in their grace time too.",
            Double(measures.status.sessions));
  out.Gauge("restate_subscriptions",
            "Subscriptions, of sessions and of Subscribe calls.",
            Double(measures.status.subscriptions));
  out.Gauge("restate_subscriber_queue_bytes",
            "What waits for all subscribers together.",
            Double(measures.queued.total));
  out.Gauge("restate_subscriber_queue_largest_bytes",
            "What waits for the one that most waits for.",
            Double(measures.queued.largest));
  out.Counter("restate_events_total",
              "Events for subscribers, one for each of them.",
              Double(counters.events));
  out.Counter("restate_events_coalesced_total",
              "Events that a later one of the same path took the place of.",
              Double(counters.coalesced));
  constexpr std::string_view kOverflows = "restate_subscriber_overflows_total";
  constexpr std::string_view kOverflowsHelp =
      "Times a full queue made a subscription read on from the history, or "
      "end.";
  out.Counter(kOverflows, kOverflowsHelp, Double(counters.overflows_to_history),
              {{"outcome", "history"}});
  out.Counter(kOverflows, kOverflowsHelp, Double(counters.overflows_to_end),
              {{"outcome", "end"}});
  out.Counter("restate_subscriber_resets_total",
              "Times a subscription lost its place and began again with a "
              "snapshot.",
              Double(counters.resets));
  out.Gauge("restate_interceptions_pending",
            "Intercepted events that nobody has answered yet.",
            Double(measures.status.unacknowledged));
  out.Counter("restate_interception_timeouts_total",
              "Intercepted events whose answer did not come in time.",
              Double(measures.interception_timeouts));
}

void AddLua(const LuaCounters& counters, const std::string& use,
            Families& out) {
  const Families::Labels labels = {{"use", use}};
  out.Counter("restate_lua_calls_total", "Calls of functions in Lua, by use.",
              Double(counters.calls), labels);
  const auto failures = [&](const char* reason, const Counter& counter) {
    out.Counter(
        "restate_lua_failures_total",
        "Those that failed: by an error of theirs, or because they used "
        "up their instructions or their memory.",
        Double(counter), {{"use", use}, {"reason", reason}});
  };
  failures("error", counters.errors);
  failures("budget", counters.over_budget);
  failures("memory", counters.over_memory);
  out.Counter("restate_lua_seconds_total", "Time in functions in Lua.",
              Double(counters.nanoseconds) * kNanosecond, labels);
  out.Counter("restate_lua_instructions_total",
              "What they used of their budgets.", Double(counters.instructions),
              labels);
  out.Gauge("restate_lua_memory_bytes", "What their machine holds.",
            Double(counters.memory_bytes.load()), labels);
}

void AddDerivations(const Measures& measures, Families& out) {
  constexpr std::string_view kDerivations = "restate_derivations";
  constexpr std::string_view kDerivationsHelp = "Derivations, by status.";
  const DerivationCounts& counts = measures.status.derivations;
  out.Gauge(kDerivations, kDerivationsHelp, Double(counts.ok),
            {{"status", "ok"}});
  out.Gauge(kDerivations, kDerivationsHelp, Double(counts.error),
            {{"status", "error"}});
  out.Gauge(kDerivations, kDerivationsHelp, Double(counts.stale),
            {{"status", "stale"}});
  out.Gauge(kDerivations, kDerivationsHelp, Double(counts.over_budget),
            {{"status", "over_budget"}});

  constexpr std::array<const char*, DerivationCounters::kKinds> kKinds = {
      "lua", "aggregate", "hosted"};
  constexpr std::array<const char*, DerivationCounters::kFailures> kFailures = {
      "error", "budget", "memory", "other"};
  const DerivationCounters& counters = *measures.derivations;
  for (size_t i = 0; i < kKinds.size(); ++i) {
    const DerivationCounters::OfKind& kind = counters.kinds[i];
    out.Counter("restate_derivation_computations_total",
                "Times a destination was computed, by the kind of transform.",
                Double(kind.computed), {{"kind", kKinds[i]}});
    for (size_t j = 0; j < kFailures.size(); ++j) {
      out.Counter("restate_derivation_failures_total",
                  "Those that failed, by reason.", Double(kind.failed[j]),
                  {{"kind", kKinds[i]}, {"reason", kFailures[j]}});
    }
  }
  out.Counter("restate_derivation_refused_commits_total",
              "Commits refused because a derivation failed that is to refuse "
              "then.",
              Double(counters.refused_by_failure), {{"reason", "failure"}});
  out.Counter("restate_derivations_put_off_total",
              "Times a destination was not computed in the commit that changed "
              "its sources: its definer's share was used, or it took too much of "
              "the processor's time.",
              Double(counters.put_off));
  out.Counter("restate_derivation_wait_seconds_total",
              "How long commits were set aside for functions that others than "
              "their clients have derived.",
              Double(counters.waited_us) / 1e6);
  out.Counter("restate_derivation_spent_instructions_total",
              "What derivations spent in commits, calls and reading sources.",
              Double(counters.spent));
  out.Gauge("restate_derivation_most_spent_instructions",
            "The most that they spent in one commit since the start.",
            Double(counters.most_spent.load(std::memory_order_relaxed)));
  AddLua(*measures.derivation_lua, "derivation", out);
  AddLua(*measures.equality_lua, "equality", out);
}

void AddHosts(const HostTable::Status& hosts, Families& out) {
  out.Gauge("restate_hosted_derivations", "Derivations that clients compute.",
            Double(hosts.hosted));
  out.Gauge("restate_hosted_calls_in_flight",
            "Calls that clients were asked for and have not answered.",
            Double(hosts.calls_in_flight));
  out.Counter("restate_hosted_calls_total",
              "Calls that clients were asked for.", Double(hosts.calls));
  constexpr std::string_view kAnswers = "restate_hosted_answers_total";
  constexpr std::string_view kAnswersHelp =
      "Calls that came back, with a result or an error.";
  out.Counter(kAnswers, kAnswersHelp, Double(hosts.results),
              {{"outcome", "result"}});
  out.Counter(kAnswers, kAnswersHelp, Double(hosts.errors),
              {{"outcome", "error"}});
  out.Gauge("restate_hosted_waiting_writes",
            "Writes that wait for what clients compute.",
            Double(hosts.waiting_writes));
  constexpr std::string_view kWaits = "restate_hosted_waits_failed_total";
  constexpr std::string_view kWaitsHelp =
      "Destinations that a write waited for in vain: too long, or with nobody "
      "there to compute them.";
  out.Counter(kWaits, kWaitsHelp, Double(hosts.waits_timed_out),
              {{"reason", "timeout"}});
  out.Counter(kWaits, kWaitsHelp, Double(hosts.waits_without_host),
              {{"reason", "no_host"}});
}

void AddTrackers(const Measures& measures, Families& out) {
  out.Gauge("restate_trackers", "Callbacks of clients that are tracked.",
            Double(measures.status.trackers));
  out.Gauge("restate_tracker_open_runs", "Tracked runs that are under way.",
            Double(measures.open_runs));
  out.Counter("restate_tracker_runs_total", "Tracked runs that have begun.",
              Double(measures.runs));
  out.Counter("restate_tracker_runs_asked_for_total",
              "Runs asked for because something that was read has changed.",
              Double(measures.runs_asked_for));
  out.Counter("restate_tracker_loops_total",
              "Trackers that were ended because they ran in circles.",
              Double(measures.tracker_loops));
}

std::string StateOf(const MountStatus& mount) {
  if (mount.applier.has_value() && mount.applier->failed) return "failed";
  switch (mount.health.state) {
    case BackendHealth::State::kUp:
      return "up";
    case BackendHealth::State::kDegraded:
      return "degraded";
    case BackendHealth::State::kDown:
      return "down";
  }
  return "";
}

void AddMount(const MountStatus& mount, Families& out) {
  const std::string path = mount.at.ToText();
  const Families::Labels labels = {{"mount", path}};
  const std::string state = StateOf(mount);
  for (const char* one : {"up", "degraded", "down", "failed"}) {
    out.Gauge("restate_mount_state", "1 for the state that a mount is in.",
              one == state ? 1 : 0,
              {{"mount", path}, {"kind", mount.kind}, {"state", one}});
  }
  out.Counter("restate_mount_writes_total",
              "Leaves and deletions written since it was mounted.",
              Double(mount.writes), labels);
  if (mount.size.own_values.has_value()) {
    out.Gauge("restate_mount_own_values",
              "Own values that it holds, where that is known.",
              Double(*mount.size.own_values), labels);
  }
  if (mount.size.bytes.has_value()) {
    out.Gauge("restate_mount_bytes",
              "About how much it holds, where that is known.",
              Double(*mount.size.bytes), labels);
  }
  if (!mount.applier.has_value()) return;
  const ApplierStatus& applier = *mount.applier;
  out.Gauge("restate_mount_pending_writes",
            "Writes that are decided and not in the backend yet.",
            Double(applier.pending_writes), labels);
  out.Gauge("restate_mount_pending_bytes", "What those take in memory.",
            Double(applier.pending_bytes), labels);
  out.Gauge("restate_mount_oldest_pending_age_seconds",
            "How long the oldest of them has waited; 0 if there is none.",
            absl::ToDoubleSeconds(applier.oldest_pending_age), labels);
  out.Counter("restate_mount_flushes_total",
              "Batches that were brought to the backend.",
              Double(applier.applied_batches), labels);
  out.Counter("restate_mount_failures_total",
              "Attempts to write to the backend that failed.",
              Double(applier.failed_attempts), labels);
}

}  // namespace

void AddEngineMetrics(const Measures& measures, absl::Time now,
                      Families* families) {
  Families& out = *families;
  AddCommits(measures, out);
  AddMemory(measures, now, out);
  AddClients(measures, out);
  AddSubscribers(measures, out);
  AddDerivations(measures, out);
  AddHosts(measures.hosts, out);
  AddTrackers(measures, out);
  for (const MountStatus& mount : measures.mounts) AddMount(mount, out);
}

}  // namespace restate
