#ifndef RESTATE_ENGINE_PATH_PATH_TEXT_H_
#define RESTATE_ENGINE_PATH_PATH_TEXT_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace restate::path_text {

// The text form that paths and patterns share, and the key they are held as.

// Whether a segment "*" is taken.
enum class Wildcards { kRefuse, kAllow };

// The key of the path or pattern that `text` writes. INVALID_ARGUMENT /
// INVALID_PATH as Path::Parse.
absl::StatusOr<std::string> ParseKey(std::string_view text,
                                     Wildcards wildcards);

// The text form of a key: "/users/1"; "/" for the root.
std::string KeyToText(std::string_view key);

// OK unless the key has too many segments or bytes: INVALID_ARGUMENT /
// INVALID_PATH.
absl::Status CheckKeyLimits(std::string_view key);

}  // namespace restate::path_text

#endif  // RESTATE_ENGINE_PATH_PATH_TEXT_H_
