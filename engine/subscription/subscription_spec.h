#ifndef RESTATE_ENGINE_SUBSCRIPTION_SUBSCRIPTION_SPEC_H_
#define RESTATE_ENGINE_SUBSCRIPTION_SUBSCRIPTION_SPEC_H_

#include <cstddef>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "engine/backend/backend.h"
#include "engine/path/pattern.h"
#include "engine/subscription/event.h"
#include "engine/subscription/resume_position.h"

namespace restate {

// Where a subscription begins: restate.v1.SubscribeRequest.start.
struct StartNow {};
struct StartSnapshot {};
// After everything up to the position, which is in the past of `epoch`.
struct StartAfter {
  ResumePosition position;
};
using SubscriptionStart = std::variant<StartNow, StartSnapshot, StartAfter>;

// What happens when the queue is full.
enum class Overflow { kHistory, kCoalesce, kEnd };

// What happens when the history is too short.
enum class HistoryLoss { kFail, kReset };

// What a subscriber wants to hear: restate.v1.SubscribeRequest, where each field
// is described.
struct SubscriptionSpec {
  // At least one, sorted, each once.
  std::vector<PathPattern> patterns;
  SubscriptionStart start;
  // Only events whose emitting path is the matching path.
  bool exact = false;
  // Only these kinds; empty means all.
  std::vector<EventKind> kinds;
  // If not empty, must be the server's epoch.
  std::string epoch;
  Overflow overflow = Overflow::kHistory;
  HistoryLoss history_loss = HistoryLoss::kFail;
  bool intercepting = false;
  // 0: every event.
  absl::Duration min_interval = absl::ZeroDuration();
  absl::Duration heartbeat = absl::Seconds(30);
  // A number of the caller's, handed back with each batch: how it wants to
  // encode them.
  int view = 0;
  // Whether the caller reads EventBatch::bundles. For a subscription that is a
  // stream of its own.
  bool takes_bundles = false;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_SUBSCRIPTION_SUBSCRIPTION_SPEC_H_
