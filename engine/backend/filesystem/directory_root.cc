#include "engine/backend/filesystem/directory_root.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "engine/backend/filesystem/file_errors.h"
#include "engine/backend/filesystem/made_mode.h"
#include "engine/error/error.h"

namespace restate {
namespace {

constexpr int kDirectoryFlags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
constexpr int kPlaceFlags = O_PATH | O_DIRECTORY | O_CLOEXEC;
constexpr mode_t kNewDirectory = 0777;

absl::Status NoDirectory(const std::string& path) {
  return MakeError(Reason::kNotStorable,
                   absl::StrCat(path, " is no directory: name another one"));
}

// The same words wherever the links lead, and whether anything is there.
absl::Status LeadsOut(const std::string& path, const std::string& within) {
  return MakeError(
      Reason::kMountNotAllowed,
      absl::StrCat("there is a link on the way from ", within, " to ", path,
                   ", and links do not count as inside of what may be mounted: "
                   "name the directory itself, or have it added to "
                   "mounts_by_rpc.directories of the configuration"));
}

absl::Status OwnData(const std::string& path) {
  return MakeError(
      Reason::kMountNotAllowed,
      absl::StrCat(path, " is the server's own data directory, or above or in "
                         "it, which is never mounted: name another one"));
}

// Whether two descriptors are of one directory.
bool IsSame(int a, int b) {
  struct stat first;
  struct stat second;
  return fstat(a, &first) == 0 && fstat(b, &second) == 0 &&
         first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

// Whether `inner` is `outer` or in it, as far as the way up can be gone.
bool IsWithin(int inner, int outer) {
  FileDescriptor at(openat(inner, ".", kPlaceFlags));
  while (at.valid()) {
    if (IsSame(at.get(), outer)) return true;
    FileDescriptor up(openat(at.get(), "..", kPlaceFlags));
    // The root is above itself.
    if (!up.valid() || IsSame(at.get(), up.get())) return false;
    at = std::move(up);
  }
  return false;
}

// "/a/b" is in "/a" and in "/".
bool IsNameWithin(const std::string& inner, const std::string& outer) {
  const std::string prefix = outer.ends_with('/') ? outer : outer + "/";
  return inner == outer || inner.starts_with(prefix);
}

// `path`, which is in `within`, with `resolved` in its place.
std::string Joined(const std::string& resolved, const std::string& path,
                   const std::string& within) {
  std::string name = (std::filesystem::path(resolved) /
                      path.substr(within.size()).insert(0, "./"))
                         .lexically_normal()
                         .string();
  while (name.size() > 1 && name.ends_with('/')) name.pop_back();
  return name;
}

std::string Resolved(const std::string& path) {
  std::error_code error;
  const std::filesystem::path absolute =
      std::filesystem::absolute(path, error);
  std::filesystem::path resolved =
      std::filesystem::weakly_canonical(absolute, error);
  if (error) resolved = absolute;
  std::string name = resolved.lexically_normal().string();
  if (name.size() > 1 && name.ends_with('/')) name.pop_back();
  return name;
}

// `name` is what `path` is by.
absl::Status CheckNameApart(const std::string& path, const std::string& name,
                            const std::vector<std::string>& others) {
  for (const std::string& other : others) {
    const std::string own = Resolved(other);
    if (IsNameWithin(name, own) || IsNameWithin(own, name)) {
      return OwnData(path);
    }
  }
  return absl::OkStatus();
}

// What has been opened, whatever it is called by now: through links, bind
// mounts, and names that have changed.
absl::Status CheckOpened(int fd, const std::string& path,
                         const DirectoryBounds& bounds) {
  for (const std::string& other : bounds.apart_from) {
    const FileDescriptor own(open(other.c_str(), kPlaceFlags));
    if (!own.valid()) continue;
    if (IsWithin(fd, own.get()) || IsWithin(own.get(), fd)) {
      return OwnData(path);
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<FileDescriptor> OpenAnywhere(const std::string& path,
                                            bool create,
                                            std::optional<mode_t> umask) {
  if (create) {
    const std::error_code error = MakeDirectories(path, umask);
    if (error) return FileError("make", path, "", error.value());
  }
  FileDescriptor root(open(path.c_str(), kDirectoryFlags));
  if (root.valid()) return root;
  if (errno == ENOTDIR) return NoDirectory(path);
  return FileError("open", path, "", errno);
}

// Name by name, so that no link is followed on the way.
absl::StatusOr<FileDescriptor> OpenWithin(const std::string& path,
                                          const std::string& within,
                                          bool create,
                                          std::optional<mode_t> umask) {
  absl::StatusOr<FileDescriptor> root = OpenAnywhere(within, create, umask);
  if (!root.ok()) return root.status();
  FileDescriptor at = *std::move(root);
  for (absl::string_view part :
       absl::StrSplit(path.substr(within.size()), '/', absl::SkipEmpty())) {
    const std::string name(part);
    if (name == "..") return LeadsOut(path, within);
    const bool made =
        create && mkdirat(at.get(), name.c_str(), kNewDirectory) == 0;
    if (create && !made && errno != EEXIST) {
      return FileError("make", path, "", errno);
    }
    FileDescriptor next(
        openat(at.get(), name.c_str(), kDirectoryFlags | O_NOFOLLOW));
    if (!next.valid()) {
      const int error = errno;
      struct stat status;
      // A link is no directory to O_NOFOLLOW.
      if ((error == ENOTDIR || error == ELOOP) &&
          fstatat(at.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 &&
          S_ISLNK(status.st_mode)) {
        return LeadsOut(path, within);
      }
      if (error == ENOTDIR) return NoDirectory(path);
      return FileError("open", path, "", error);
    }
    if (made) SetMadeMode(next.get(), kNewDirectory, umask);
    at = std::move(next);
  }
  return at;
}

}  // namespace

absl::Status CheckApart(const std::string& path,
                        const std::vector<std::string>& others) {
  return CheckNameApart(path, Resolved(path), others);
}

absl::StatusOr<FileDescriptor> OpenDirectoryRoot(
    const std::string& path, bool create, const DirectoryBounds& bounds,
    std::optional<mode_t> umask) {
  // Before anything is made. From `within` on no link is followed here either.
  const std::string& within = bounds.within;
  if (!within.empty() && !IsNameWithin(path, within)) {
    return LeadsOut(path, within);
  }
  absl::Status apart =
      within.empty()
          ? CheckApart(path, bounds.apart_from)
          : CheckNameApart(path, Joined(Resolved(within), path, within),
                           bounds.apart_from);
  if (!apart.ok()) return apart;
  absl::StatusOr<FileDescriptor> opened =
      within.empty() ? OpenAnywhere(path, create, umask)
                     : OpenWithin(path, within, create, umask);
  if (!opened.ok()) return opened.status();
  absl::Status status = CheckOpened(opened->get(), path, bounds);
  if (!status.ok()) return status;
  // Not every network file system can lock a directory; there the operator has
  // to see to it.
  if (flock(opened->get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    return MakeError(
        Reason::kNotStorable,
        absl::StrCat(path, " is used by another mount or server: stop that one "
                           "or name another directory"));
  }
  return opened;
}

}  // namespace restate
