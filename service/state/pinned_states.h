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
#include "engine/client/client_id.h"
#include "engine/clock/clock.h"
#include "engine/controller/controller.h"
#include "engine/path/path.h"
#include "engine/sync/mutex.h"

namespace restate {

// How long a page token, or a message of StreamState, keeps its state.
inline constexpr absl::Duration kPinTime = absl::Seconds(60);

// The published states that page tokens hold on to, by random id.
//
// A pin is gone 60 s after it was last used, and earlier if as many as there may
// be are newer, of its client or of all: a listing that is given up costs nothing
// for long, and many of one client cost nobody else his.
// Thread-safe.
class PinnedStates {
 public:
  // Bytes of an id.
  static constexpr size_t kIdBytes = 16;

  // `clock` outlives this.
  explicit PinnedStates(const Clock* clock, size_t max_pins = 1024,
                        size_t max_pins_of_client = 100);
  PinnedStates(const PinnedStates&) = delete;
  PinnedStates& operator=(const PinnedStates&) = delete;

  // Pins a state for the pages of one path that `client` asks for. Gives the id.
  std::string Pin(const ClientId& client, const Path& path,
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
    absl::Duration last_used;
    ClientId client;
  };
  using Pins = absl::flat_hash_map<std::string, Entry>;

  // The one that is to make room for another of the client; end() if none is.
  Pins::iterator FindOneToDrop(const ClientId& client)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Clock* const clock_;
  const size_t max_pins_;
  const size_t max_pins_of_client_;
  mutable Mutex mutex_;
  Pins pins_ ABSL_GUARDED_BY(mutex_);
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
