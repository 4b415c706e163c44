#include "service/server/data_directory.h"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace restate {
namespace {

namespace fs = std::filesystem;

// What others may do.
constexpr mode_t kOthers = S_IRWXG | S_IRWXO;

absl::Status Refused(const std::string& path, std::string_view why) {
  return absl::FailedPreconditionError(
      absl::StrCat("the data directory ", path, " ",
                   absl::string_view(why.data(), why.size())));
}

std::string Octal(mode_t mode) { return absl::StrFormat("%04o", mode & 07777); }

// Whether there is something and no store among it.
bool HoldsSomethingElse(const std::string& path) {
  std::error_code error;
  return !fs::exists(fs::path(path) / kStoreDirectory, error) &&
         !fs::is_empty(path, error) && !error;
}

// A descriptor that is closed.
class Opened {
 public:
  explicit Opened(const std::string& path)
      : fd_(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {}
  ~Opened() {
    if (fd_ >= 0) close(fd_);
  }
  Opened(const Opened&) = delete;
  Opened& operator=(const Opened&) = delete;
  int fd() const { return fd_; }

 private:
  const int fd_;
};

absl::Status CloseToOthers(const std::string& path, const Opened& directory,
                           const struct stat& found) {
  if ((found.st_mode & kOthers) == 0) return absl::OkStatus();
  if ((found.st_mode & S_ISVTX) != 0) {
    return Refused(path,
                   "is one that users share (it has the sticky bit): name a "
                   "directory below it, which the server makes");
  }
  if (HoldsSomethingElse(path)) {
    return Refused(path, absl::StrCat(
                             "is open to other users (mode ",
                             Octal(found.st_mode),
                             ") and holds something that is not the server's: "
                             "name another one, such as a directory below it, "
                             "or close it with chmod 700"));
  }
  struct stat now;
  if (fchmod(directory.fd(), found.st_mode & 07777 & ~kOthers) != 0 ||
      fstat(directory.fd(), &now) != 0 || (now.st_mode & kOthers) != 0) {
    return Refused(
        path, absl::StrCat("is open to other users (mode ",
                           Octal(found.st_mode),
                           "), and its file system does not let that be "
                           "changed: mount it so that its files are the "
                           "server's alone, or name another directory"));
  }
  spdlog::warn(
      "the data directory {} was open to other users (mode {}): it is the "
      "server's alone now",
      path, Octal(found.st_mode));
  return absl::OkStatus();
}

// Takes the access of others to what is below, and gives how many had some. No
// link is followed.
size_t CloseAllBelow(const fs::path& directory) {
  size_t closed = 0;
  std::error_code error;
  fs::recursive_directory_iterator it(directory, error);
  for (const fs::recursive_directory_iterator end; !error && it != end;
       it.increment(error)) {
    struct stat status;
    if (lstat(it->path().c_str(), &status) != 0) continue;
    if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)) continue;
    if ((status.st_mode & kOthers) == 0) continue;
    if (chmod(it->path().c_str(), status.st_mode & 07777 & ~kOthers) == 0) {
      ++closed;
    }
  }
  return closed;
}

// The store, and what was kept of damaged ones.
size_t CloseStores(const std::string& path) {
  size_t closed = 0;
  std::error_code error;
  for (fs::directory_iterator it(path, error), end; !error && it != end;
       it.increment(error)) {
    const std::string name = it->path().filename().string();
    struct stat status;
    if (!name.starts_with(kStoreDirectory) ||
        stat(it->path().c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) {
      continue;
    }
    if ((status.st_mode & kOthers) != 0 &&
        chmod(it->path().c_str(), status.st_mode & 07777 & ~kOthers) == 0) {
      ++closed;
    }
    closed += CloseAllBelow(it->path());
  }
  return closed;
}

}  // namespace

absl::Status PrepareDataDirectory(const std::string& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) return Refused(path, "cannot be made: " + error.message());
  const Opened directory(path);
  struct stat found;
  if (directory.fd() < 0 || fstat(directory.fd(), &found) != 0) {
    return Refused(path, "cannot be opened: " +
                             std::generic_category().message(errno));
  }
  const uid_t self = geteuid();
  if (found.st_uid != self && self != 0) {
    return Refused(
        path, absl::StrCat("belongs to another user (", found.st_uid,
                           "; the server runs as ", self,
                           "), who could read and change all that is in it: "
                           "give it to the server's user with chown, or name "
                           "a directory below it, which the server makes"));
  }
  absl::Status status = CloseToOthers(path, directory, found);
  if (!status.ok()) return status;
  if (const size_t closed = CloseStores(path); closed > 0) {
    spdlog::warn(
        "{} files and directories of the store in {} were open to other users: "
        "they are the server's alone now",
        closed, path);
  }
  return absl::OkStatus();
}

}  // namespace restate
