#ifndef RESTATE_ENGINE_TRACKING_TRACKER_H_
#define RESTATE_ENGINE_TRACKING_TRACKER_H_

#include <memory>
#include <string>

#include "absl/container/flat_hash_set.h"
#include "absl/time/time.h"
#include "engine/client/client_accounts.h"
#include "engine/backend/backend.h"
#include "engine/subscription/session_request.h"

namespace restate {

// One callback of one session that is run again. Guarded by the TrackerTable.
struct Tracker {
  Tracker(std::string its_session, std::string its_id)
      : session_id(std::move(its_session)), id(std::move(its_id)) {}

  const std::string session_id;
  const std::string id;
  // On its client's account.
  Hold hold;

  // Its last run; empty before the first.
  std::string run_id;
  bool open = false;
  // When the run last read or wrote, by the monotonic clock.
  absl::Duration last_used;
  // The newest published revision when the run began.
  Revision begun_at = 0;
  // What the run has read: the number of Shown, and the path's key. In the
  // index.
  absl::flat_hash_set<std::string> reads;

  // The request for the next run; null if that is not asked for.
  std::shared_ptr<SessionRequest> due;
  // How many runs before the last one, and before the next one, were made in a
  // row by nothing but what tracked runs wrote.
  int chain = 0;
  int due_chain = 0;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_TRACKING_TRACKER_H_
