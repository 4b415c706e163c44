#ifndef RESTATE_ENGINE_SUBSCRIPTION_SUBSCRIPTION_H_
#define RESTATE_ENGINE_SUBSCRIPTION_SUBSCRIPTION_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "engine/subscription/event.h"
#include "engine/subscription/subscription_progress.h"
#include "engine/subscription/subscription_spec.h"

namespace restate {

class Receiver;

// Who listens, to what, and how far it has come. Immutable and thread-safe, but
// for the progress, which is its Receiver's alone.
class Subscription {
 public:
  Subscription(int64_t id, SubscriptionSpec spec, std::string session_id,
               std::string callback_id, Receiver* receiver)
      : id_(id),
        spec_(std::move(spec)),
        session_id_(std::move(session_id)),
        callback_id_(std::move(callback_id)),
        receiver_(receiver),
        shares_bundles_(spec_.takes_bundles && session_id_.empty() &&
                        spec_.patterns.size() == 1 && !spec_.exact &&
                        spec_.kinds.empty() && !spec_.intercepting &&
                        spec_.min_interval == absl::ZeroDuration()) {}

  // Unique on this server.
  int64_t id() const { return id_; }
  const SubscriptionSpec& spec() const { return spec_; }
  // Both empty for one that is a stream of its own.
  const std::string& session_id() const { return session_id_; }
  const std::string& callback_id() const { return callback_id_; }
  // Who queues its events; outlives its entries in the index.
  Receiver* receiver() const { return receiver_; }

  // Whether it is told all of its one pattern, and nothing else, as it is told to
  // everybody: then it can share bundles.
  bool shares_bundles() const { return shares_bundles_; }
  // Whether the filters let the event through.
  bool Wants(const Emission& emission, const Path& current_path) const;

  SubscriptionProgress& progress() { return progress_; }

 private:
  const int64_t id_;
  const SubscriptionSpec spec_;
  const std::string session_id_;
  const std::string callback_id_;
  Receiver* const receiver_;
  const bool shares_bundles_;
  SubscriptionProgress progress_;
};

// How a subscription is doing: restate.v1.SubscriptionInfo.
struct SubscriptionStatus {
  int64_t id = 0;
  std::string session_id;
  std::string callback_id;
  std::vector<PathPattern> patterns;
  bool intercepting = false;
  size_t queued_events = 0;
  size_t queued_bytes = 0;
  Revision lag_revisions = 0;
  int64_t dropped_events = 0;
  bool reading_history = false;
  size_t unacknowledged = 0;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_SUBSCRIPTION_SUBSCRIPTION_H_
