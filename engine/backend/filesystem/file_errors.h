#ifndef RESTATE_ENGINE_BACKEND_FILESYSTEM_FILE_ERRORS_H_
#define RESTATE_ENGINE_BACKEND_FILESYSTEM_FILE_ERRORS_H_

#include <string_view>

#include "absl/status/status.h"

namespace restate {

// UNAVAILABLE / MOUNT_UNAVAILABLE for a call that failed with `error` (an
// errno): "cannot write /srv/state/theme.json: no space left on device; free
// some space". `doing` is "write".
absl::Status FileError(std::string_view doing, std::string_view directory,
                       std::string_view name, int error);

// Whether such an error, or any other, is about the place of that one file, so
// that other files can be written all the same: something in its way, a directory
// that may not be used. A full disk is not.
bool IsOfOneFile(const absl::Status& status);

}  // namespace restate

#endif  // RESTATE_ENGINE_BACKEND_FILESYSTEM_FILE_ERRORS_H_
