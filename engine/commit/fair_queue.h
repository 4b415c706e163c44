#ifndef RESTATE_ENGINE_COMMIT_FAIR_QUEUE_H_
#define RESTATE_ENGINE_COMMIT_FAIR_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>

#include "absl/container/flat_hash_map.h"
#include "engine/client/client_id.h"
#include "engine/commit/commit_request.h"

namespace restate {

// A commit on its way to the sequencer.
struct QueuedCommit {
  CommitRequest request;
  CommitCallback done;
};

// What executing a commit takes of the sequencer, about: what it is charged with.
struct CommitWeight {
  size_t operations = 0;
  size_t bytes = 0;
};
CommitWeight WeightOf(const CommitRequest& request);

// Commits that wait, from which clients take turns; and within one client, his
// streams and all of his other calls do (surplus round robin). In a turn about
// kTurnWeight is taken, at least one commit; who took more waits for as many turns
// of the others. So whoever sends little waits for one turn of each that sends
// much, however much that is.
//
// Commits of one CommitOrder stay in order, and so do all of one client without
// any. Those of different clients have none: nobody was promised one.
//
// A client that has nothing waiting is remembered for a while, with what it took
// beyond its turns. Not thread-safe.
class FairQueue {
 public:
  FairQueue();
  ~FairQueue();
  FairQueue(const FairQueue&) = delete;
  FairQueue& operator=(const FairQueue&) = delete;

  void Push(QueuedCommit commit);
  // The one whose turn it is. REQUIRES: not empty.
  const QueuedCommit& Front();
  QueuedCommit PopFront();

  bool empty() const { return size_ == 0; }
  size_t size() const { return size_; }

 private:
  // Commits of one client that have an order; or all without.
  struct Flow;
  // What one client has waiting.
  struct Client;

  // Brings the commit whose turn it is to the front of everything.
  void Select();

  size_t size_ = 0;
  absl::flat_hash_map<ClientId, std::unique_ptr<Client>> clients_;
  // Those with something waiting; the first has its turn.
  std::deque<Client*> turns_;
  // Whether that is done, and nothing was taken since.
  bool selected_ = false;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_COMMIT_FAIR_QUEUE_H_
