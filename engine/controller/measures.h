#ifndef RESTATE_ENGINE_CONTROLLER_MEASURES_H_
#define RESTATE_ENGINE_CONTROLLER_MEASURES_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/time/time.h"
#include "engine/backend/backend.h"
#include "engine/client/client_accounts.h"
#include "engine/commit/commit_counters.h"
#include "engine/commit/commit_queue.h"
#include "engine/derivation/derivation_counters.h"
#include "engine/derivation/derivation_state.h"
#include "engine/hosting/host_table.h"
#include "engine/lua/lua_counters.h"
#include "engine/mount/mounted_backend.h"
#include "engine/request/answered_requests.h"
#include "engine/subscription/subscription_counters.h"
#include "engine/subscription/subscription_hub.h"

namespace restate {

// How many derivations are in each state.
struct DerivationCounts {
  size_t ok = 0;
  size_t error = 0;
  size_t stale = 0;
  size_t over_budget = 0;
};
DerivationCounts CountDerivations(const DerivationState& state);

// How an engine is doing.
struct EngineStatus {
  Revision history_oldest = 0;
  // Infinite future if no commit is kept.
  absl::Time history_oldest_time = absl::InfiniteFuture();
  size_t history_bytes = 0;
  size_t sessions = 0;
  size_t subscriptions = 0;
  size_t trackers = 0;
  size_t unacknowledged = 0;
  DerivationCounts derivations;
  // How far back retries are known.
  AnsweredRequests::Status requests;
};

// The numbers of an engine, each of about the same moment. What is pointed to
// is the engine's: it goes on counting, and lives as long as the engine does.
struct Measures {
  EngineStatus status;
  Revision revision = 0;
  // Whether writes are taken.
  bool healthy = true;

  const CommitCounters* commits = nullptr;
  CommitQueue::Waiting queue;
  size_t leases = 0;

  const SubscriptionCounters* subscriptions = nullptr;
  SubscriptionHub::QueuedBytes queued;
  const ClientAccounts* accounts = nullptr;
  // Commits refused because too many waited: of one client, and of all.
  uint64_t queue_full_of_client = 0;
  uint64_t queue_full_of_all = 0;
  uint64_t interception_timeouts = 0;

  const DerivationCounters* derivations = nullptr;
  const LuaCounters* derivation_lua = nullptr;
  const LuaCounters* equality_lua = nullptr;
  HostTable::Status hosts;

  size_t open_runs = 0;
  uint64_t runs = 0;
  uint64_t runs_asked_for = 0;
  uint64_t tracker_loops = 0;

  // In path order.
  std::vector<MountStatus> mounts;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_CONTROLLER_MEASURES_H_
