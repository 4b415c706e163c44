#include "engine/commit/fair_queue.h"

#include <algorithm>
#include <utility>

namespace restate {
namespace {

// What an end of leases is taken for: all that a batch may have, so that it is one
// by itself, and those of clients come between two of them.
constexpr size_t kExpiryOperations = 2'000;
// What is taken in one turn, in operations.
constexpr int64_t kTurnWeight = 256;
// So many bytes of a request take about as long as one operation.
constexpr size_t kBytesPerOperation = 512;
// Those with nothing waiting are forgotten when there are so many of them, and
// more than of the others: making one costs more than finding it again.
constexpr size_t kIdleKept = 64;

// In operations.
int64_t CostOf(const CommitRequest& request) {
  const CommitWeight weight = WeightOf(request);
  return static_cast<int64_t>(weight.operations +
                              weight.bytes / kBytesPerOperation);
}

// Brings the next that may take something to the front of `turns`. A balance is
// what may still be taken, or below zero, what was taken too much; each turn adds
// to it.
template <typename T>
void Choose(std::deque<T*>& turns) {
  while (turns.front()->balance <= 0) {
    turns.front()->balance += kTurnWeight;
    if (turns.front()->balance > 0) return;
    turns.push_back(turns.front());
    turns.pop_front();
  }
}

// After the one at the front has taken something that cost `cost`.
template <typename T>
void Charge(std::deque<T*>& turns, int64_t cost) {
  T* const front = turns.front();
  front->balance -= cost;
  if (front->empty()) {
    turns.pop_front();
    // What was not used up is lost; what was taken too much is not.
    front->balance = std::min<int64_t>(front->balance, 0);
  } else if (front->balance <= 0) {
    turns.push_back(front);
    turns.pop_front();
  }
}

template <typename Map>
void EraseIdle(Map& map, size_t busy) {
  if (map.size() <= kIdleKept + 2 * busy) return;
  absl::erase_if(map, [](const auto& entry) { return entry.second->empty(); });
}

}  // namespace

CommitWeight WeightOf(const CommitRequest& request) {
  // Nobody waits for it, and it takes the time of a batch.
  if (request.expiry.has_value()) return {kExpiryOperations, request.bytes};
  return {std::max<size_t>(request.operations.size(), 1), request.bytes};
}

struct FairQueue::Flow {
  bool empty() const { return commits.empty(); }

  std::deque<QueuedCommit> commits;
  int64_t balance = 0;
};

struct FairQueue::Client {
  bool empty() const { return turns.empty(); }

  // That of commits without an order, and those of streams.
  Flow unordered;
  absl::flat_hash_map<const CommitOrder*, std::unique_ptr<Flow>> ordered;
  // Those with something waiting; the first has its turn.
  std::deque<Flow*> turns;
  int64_t balance = 0;
};

FairQueue::FairQueue() = default;
FairQueue::~FairQueue() = default;

void FairQueue::Push(QueuedCommit commit) {
  std::unique_ptr<Client>& client = clients_[commit.request.client];
  if (client == nullptr) client = std::make_unique<Client>();
  Flow* flow = &client->unordered;
  if (const CommitOrder* order = commit.request.order.get();
      order != nullptr) {
    EraseIdle(client->ordered, client->turns.size());
    std::unique_ptr<Flow>& of_order = client->ordered[order];
    if (of_order == nullptr) of_order = std::make_unique<Flow>();
    flow = of_order.get();
  }
  if (client->empty()) turns_.push_back(client.get());
  if (flow->empty()) client->turns.push_back(flow);
  flow->commits.push_back(std::move(commit));
  ++size_;
}

void FairQueue::Select() {
  if (std::exchange(selected_, true)) return;
  Choose(turns_);
  Choose(turns_.front()->turns);
}

const QueuedCommit& FairQueue::Front() {
  Select();
  return turns_.front()->turns.front()->commits.front();
}

QueuedCommit FairQueue::PopFront() {
  Select();
  selected_ = false;
  Client* const client = turns_.front();
  Flow* const flow = client->turns.front();
  QueuedCommit commit = std::move(flow->commits.front());
  flow->commits.pop_front();
  --size_;
  const int64_t cost = CostOf(commit.request);
  Charge(client->turns, cost);
  Charge(turns_, cost);
  EraseIdle(clients_, turns_.size());
  return commit;
}

}  // namespace restate
