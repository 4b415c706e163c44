#ifndef RESTATE_SERVICE_ADAPTERS_REQUEST_FIELDS_H_
#define RESTATE_SERVICE_ADAPTERS_REQUEST_FIELDS_H_

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "engine/commit/commit_request.h"
#include "google/protobuf/duration.pb.h"
#include "restate/v1/state_service.pb.h"
#include "restate/v1/value.pb.h"

namespace restate {

// Fields that many requests have. Every error is INVALID_ARGUMENT /
// INVALID_REQUEST and names the field; enum numbers that this server does not
// know are errors, never defaults.

// UNSPECIFIED is ALL.
absl::StatusOr<View> DecodeView(v1::View view);

// OK for known encodings, UNSPECIFIED included.
absl::Status CheckEncoding(v1::ValueEncoding encoding);

// OK unless negative. `field` is the name for the message: "min_revision".
absl::Status CheckRevision(std::string_view field, int64_t revision);

// A length of time that is valid (time_adapter.h) and between `least` and `most`,
// whose ends count. `field` is the name for the message: "heartbeat".
absl::StatusOr<absl::Duration> DecodeDuration(
    std::string_view field, const google::protobuf::Duration& proto,
    absl::Duration least, absl::Duration most);

// "`field` is `number`, which this server does not know".
absl::Status UnknownEnumNumber(std::string_view field, int number);

}  // namespace restate

#endif  // RESTATE_SERVICE_ADAPTERS_REQUEST_FIELDS_H_
