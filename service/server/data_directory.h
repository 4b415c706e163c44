#ifndef RESTATE_SERVICE_SERVER_DATA_DIRECTORY_H_
#define RESTATE_SERVICE_SERVER_DATA_DIRECTORY_H_

#include <string>

#include "absl/status/status.h"

namespace restate {

// The store's directory in a data directory, and what the name of one begins
// with that was kept because it was damaged.
inline constexpr char kStoreDirectory[] = "rocksdb";

// Makes the data directory if it is not there, and sees to it that nobody but
// this process' user can look into it: it becomes 0700, and what is in the
// store's directories 0700 and 0600, with a warning if it was not.
//
// FAILED_PRECONDITION, with what to do, if it cannot be made, is no directory,
// or belongs to another user (unless this one is root); and, rather than take
// others' access to what is theirs, if it is open to others and is shared by
// nature (the sticky bit, as /tmp has it) or holds something but no store.
absl::Status PrepareDataDirectory(const std::string& path);

}  // namespace restate

#endif  // RESTATE_SERVICE_SERVER_DATA_DIRECTORY_H_
