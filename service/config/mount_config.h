#ifndef RESTATE_SERVICE_CONFIG_MOUNT_CONFIG_H_
#define RESTATE_SERVICE_CONFIG_MOUNT_CONFIG_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "engine/mount/flush_schedule.h"
#include "engine/path/path.h"

namespace restate {

// Which kind of store keeps what is below a mount point.
enum class BackendKind { kMemory, kRocksDb, kFilesystem, kRemote };

// "memory", "rocksdb", "filesystem", "remote".
std::string_view BackendKindName(BackendKind kind);
std::optional<BackendKind> BackendKindNamed(std::string_view name);

// One mount: from the configuration file, or from a Mount call.
struct MountConfig {
  Path at;
  BackendKind backend = BackendKind::kMemory;

  // Of a filesystem mount: where the files are, absolute; "json", "yaml" or
  // "textproto"; and whether clients may not write.
  std::string directory;
  std::string serializer = "json";
  bool read_only = false;

  // Of a remote mount: HOST:PORT; which store of that server; and how long a
  // call may take.
  std::string address;
  Path export_path;
  absl::Duration deadline = absl::Seconds(5);

  // If writes stay in memory until they are flushed.
  std::optional<CachePolicy> cache;
};

// What may be mounted by calls (docs/operations.md).
struct MountsByRpc {
  // Directories that may be mounted, and all that is in them. Absolute and
  // normal.
  std::vector<std::string> directories;
  // Addresses of remote stores, letter for letter.
  std::vector<std::string> addresses;
  // How many mounts made by calls there may be at a time, of every kind.
  size_t at_most = 100;
};

// OK if it can be tried to open such a mount. INVALID_ARGUMENT / INVALID_REQUEST
// saying what is missing or out of its bounds.
absl::Status CheckMount(const MountConfig& mount);

// A directory in the one form that is compared.
std::string NormalDirectory(const std::string& directory);
// The same mount, with its directory in the one form that is compared.
MountConfig Normalized(MountConfig mount);

// What tells this mount from another one at the same place: if it is another
// after a restart, what is there may read differently. When a cache flushes
// makes no difference, whether there is one does: what it had not flushed.
std::string IdentityOf(const MountConfig& mount);

}  // namespace restate

#endif  // RESTATE_SERVICE_CONFIG_MOUNT_CONFIG_H_
