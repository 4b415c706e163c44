#ifndef RESTATE_ENGINE_BACKEND_FILESYSTEM_DIRECTORY_ROOT_H_
#define RESTATE_ENGINE_BACKEND_FILESYSTEM_DIRECTORY_ROOT_H_

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/backend/filesystem/file_descriptor.h"

namespace restate {

// Where the directory of a mount may be.
struct DirectoryBounds {
  // If not empty: it is this directory, or in it, and no link is followed on the
  // way from here to there.
  std::string within;
  // It is none of these, nor above or in one.
  std::vector<std::string> apart_from;
};

// Opens a directory for a mount, and locks it; makes it if it is not there and
// `create`, with `umask` (made_mode.h). What has been opened is judged, not what
// its name led to a moment before: nobody who changes links meanwhile gets
// anything else opened.
//   FAILED_PRECONDITION / NOT_STORABLE: the path is no directory, or another
//     mount or process has it open.
//   FAILED_PRECONDITION / MOUNT_NOT_ALLOWED: it is out of bounds. That is said
//     without looking at what is there.
//   UNAVAILABLE: it cannot be opened or made.
absl::StatusOr<FileDescriptor> OpenDirectoryRoot(const std::string& path,
                                                 bool create,
                                                 const DirectoryBounds& bounds,
                                                 std::optional<mode_t> umask =
                                                     std::nullopt);

// OK if `path`, which need not be there, is apart from all of `others`;
// FAILED_PRECONDITION / MOUNT_NOT_ALLOWED. By names, links followed.
absl::Status CheckApart(const std::string& path,
                        const std::vector<std::string>& others);

}  // namespace restate

#endif  // RESTATE_ENGINE_BACKEND_FILESYSTEM_DIRECTORY_ROOT_H_
