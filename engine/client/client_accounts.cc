#include "engine/client/client_accounts.h"

#include <algorithm>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "engine/error/absl_view.h"
#include "engine/error/error.h"

namespace restate {
namespace {

// How a refusal is put.
struct Wording {
  Reason reason;
  std::string_view things;
  std::string_view advice;
};

Wording WordingOf(Holding what) {
  switch (what) {
    case Holding::kSessions:
      return {Reason::kTooManySessions, "sessions",
              "close some, or share one among the parts of a program"};
    case Holding::kStreams:
      return {Reason::kTooManyStreams, "Subscribe streams",
              "end some, give one several patterns, or use a session"};
    case Holding::kSubscriptions:
      return {Reason::kTooManySubscriptions, "subscriptions",
              "use wildcards, or several patterns in one"};
    case Holding::kPatterns:
      return {Reason::kTooManyPatterns, "patterns of subscriptions",
              "use wildcards, or listen to less"};
    case Holding::kSnapshots:
      return {Reason::kTooManySnapshots, "streams that read one revision",
              "read some to their end first"};
    case Holding::kTrackers:
      return {Reason::kTooManyTrackers, "trackers",
              "stop some, or track more in one"};
    case Holding::kWaits:
      return {Reason::kTooManyWaits, "calls that wait",
              "have fewer under way at once"};
    case Holding::kQueuedBytes:
      return {Reason::kSlowSubscriber, "bytes that wait for subscribers",
              "read faster, or listen to less"};
    case Holding::kInterceptions:
      return {Reason::kQueueFull, "intercepted events without an answer",
              "answer them sooner"};
  }
  return {};
}

}  // namespace

Hold::~Hold() {
  if (account_ != nullptr) account_->Subtract(what_, amount_);
}

ClientAccount::Room ClientAccount::RoomFor(Holding what, size_t amount) const {
  const HoldingBounds& bounds = limits_[what];
  const auto fits = [amount](size_t held, size_t most) {
    return held <= most && amount <= most - held;
  };
  if (client_.bounded() && !fits(held(what), bounds.per_client)) {
    return Room::kNotOfClient;
  }
  if (!fits(in_all_->held(what), bounds.in_all)) return Room::kNotOfAll;
  return Room::kEnough;
}

void ClientAccount::CountRefused(Holding what, Room room) {
  auto& counters = room == Room::kNotOfClient ? in_all_->refused_of_client
                                              : in_all_->refused_of_all;
  counters[static_cast<size_t>(what)].Add();
}

absl::StatusOr<Hold> ClientAccount::Take(Holding what, size_t amount) {
  const Room room = RoomFor(what, amount);
  if (room == Room::kEnough) return TakeAnyway(what, amount);
  CountRefused(what, room);
  const Wording wording = WordingOf(what);
  const bool of_client = room == Room::kNotOfClient;
  const size_t limit =
      of_client ? limits_[what].per_client : limits_[what].in_all;
  const size_t held = of_client ? this->held(what) : in_all_->held(what);
  return MakeError(
      wording.reason,
      absl::StrCat(of_client ? "your address has " : "the server has ", held,
                   " ", AbslView(wording.things), ", and ",
                   of_client ? "one client" : "it", " may have ", limit, ": ",
                   of_client ? AbslView(wording.advice) : "try again later"),
      {{"limit", absl::StrCat(limit)},
       {"bound", of_client ? "client" : "all"}});
}

Hold ClientAccount::TakeAnyway(Holding what, size_t amount) {
  Add(what, amount);
  return Hold(shared_from_this(), what, amount);
}

bool ClientAccount::HasRoom(Holding what, size_t amount) {
  const Room room = RoomFor(what, amount);
  if (room == Room::kEnough) return true;
  CountRefused(what, room);
  return false;
}

void ClientAccount::Add(Holding what, size_t amount) {
  const size_t index = static_cast<size_t>(what);
  const auto more = static_cast<int64_t>(amount);
  held_[index].fetch_add(more, std::memory_order_relaxed);
  in_all_->amounts[index].fetch_add(more, std::memory_order_relaxed);
}

void ClientAccount::Subtract(Holding what, size_t amount) {
  const size_t index = static_cast<size_t>(what);
  const auto less = static_cast<int64_t>(amount);
  held_[index].fetch_sub(less, std::memory_order_relaxed);
  in_all_->amounts[index].fetch_sub(less, std::memory_order_relaxed);
}

std::shared_ptr<ClientAccount> ClientAccounts::AccountOf(
    const ClientId& client) {
  MutexLock lock(&mutex_);
  if (accounts_.size() >= next_sweep_) {
    absl::erase_if(accounts_, [](const auto& entry) {
      return entry.second.use_count() == 1;
    });
    next_sweep_ = std::max<size_t>(64, 2 * accounts_.size());
  }
  std::shared_ptr<ClientAccount>& account = accounts_[client];
  // One that bounds did not hold for may come by another way now.
  if (account == nullptr || account->client().bounded() != client.bounded()) {
    account = std::make_shared<ClientAccount>(client, limits_, in_all_);
  }
  return account;
}

size_t ClientAccounts::count() const {
  MutexLock lock(&mutex_);
  return static_cast<size_t>(
      std::count_if(accounts_.begin(), accounts_.end(), [](const auto& entry) {
        return entry.second.use_count() > 1;
      }));
}

size_t ClientAccounts::largest(Holding what) const {
  size_t largest = 0;
  MutexLock lock(&mutex_);
  for (const auto& [client, account] : accounts_) {
    largest = std::max(largest, account->held(what));
  }
  return largest;
}

}  // namespace restate
