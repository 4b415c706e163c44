#ifndef RESTATE_SERVICE_STATE_PINNED_STATES_H_
#define RESTATE_SERVICE_STATE_PINNED_STATES_H_

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "engine/clock/clock.h"
#include "engine/controller/controller.h"
#include "engine/path/path.h"
#include "engine/sync/mutex.h"

namespace restate {

// How long a page token, or a message of StreamState, keeps its state.
inline constexpr absl::Duration kPinTime = absl::Seconds(60);

// The published states that page tokens hold on to, by random id.
//
// A pin is gone 60 s after it was last used, and earlier if more than
// `max_pins` are newer: a listing that is given up costs nothing for long.
// Thread-safe.
class PinnedStates {
 public:
  // Bytes of an id.
  static constexpr size_t kIdBytes = 16;

  // `clock` outlives this.
  explicit PinnedStates(const Clock* clock, size_t max_pins = 1024);
  PinnedStates(const PinnedStates&) = delete;
  PinnedStates& operator=(const PinnedStates&) = delete;

  // Pins a state for the pages of one path. Gives the id.
  std::string Pin(const Path& path,
                  std::shared_ptr<const PublishedState> state);

  // The state that `id` pins, for another 60 s.
  //   OUT_OF_RANGE / SNAPSHOT_EXPIRED: gone, or never there.
  //   INVALID_ARGUMENT / INVALID_REQUEST: pinned for another path.
  absl::StatusOr<std::shared_ptr<const PublishedState>> Find(
      std::string_view id, const Path& path);

  // Lets go of what is too old. Pins hold stores open, so this is to be called
  // now and then even if nobody asks.
  void DropExpired();
  // Lets go of everything: a store that is to be opened again waits for it.
  void DropAll();

  size_t count() const;

 private:
  struct Entry {
    Path path;
    std::shared_ptr<const PublishedState> state;
    absl::Time last_used;
  };

  const Clock* const clock_;
  const size_t max_pins_;
  mutable Mutex mutex_;
  absl::flat_hash_map<std::string, Entry> pins_ ABSL_GUARDED_BY(mutex_);
};

// A page token is the id of a pin and the name of the last child shown, as
// text. Opaque to clients.
std::string EncodePageToken(std::string_view id, std::string_view last_name);

struct PageToken {
  std::string id;
  std::string last_name;
};
// INVALID_ARGUMENT / INVALID_REQUEST if this is no token of this server's.
absl::StatusOr<PageToken> DecodePageToken(const std::string& text);

}  // namespace restate

#endif  // RESTATE_SERVICE_STATE_PINNED_STATES_H_
