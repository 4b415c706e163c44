#ifndef RESTATE_ENGINE_SUBSCRIPTION_EVENT_H_
#define RESTATE_ENGINE_SUBSCRIPTION_EVENT_H_

#include <cstdint>
#include <memory>

#include "absl/time/time.h"
#include "engine/backend/backend.h"
#include "engine/path/path.h"
#include "engine/path/pattern.h"
#include "engine/tree/tree.h"

namespace restate {

enum class EventKind { kSet, kDelete, kPing, kInitial };

enum class OriginKind { kClient, kMount };

// Values larger than this are left out of events and flagged.
inline constexpr size_t kMaxEventValueBytes = size_t{1} << 20;

// One change at its emitting path: the part of an event that all who hear of it
// share. Immutable.
struct Emission {
  Revision revision = 0;
  // Which operation of its commit.
  int32_t index = 0;
  EventKind kind = EventKind::kSet;
  Path emitting_path;
  // What the emitting path read as before and after; absent where there was
  // nothing, and where it was left out.
  Tree prev_value;
  Tree new_value;
  bool prev_omitted = false;
  bool new_omitted = false;
  Tree payload;
  absl::Time commit_time;
  OriginKind origin = OriginKind::kClient;
  // ByteSize(), counted once, when the emission is complete.
  size_t bytes = 0;

  // What it takes in a queue.
  size_t ByteSize() const;
};

// An emission as it is delivered at one place to one pattern.
struct Event {
  std::shared_ptr<const Emission> emission;
  // The emitting path or an ancestor of it.
  Path current_path;
  std::shared_ptr<const PathPattern> pattern;

  // What it takes in a queue.
  size_t ByteSize() const;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_SUBSCRIPTION_EVENT_H_
