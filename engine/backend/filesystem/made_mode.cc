#include "engine/backend/filesystem/made_mode.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <filesystem>
#include <vector>

#include "engine/backend/filesystem/file_descriptor.h"

namespace restate {
namespace {

constexpr int kMadeFlags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW;

}  // namespace

void SetMadeMode(int fd, mode_t most, std::optional<mode_t> umask) {
  constexpr mode_t kOthers = S_IRWXG | S_IRWXO;
  struct stat made;
  if (!umask.has_value() || fstat(fd, &made) != 0) return;
  // A default ACL of the directory has decided it.
  if ((made.st_mode & kOthers) != 0) return;
  fchmod(fd, (made.st_mode & 07000) | (most & ~*umask));
}

std::error_code MakeDirectories(const std::string& path,
                                std::optional<mode_t> umask) {
  namespace fs = std::filesystem;
  std::vector<fs::path> missing;
  std::error_code error;
  for (fs::path at = path; !at.empty() && !fs::exists(at, error);
       at = at.parent_path()) {
    missing.push_back(at);
  }
  fs::create_directories(path, error);
  for (const fs::path& made : missing) {
    const FileDescriptor fd(open(made.c_str(), kMadeFlags));
    if (fd.valid()) SetMadeMode(fd.get(), 0777, umask);
  }
  return error;
}

}  // namespace restate
