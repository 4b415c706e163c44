#ifndef RESTATE_SERVICE_ADAPTERS_REQUEST_ID_H_
#define RESTATE_SERVICE_ADAPTERS_REQUEST_ID_H_

#include <string_view>

#include "absl/numeric/int128.h"
#include "absl/status/statusor.h"

namespace restate {

// The number that a UUID is in its text form, 8-4-4-4-12 hexadecimal digits of
// either case. INVALID_ARGUMENT / INVALID_REQUEST for anything else.
absl::StatusOr<absl::uint128> ParseUuid(std::string_view text);

}  // namespace restate

#endif  // RESTATE_SERVICE_ADAPTERS_REQUEST_ID_H_
