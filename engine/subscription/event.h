#ifndef RESTATE_ENGINE_SUBSCRIPTION_EVENT_H_
#define RESTATE_ENGINE_SUBSCRIPTION_EVENT_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/time/time.h"
#include "engine/backend/backend.h"
#include "engine/path/path.h"
#include "engine/path/pattern.h"
#include "engine/tree/tree.h"

namespace restate {

class BubbleGate;

enum class EventKind { kSet, kDelete, kPing, kInitial };

enum class OriginKind { kClient, kMount, kExpired, kFile, kDerivation };

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
  // Which derivation, if it is one: its destination.
  Path derivation;
  // ByteSize(), counted once, when the emission is complete.
  size_t bytes = 0;

  // What it takes in a queue.
  size_t ByteSize() const;
};

// The bytes that somebody made of a delivery, one string for each way of
// looking at it, kept so that all who look the same way share them. Each is made
// at most once and lives as long as the delivery. Thread-safe.
class EncodedViews {
 public:
  static constexpr size_t kViews = 8;

  EncodedViews() = default;
  ~EncodedViews();
  EncodedViews(const EncodedViews&) = delete;
  EncodedViews& operator=(const EncodedViews&) = delete;

  // What was kept for the view, or null.
  const std::string* Get(size_t view) const {
    return views_[view].load(std::memory_order_acquire);
  }
  // Keeps `bytes` unless another thread was first; gives what is kept.
  const std::string& Keep(size_t view, std::string bytes) const;

 private:
  mutable std::array<std::atomic<const std::string*>, kViews> views_{};
};

// An emission as it is told at one place to one pattern: the same for all who
// listen there. Immutable but for the bytes kept with it.
struct Delivery {
  std::shared_ptr<const Emission> emission;
  // The emitting path or an ancestor of it.
  Path current_path;
  std::shared_ptr<const PathPattern> pattern;
  EncodedViews encoded;

  // What it takes in a queue, with one encoding of it.
  size_t ByteSize() const;
};

// A delivery on its way to one subscription.
struct Event {
  std::shared_ptr<const Delivery> delivery;
  // How many earlier events it stands for.
  int64_t coalesced = 0;
  // Not 0 if the subscription intercepts: what to acknowledge.
  uint64_t ack_id = 0;
  // What it waits for before it may be told, if anything: the first
  // `gate_level` levels of the gate.
  std::shared_ptr<BubbleGate> gate;
  size_t gate_level = 0;

  const Emission& emission() const { return *delivery->emission; }
  const Path& current_path() const { return delivery->current_path; }
  const PathPattern& pattern() const { return *delivery->pattern; }
  size_t ByteSize() const { return delivery->ByteSize(); }
};

}  // namespace restate

#endif  // RESTATE_ENGINE_SUBSCRIPTION_EVENT_H_
