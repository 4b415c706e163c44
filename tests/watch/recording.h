#ifndef RESTATE_TESTS_WATCH_RECORDING_H_
#define RESTATE_TESTS_WATCH_RECORDING_H_

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "engine/path/pattern.h"
#include "restate/v1/event.pb.h"
#include "restate/v1/event_service.pb.h"
#include "tests/property/model.h"

namespace restate::test {

// What a subscriber asked for, as far as it says which events it hears.
struct Wish {
  std::vector<PathPattern> patterns;
  bool exact = false;
  // "SET", "DELETE", "PING", "INITIAL"; empty: all.
  std::set<std::string> kinds;

  static Wish Of(const v1::SubscribeRequest& request);
  // Whether it hears of the event at all.
  bool Hears(const ModelEvent& event) const;
};

// The place of an event in the order in which events are told. Unique among
// those that one subscription hears.
struct EventKey {
  int64_t revision = 0;
  int32_t index = 0;
  // The deepest first.
  int64_t height = 0;
  Path current_path;
  PathPattern pattern;

  static EventKey Of(const ModelEvent& event);
  std::string ToText() const;

  friend bool operator==(const EventKey& a, const EventKey& b) = default;
  friend bool operator<(const EventKey& a, const EventKey& b) {
    return std::tie(a.revision, a.index, a.height, a.current_path, a.pattern) <
           std::tie(b.revision, b.index, b.height, b.current_path, b.pattern);
  }
};

// One message of a stream.
struct ToldBatch {
  std::vector<ModelEvent> events;
  // For each event, how many earlier ones it stands for; empty: none for any.
  std::vector<int64_t> coalesced;
  int64_t revision = 0;
  std::string token;
  bool synced = false;
  bool reset = false;
  bool reset_done = false;
  bool gap = false;

  // Aborts on a batch that no server sends: values that do not parse.
  static ToldBatch Of(const v1::EventBatch& batch);
};

// How a stream was begun.
enum class Beginning { kNow, kSnapshot, kToken };

// One stream, to where it was cut.
struct Piece {
  Beginning beginning = Beginning::kNow;
  std::vector<ToldBatch> batches;
};

// All that one subscriber was told, over all its streams.
struct Recording {
  std::string name;
  Wish wish;
  std::vector<Piece> pieces;
};

// A part of a recording without a break: everything after `from`, however many
// streams it took. A stream that is begun without a token, and a reset, begin
// another.
struct Stretch {
  // The snapshot, if it began with one: at `from`.
  std::optional<std::vector<ModelEvent>> snapshot;
  int64_t from = 0;
  // What came after it.
  std::vector<ToldBatch> batches;

  std::vector<ModelEvent> Events() const;
  // The last revision that it was told all of.
  int64_t through() const;
};

// Cuts a recording into its stretches. What breaks the protocol around
// snapshots goes into `*violations`: a live event inside one, a reset without a
// gap, `synced` said twice or without its revision, no `synced` on a stream that
// carried events.
std::vector<Stretch> StretchesOf(const Recording& recording,
                                 std::vector<std::string>* violations);

}  // namespace restate::test

#endif  // RESTATE_TESTS_WATCH_RECORDING_H_
