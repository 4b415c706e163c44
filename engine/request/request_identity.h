#ifndef RESTATE_ENGINE_REQUEST_REQUEST_IDENTITY_H_
#define RESTATE_ENGINE_REQUEST_REQUEST_IDENTITY_H_

#include "absl/numeric/int128.h"

namespace restate {

// Which request this is, so that a retry is known for one.
struct RequestIdentity {
  // The UUID that the caller gave it.
  absl::uint128 id = 0;
  // Of what it asks for: two requests with one id must have the same.
  absl::uint128 fingerprint = 0;
  bool operator==(const RequestIdentity&) const = default;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_REQUEST_REQUEST_IDENTITY_H_
