#ifndef RESTATE_ENGINE_COMMIT_LARGE_COMMIT_PACE_H_
#define RESTATE_ENGINE_COMMIT_LARGE_COMMIT_PACE_H_

#include <algorithm>
#include <cstddef>

#include "absl/time/time.h"
#include "engine/client/client_id.h"
#include "engine/commit/commit_request.h"

namespace restate {

// When the next large commit may be sequenced. A commit is one step, and nothing
// else is written while a map of 100,000 leaves is, which takes a quarter of a
// second. So large commits are made alone, and, while clients other than their own
// write too, for at most a twentieth of the time.
//
// Times are those of a monotonic clock. Not thread-safe: the queue's.
class LargeCommitPace {
 public:
  // A commit that exceeds either is large: it takes longer than a batch of others
  // may (BatchBounds), by some.
  static constexpr size_t kMostOperations = 4'000;
  static constexpr size_t kMostBytes = size_t{512} << 10;
  // After one, the next waits this many times as long as it took.
  static constexpr int kRestTimes = 19;
  static constexpr absl::Duration kLongestRest = absl::Seconds(10);
  // A client that has written nothing for so long counts as gone.
  static constexpr absl::Duration kActive = absl::Seconds(1);

  // The server's own commits are not paced, nor those of clients without bounds.
  static bool IsLarge(const CommitRequest& request) {
    return !request.client.empty() && request.client.bounded() &&
           (request.operations.size() > kMostOperations ||
            request.bytes > kMostBytes);
  }

  // A commit of `client` that is not large is sequenced.
  void TookOther(const ClientId& client, absl::Duration now) {
    if (!(client == last_.client)) before_ = last_;
    last_ = {client, now};
  }
  // How long one of `client` has to wait; 0 if it may be sequenced.
  absl::Duration Wait(const ClientId& client, absl::Duration now) const {
    const Writer& other = last_.client == client ? before_ : last_;
    if (now - other.at > kActive) return absl::ZeroDuration();
    return std::max(rest_until_ - now, absl::ZeroDuration());
  }
  // One has begun, and is done with.
  void Began(absl::Duration now) { began_ = now; }
  void Ended(absl::Duration now) {
    rest_until_ = now + std::min(kRestTimes * (now - began_), kLongestRest);
  }

 private:
  struct Writer {
    ClientId client;
    absl::Duration at = -absl::InfiniteDuration();
  };

  // The client that wrote last, and the last one before it that was another.
  Writer last_;
  Writer before_;
  absl::Duration began_;
  absl::Duration rest_until_ = -absl::InfiniteDuration();
};

}  // namespace restate

#endif  // RESTATE_ENGINE_COMMIT_LARGE_COMMIT_PACE_H_
