#ifndef RESTATE_ENGINE_SUBSCRIPTION_SESSION_REQUEST_H_
#define RESTATE_ENGINE_SUBSCRIPTION_SESSION_REQUEST_H_

#include <atomic>
#include <cstdint>
#include <string>
#include <utility>
#include <variant>

#include "absl/status/status.h"
#include "engine/path/path.h"

namespace restate {

// Run a tracker's callback again: what it read has changed.
struct TrackerRerun {
  std::string tracker_id;
};

// A tracker has ended from this side.
struct TrackerEnded {
  std::string tracker_id;
  absl::Status status;
};

// Call a hosted transform with what its sources are when this is sent.
struct TransformCall {
  Path dest;
  // Of the definition.
  uint64_t version = 0;
};

// What a client is asked to do over its session, beside hearing of events.
//
// Sent once to each stream of the session, unless it is withdrawn before: whoever
// asks asks again when the session is taken up by another stream.
class SessionRequest {
 public:
  using What = std::variant<TrackerRerun, TrackerEnded, TransformCall>;
  explicit SessionRequest(What what) : what_(std::move(what)) {}

  const What& what() const { return what_; }

  // It was done, or is not to be done any more. Thread-safe.
  void Withdraw() { withdrawn_.store(true, std::memory_order_release); }
  bool withdrawn() const {
    return withdrawn_.load(std::memory_order_acquire);
  }

  // Whether it is to be sent on the stream, and was not before. For the one who
  // empties the session's queue.
  bool SendOn(uint64_t stream) {
    if (withdrawn() || sent_on_ == stream) return false;
    sent_on_ = stream;
    return true;
  }

 private:
  const What what_;
  std::atomic<bool> withdrawn_ = false;
  uint64_t sent_on_ = 0;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_SUBSCRIPTION_SESSION_REQUEST_H_
