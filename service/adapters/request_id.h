#ifndef RESTATE_SERVICE_ADAPTERS_REQUEST_ID_H_
#define RESTATE_SERVICE_ADAPTERS_REQUEST_ID_H_

#include <string_view>

#include "absl/numeric/int128.h"
#include "absl/status/statusor.h"
#include "engine/request/request_identity.h"
#include "google/protobuf/message_lite.h"

namespace restate {

// The number that a UUID is in its text form, 8-4-4-4-12 hexadecimal digits of
// either case. INVALID_ARGUMENT / INVALID_REQUEST for anything else.
absl::StatusOr<absl::uint128> ParseUuid(std::string_view text);

// Of everything a message says, its type included: the first half of the
// SHA-256 of its deterministic encoding. The same in every run.
absl::uint128 Fingerprint(const google::protobuf::MessageLite& message);

// The identity of a write that has a request_id. Errors as ParseUuid.
template <typename Proto>
absl::StatusOr<RequestIdentity> IdentityOf(const Proto& proto) {
  absl::StatusOr<absl::uint128> id = ParseUuid(proto.request_id());
  if (!id.ok()) return id.status();
  // The same id in the other case is the same request.
  Proto body = proto;
  body.clear_request_id();
  return RequestIdentity{*id, Fingerprint(body)};
}

}  // namespace restate

#endif  // RESTATE_SERVICE_ADAPTERS_REQUEST_ID_H_
