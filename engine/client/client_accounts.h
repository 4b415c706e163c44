#ifndef RESTATE_ENGINE_CLIENT_CLIENT_ACCOUNTS_H_
#define RESTATE_ENGINE_CLIENT_CLIENT_ACCOUNTS_H_

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/client/client_id.h"
#include "engine/measure/counter.h"
#include "engine/sync/mutex.h"

namespace restate {

// What clients hold of the server for a while.
enum class Holding {
  // Sessions, in their grace time too.
  kSessions,
  // Plain Subscribe streams.
  kStreams,
  // Subscriptions, of sessions and of those streams; and their patterns.
  kSubscriptions,
  kPatterns,
  // Streams that read one revision: StreamState and Backup.
  kSnapshots,
  // Callbacks that are tracked.
  kTrackers,
  // Calls that wait: for a revision, or for what clients compute.
  kWaits,
  // Bytes of events that wait for subscribers.
  kQueuedBytes,
  // Intercepted events that nobody has answered yet.
  kInterceptions,
};
inline constexpr size_t kHoldings = 9;

// How much of one thing may be held.
struct HoldingBounds {
  size_t per_client = SIZE_MAX;
  size_t in_all = SIZE_MAX;
};
struct ClientLimits {
  HoldingBounds& operator[](Holding what) {
    return bounds[static_cast<size_t>(what)];
  }
  const HoldingBounds& operator[](Holding what) const {
    return bounds[static_cast<size_t>(what)];
  }
  // As the enumerators come. A client may hold what a large program needs, and a
  // tenth of all at most.
  std::array<HoldingBounds, kHoldings> bounds = {{
      {.per_client = 1'000, .in_all = 10'000},
      {.per_client = 1'000, .in_all = 20'000},
      {.per_client = 10'000, .in_all = 1'000'000},
      {.per_client = 100'000, .in_all = 10'000'000},
      {.per_client = 100, .in_all = 1'000},
      {.per_client = 10'000, .in_all = 100'000},
      {.per_client = 1'000, .in_all = 20'000},
      {.per_client = size_t{256} << 20, .in_all = size_t{1} << 30},
      {.per_client = 10'000, .in_all = 100'000},
  }};
};

class ClientAccount;

// A part of what a client may hold, given back when this is destroyed. Movable; an
// empty one holds nothing.
class Hold {
 public:
  Hold() = default;
  Hold(Hold&& other) noexcept { *this = std::move(other); }
  Hold& operator=(Hold&& other) noexcept {
    std::swap(account_, other.account_);
    std::swap(what_, other.what_);
    std::swap(amount_, other.amount_);
    return *this;
  }
  ~Hold();

 private:
  friend class ClientAccount;
  Hold(std::shared_ptr<ClientAccount> account, Holding what, size_t amount)
      : account_(std::move(account)), what_(what), amount_(amount) {}

  std::shared_ptr<ClientAccount> account_;
  Holding what_ = Holding::kSessions;
  size_t amount_ = 0;
};

// What all clients hold together.
struct HeldInAll {
  // Below zero for a moment if one thread subtracts what another is about to add.
  static size_t Shown(const std::atomic<int64_t>& held) {
    return static_cast<size_t>(
        std::max<int64_t>(held.load(std::memory_order_relaxed), 0));
  }
  size_t held(Holding what) const {
    return Shown(amounts[static_cast<size_t>(what)]);
  }

  std::array<std::atomic<int64_t>, kHoldings> amounts = {};
  // Requests that were refused: as too much of one client, and of all.
  std::array<Counter, kHoldings> refused_of_client;
  std::array<Counter, kHoldings> refused_of_all;
};

// What one client holds. Thread-safe, without a lock. May outlive the accounts.
class ClientAccount : public std::enable_shared_from_this<ClientAccount> {
 public:
  ClientAccount(ClientId client, const ClientLimits& limits,
                std::shared_ptr<HeldInAll> in_all)
      : client_(std::move(client)), limits_(limits), in_all_(std::move(in_all)) {}

  const ClientId& client() const { return client_; }

  // Takes `amount` more, or RESOURCE_EXHAUSTED with the reason that goes with it.
  absl::StatusOr<Hold> Take(Holding what, size_t amount = 1);
  // The same without asking: for what takes the place of something held.
  Hold TakeAnyway(Holding what, size_t amount = 1);

  // For what is counted where it changes, by those who decide themselves what
  // happens when it is too much: whether `amount` more would be; and adding and
  // subtracting it, in whatever order threads come to do that. Having no room is
  // counted as a refusal.
  bool HasRoom(Holding what, size_t amount);
  void Add(Holding what, size_t amount);
  void Subtract(Holding what, size_t amount);

  size_t held(Holding what) const {
    return HeldInAll::Shown(held_[static_cast<size_t>(what)]);
  }

 private:
  enum class Room { kEnough, kNotOfClient, kNotOfAll };
  Room RoomFor(Holding what, size_t amount) const;
  void CountRefused(Holding what, Room room);

  const ClientId client_;
  const ClientLimits limits_;
  const std::shared_ptr<HeldInAll> in_all_;
  std::array<std::atomic<int64_t>, kHoldings> held_ = {};
};

// The accounts of all clients that hold something.
//
// Two that take at once may both find room where there is room for one: a bound
// may be passed by as many as there are threads.
//
// Thread-safe. The lock is held to find an account, never on the way of a plain
// read or write.
class ClientAccounts {
 public:
  explicit ClientAccounts(const ClientLimits& limits) : limits_(limits) {}
  ClientAccounts(const ClientAccounts&) = delete;
  ClientAccounts& operator=(const ClientAccounts&) = delete;

  // Kept for as long as somebody has it.
  std::shared_ptr<ClientAccount> AccountOf(const ClientId& client);

  // What is held together, and what was refused since the start.
  const HeldInAll& in_all() const { return *in_all_; }
  // How many clients hold something, and how much the one that holds most of it
  // does.
  size_t count() const;
  size_t largest(Holding what) const;

 private:
  const ClientLimits limits_;
  const std::shared_ptr<HeldInAll> in_all_ = std::make_shared<HeldInAll>();

  mutable Mutex mutex_;
  absl::flat_hash_map<ClientId, std::shared_ptr<ClientAccount>> accounts_
      ABSL_GUARDED_BY(mutex_);
  // How many there may be until those that nobody has are looked for.
  size_t next_sweep_ ABSL_GUARDED_BY(mutex_) = 64;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_CLIENT_CLIENT_ACCOUNTS_H_
