#ifndef RESTATE_SERVICE_STATE_STATE_SOURCE_H_
#define RESTATE_SERVICE_STATE_STATE_SOURCE_H_

#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "engine/controller/controller.h"
#include "engine/derivation/view_walk.h"
#include "engine/path/path.h"
#include "restate/v1/state_service.pb.h"
#include "service/streams/message_source.h"
#include "service/streams/open_streams.h"

namespace restate {

// About how much of a subtree goes into one message of StreamState.
inline constexpr size_t kStreamStateChunkBytes = size_t{256} << 10;

// The messages of StreamState: what a path of one published state reads as in a
// view, own value by own value, read as they are wanted. At least one message,
// the only one without entries if there is nothing.
class StateSource final : public MessageSource<v1::StreamStateResponse> {
 public:
  // `open_streams` outlives this; when it drains, the source ends with
  // UNAVAILABLE / SHUTTING_DOWN. `slow`: whether the path touches a mount that
  // takes long to read.
  StateSource(std::shared_ptr<const PublishedState> state, std::string epoch,
              Path path, View view, bool slow, v1::ValueEncoding encoding,
              size_t chunk_bytes, const OpenStreams* open_streams);

  Supply Next(v1::StreamStateResponse* message, absl::Status* end) override;
  bool MayBlock() const override { return slow_; }

 private:
  const std::shared_ptr<const PublishedState> state_;
  const std::string epoch_;
  const bool slow_;
  const v1::ValueEncoding encoding_;
  const size_t chunk_bytes_;
  const OpenStreams* const open_streams_;
  bool first_ = true;
  // Goes before the state it walks.
  ViewWalk walk_;
};

}  // namespace restate

#endif  // RESTATE_SERVICE_STATE_STATE_SOURCE_H_
