#ifndef RESTATE_SERVICE_EVENTS_SESSION_SOURCE_H_
#define RESTATE_SERVICE_EVENTS_SESSION_SOURCE_H_

#include <functional>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "engine/hosting/host_table.h"
#include "engine/session/session_table.h"
#include "engine/subscription/event_stream.h"
#include "engine/subscription/session_request.h"
#include "service/adapters/batch_encoder.h"
#include "service/events/parcel_source.h"

namespace restate {

// The messages of OpenSession, restate.v1.OpenSessionResponse: `opened`, and
// then all that the server has to tell this client, in the order in which it
// was to be told.
class SessionSource final : public ParcelSource {
 public:
  // What a call is to say; nothing if it is not wanted any more.
  using FillCall =
      std::function<std::optional<FilledCall>(const TransformCall& call)>;
  // `grace` is how long a session is kept without a stream.
  SessionSource(OpenedSession opened, absl::Duration grace,
                ParcelSourceOptions options, FillCall fill_call);

 private:
  absl::Status Encode(const Parcel& parcel) override;
  void AddRequest(const TrackerRerun& rerun);
  void AddRequest(const TrackerEnded& ended);
  void AddRequest(const TransformCall& call);
  void EncodeRuns(absl::Span<const SubscriptionRun> runs);
  // Adds one message of runs that are laid out.
  void AddRuns(absl::Span<const SubscriptionRun> runs,
               absl::Span<const BatchEncoder> batches);

  const FillCall fill_call_;
};

}  // namespace restate

#endif  // RESTATE_SERVICE_EVENTS_SESSION_SOURCE_H_
