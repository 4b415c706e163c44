#include "engine/backend/rocksdb/rocksdb_status.h"

#include <cerrno>
#include <map>
#include <string>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/error/error.h"

namespace restate {

absl::Status DamagedStore(const std::string& directory,
                          const std::string& detail) {
  return MakeError(
      Reason::kCorrupt,
      absl::StrCat("the store in ", directory, " is damaged (", detail,
                   "); stop the server, keep a copy of the directory, and put "
                   "a backup in its place, or start once with "
                   "--accept-data-loss to go on with what can be read"),
      {{"directory", directory}});
}

absl::Status CannotLook(const std::string& directory,
                        const std::string& file) {
  return MakeError(
      Reason::kMountUnavailable,
      absl::StrCat("the store in ", directory, " cannot be used now: ", file,
                   " cannot be read (",
                   std::generic_category().message(errno),
                   "); see to it and try again"),
      {{"directory", directory}});
}

absl::Status FromRocksDb(const ::rocksdb::Status& status,
                         const std::string& directory) {
  if (status.ok()) return absl::OkStatus();
  const std::string detail = status.ToString();
  // Whatever RocksDB makes of it: nothing is known of the file.
  if (absl::StrContains(detail, std::generic_category().message(EMFILE)) ||
      absl::StrContains(detail, std::generic_category().message(ENFILE))) {
    return MakeError(
        Reason::kMountUnavailable,
        absl::StrCat("the store in ", directory,
                     " cannot be used now, because no file descriptor is left: "
                     "close connections, or raise the limit (LimitNOFILE, "
                     "ulimit -n) (",
                     detail, ")"),
        {{"directory", directory}});
  }
  // A file that the manifest names and that is not there is damage; a directory
  // that is not there is not, and is asked for before (Instance::Open).
  if (status.IsCorruption() || status.IsPathNotFound()) {
    return DamagedStore(directory, detail);
  }
  const std::map<std::string, std::string> metadata = {
      {"directory", directory}};
  if (status.IsIOError() && (absl::StrContains(detail, "lock file") ||
                             absl::StrContains(detail, "lock hold"))) {
    return MakeError(
        Reason::kMountUnavailable,
        absl::StrCat("another server uses the directory ", directory,
                     "; stop it, or give this one a directory of its own (",
                     detail, ")"),
        metadata);
  }
  if (status.IsNoSpace()) {
    return MakeError(Reason::kMountUnavailable,
                     absl::StrCat("no space left for the store in ", directory,
                                  "; make room and try again (", detail, ")"),
                     metadata);
  }
  return MakeError(Reason::kMountUnavailable,
                   absl::StrCat("the store in ", directory,
                                " cannot be used now: ", detail,
                                "; look after the disk and try again"),
                   metadata);
}

}  // namespace restate
