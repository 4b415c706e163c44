#ifndef RESTATE_ENGINE_BACKEND_FILESYSTEM_MADE_MODE_H_
#define RESTATE_ENGINE_BACKEND_FILESYSTEM_MADE_MODE_H_

#include <sys/types.h>

#include <optional>
#include <string>
#include <system_error>

namespace restate {

// The process' own umask keeps the server's data from others. What is made in a
// directory of the user's has the mode that it would have under his `umask`; unset,
// it keeps the mode that it was made with.

// Gives what was made just now, with `most` as its mode, the mode that it has
// under `umask`.
void SetMadeMode(int fd, mode_t most, std::optional<mode_t> umask);

// Makes a directory, and those above it that are not there.
std::error_code MakeDirectories(const std::string& path,
                                std::optional<mode_t> umask);

}  // namespace restate

#endif  // RESTATE_ENGINE_BACKEND_FILESYSTEM_MADE_MODE_H_
