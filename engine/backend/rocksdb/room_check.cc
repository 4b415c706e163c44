#include "engine/backend/rocksdb/room_check.h"

#include <cstdint>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "engine/error/error.h"

namespace restate {
namespace {

// What opening writes beside: a manifest, the options, a new log.
constexpr uint64_t kBesideTheLogs = uint64_t{4} << 20;

std::string Mebibytes(uint64_t bytes) {
  return absl::StrCat((bytes + (1u << 20) - 1) >> 20, " MiB");
}

}  // namespace

absl::Status CheckRoom(const std::string& directory) {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::space_info space = fs::space(directory, error);
  if (error) return absl::OkStatus();
  uint64_t needed = kBesideTheLogs;
  for (fs::directory_iterator it(directory, error), end; !error && it != end;
       it.increment(error)) {
    if (it->path().extension() != ".log") continue;
    std::error_code gone;
    const uint64_t bytes = fs::file_size(it->path(), gone);
    if (!gone) needed += bytes;
  }
  if (space.available >= needed) return absl::OkStatus();
  return MakeError(
      Reason::kMountUnavailable,
      absl::StrCat("no space left for the store in ", directory, ": ",
                   space.available >> 20, " MiB are free, and it needs ",
                   Mebibytes(needed), " to go on; make room"),
      {{"directory", directory}});
}

}  // namespace restate
