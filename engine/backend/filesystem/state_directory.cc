#include "engine/backend/filesystem/state_directory.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/backend/filesystem/file_errors.h"
#include "engine/backend/filesystem/made_mode.h"
#include "engine/error/absl_view.h"
#include "engine/error/error.h"

namespace restate {
namespace {

constexpr int kDirectoryFlags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
// File systems note the time of a change no more exactly than the kernel's
// tick, 10 ms at the most.
constexpr int64_t kUnsureNs = 50'000'000;

int64_t Nanoseconds(const timespec& time) {
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

FileIdentity IdentityOf(const struct stat& status) {
  return {status.st_dev, status.st_ino, status.st_size,
          Nanoseconds(status.st_mtim), Nanoseconds(status.st_ctim)};
}

// "colors/primary.json" is "colors" and "primary.json".
std::string ParentOf(const std::string& name) {
  const size_t slash = name.rfind('/');
  return slash == std::string::npos ? "" : name.substr(0, slash);
}
std::string BaseOf(const std::string& name) {
  return name.substr(name.rfind('/') + 1);
}

FileDescriptor Duplicate(int fd) {
  return FileDescriptor(fcntl(fd, F_DUPFD_CLOEXEC, 0));
}

bool WriteAll(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    text.remove_prefix(written);
  }
  return true;
}

// The first names of a relative name, one more each time: "a", "a/b", "a/b/c".
template <typename Visit>
bool ForEachPrefix(const std::string& name, Visit visit) {
  size_t begin = 0;
  while (begin < name.size()) {
    size_t end = name.find('/', begin);
    if (end == std::string::npos) end = name.size();
    if (!visit(name.substr(0, end), name.substr(begin, end - begin))) {
      return false;
    }
    begin = end + 1;
  }
  return true;
}

}  // namespace

StateDirectory::StateDirectory(std::string path, FileDescriptor root)
    : path_(std::move(path)), root_(std::move(root)) {}

absl::Status StateDirectory::CheckPresent() const {
  struct stat named;
  struct stat opened;
  if (stat(path_.c_str(), &named) == 0 && fstat(root(), &opened) == 0 &&
      named.st_dev == opened.st_dev && named.st_ino == opened.st_ino &&
      opened.st_nlink > 0) {
    return absl::OkStatus();
  }
  return MakeError(
      Reason::kMountUnavailable,
      absl::StrCat("the directory ", path_, " has been moved or deleted: put "
                   "it back. Until then nothing below this mount can be read "
                   "or written"),
      {{"file", path_}});
}

bool StateDirectory::IsWritable() const {
  return faccessat(root(), ".", W_OK, AT_EACCESS) == 0;
}

FileDescriptor StateDirectory::OpenBeneath(const std::string& name,
                                           int flags) const {
  open_how how = {};
  how.flags = static_cast<uint64_t>(flags | O_CLOEXEC);
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  return FileDescriptor(static_cast<int>(
      syscall(SYS_openat2, root(), name.c_str(), &how, sizeof(how))));
}

FileDescriptor StateDirectory::OpenToRead(const std::string& name,
                                          bool* linked) const {
  // Name by name, because a deep node's file can have a longer name than the
  // kernel takes at once; by openat2 only where there is a link.
  *linked = false;
  FileDescriptor at = Duplicate(root());
  ForEachPrefix(name, [&](const std::string& prefix, const std::string& last) {
    const bool is_file = prefix.size() == name.size();
    const int flags =
        is_file ? O_RDONLY | O_NONBLOCK | O_CLOEXEC : kDirectoryFlags;
    struct stat status;
    if (fstatat(at.get(), last.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
      at = FileDescriptor();
      return false;
    }
    FileDescriptor next;
    if (S_ISLNK(status.st_mode)) {
      *linked = true;
      next = OpenBeneath(prefix, flags);
    } else if (is_file && !S_ISREG(status.st_mode)) {
      // Opening a device can do something.
      errno = EINVAL;
    } else {
      next = FileDescriptor(openat(at.get(), last.c_str(), flags | O_NOFOLLOW));
    }
    at = std::move(next);
    return at.valid();
  });
  return at;
}

absl::StatusOr<std::optional<FileText>> StateDirectory::Read(
    const std::string& name, size_t max_bytes) const {
  FileText file;
  FileDescriptor fd = OpenToRead(name, &file.linked);
  struct stat status;
  if (!fd.valid() || fstat(fd.get(), &status) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
    return FileError("read", path_, name, errno);
  }
  if (!S_ISREG(status.st_mode)) return FileError("read", path_, name, EINVAL);
  if (static_cast<uint64_t>(status.st_size) > max_bytes) {
    return FileError("read", path_, name, EFBIG);
  }
  char buffer[1 << 16];
  ssize_t got = 0;
  while ((got = read(fd.get(), buffer, sizeof(buffer))) != 0) {
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FileError("read", path_, name, errno);
    file.text.append(buffer, got);
    if (file.text.size() > max_bytes) {
      return FileError("read", path_, name, EFBIG);
    }
  }
  file.identity = IdentityOf(status);
  // The clock of the file system: what was noted is compared with now.
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  file.unsure = Nanoseconds(now) - file.identity.changed_ns < kUnsureNs ||
                static_cast<int64_t>(file.text.size()) != file.identity.size;
  return file;
}

absl::StatusOr<std::optional<FileIdentity>> StateDirectory::Look(
    const std::string& name) const {
  bool linked;
  FileDescriptor fd = OpenToRead(name, &linked);
  struct stat status;
  if (fd.valid() && fstat(fd.get(), &status) == 0) {
    if (S_ISREG(status.st_mode)) return IdentityOf(status);
    errno = EINVAL;
  }
  if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
  return FileError("read", path_, name, errno);
}

FileDescriptor StateDirectory::OpenParentToWrite(const std::string& name,
                                                 bool create) {
  FileDescriptor at = Duplicate(root());
  std::string above;
  ForEachPrefix(ParentOf(name), [&](const std::string& prefix,
                                    const std::string& last) {
    FileDescriptor next(
        openat(at.get(), last.c_str(), kDirectoryFlags | O_NOFOLLOW));
    if (!next.valid() && errno == ENOENT && create) {
      const bool made = mkdirat(at.get(), last.c_str(), 0777) == 0;
      if (made || errno == EEXIST) {
        unsynced_.insert(above);
        next = FileDescriptor(
            openat(at.get(), last.c_str(), kDirectoryFlags | O_NOFOLLOW));
        if (made && next.valid()) SetMadeMode(next.get(), 0777, umask_);
      }
    }
    above = prefix;
    at = std::move(next);
    return at.valid();
  });
  return at;
}

absl::StatusOr<FileIdentity> StateDirectory::Write(const std::string& name,
                                                   std::string_view text) {
  const FileDescriptor parent = OpenParentToWrite(name, true);
  if (!parent.valid()) {
    return FileError("make the directory of", path_, name, errno);
  }
  const std::string base = BaseOf(name);
  const std::string temporary =
      absl::StrCat(AbslView(kTemporaryPrefix), ++temporaries_);
  // One of the same name is what a crash has left.
  unlinkat(parent.get(), temporary.c_str(), 0);
  FileDescriptor fd(openat(parent.get(), temporary.c_str(),
                           O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (!fd.valid()) return FileError("write", path_, name, errno);
  struct stat status;
  const bool replaces = fstatat(parent.get(), base.c_str(), &status,
                                AT_SYMLINK_NOFOLLOW) == 0 &&
                        S_ISREG(status.st_mode);
  if (replaces) {
    // Only root may, and if it cannot be, the file is the server's.
    if (status.st_uid != geteuid() || status.st_gid != getegid()) {
      (void)!fchown(fd.get(), status.st_uid, status.st_gid);
    }
    fchmod(fd.get(), status.st_mode & 07777);
  } else {
    SetMadeMode(fd.get(), 0666, umask_);
  }
  if (!WriteAll(fd.get(), text) || fsync(fd.get()) != 0 ||
      renameat(parent.get(), temporary.c_str(), parent.get(),
               base.c_str()) != 0) {
    const int error = errno;
    unlinkat(parent.get(), temporary.c_str(), 0);
    return FileError("write", path_, name, error);
  }
  unsynced_.insert(ParentOf(name));
  if (fstat(fd.get(), &status) != 0) {
    return FileError("write", path_, name, errno);
  }
  return IdentityOf(status);
}

absl::Status StateDirectory::Remove(const std::string& name) {
  const FileDescriptor parent = OpenParentToWrite(name, false);
  if (!parent.valid()) {
    return errno == ENOENT ? absl::OkStatus()
                           : FileError("delete", path_, name, errno);
  }
  if (unlinkat(parent.get(), BaseOf(name).c_str(), 0) != 0 &&
      errno != ENOENT) {
    return FileError("delete", path_, name, errno);
  }
  std::string directory = ParentOf(name);
  unsynced_.insert(directory);
  // A directory with anything else in it stays, which is no error.
  while (!directory.empty()) {
    const FileDescriptor above = OpenParentToWrite(directory, false);
    if (!above.valid() || unlinkat(above.get(), BaseOf(directory).c_str(),
                                   AT_REMOVEDIR) != 0) {
      break;
    }
    unsynced_.erase(directory);
    directory = ParentOf(directory);
    unsynced_.insert(directory);
  }
  return absl::OkStatus();
}

absl::Status StateDirectory::SetAside(const std::string& name,
                                      int64_t revision,
                                      std::string_view suffix) {
  const FileDescriptor parent = OpenParentToWrite(name, false);
  if (!parent.valid()) return FileError("rename", path_, name, errno);
  for (int i = 1;; ++i) {
    const std::string kept = absl::StrCat(AbslView(kKeptPrefix), revision, "-",
                                          i, AbslView(suffix));
    if (renameat2(parent.get(), BaseOf(name).c_str(), parent.get(),
                  kept.c_str(), RENAME_NOREPLACE) == 0) {
      unsynced_.insert(ParentOf(name));
      return absl::OkStatus();
    }
    if (errno != EEXIST) return FileError("rename", path_, name, errno);
  }
}

absl::Status StateDirectory::SyncDirectories() {
  for (const std::string& directory : unsynced_) {
    const FileDescriptor fd =
        OpenParentToWrite(directory.empty() ? "x" : directory + "/x", false);
    // Gone again: the directory above it is in the set too. Or nobody may open it
    // any more, which keeps no other file from being durable.
    if (!fd.valid() && (errno == ENOENT || errno == ENOTDIR ||
                        errno == ELOOP || errno == EACCES)) {
      continue;
    }
    if (!fd.valid() || fsync(fd.get()) != 0) {
      return FileError("write", path_, directory, errno);
    }
  }
  unsynced_.clear();
  return absl::OkStatus();
}

absl::Status StateDirectory::Append(const std::string& name,
                                    std::string_view text) {
  FileDescriptor fd(openat(root(), name.c_str(),
                           O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC));
  if (!fd.valid() || !WriteAll(fd.get(), text) || fdatasync(fd.get()) != 0) {
    return FileError("write", path_, name, errno);
  }
  return absl::OkStatus();
}

}  // namespace restate
