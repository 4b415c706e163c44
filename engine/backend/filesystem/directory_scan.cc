#include "engine/backend/filesystem/directory_scan.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "engine/backend/filesystem/file_descriptor.h"
#include "engine/error/absl_view.h"
#include "engine/path/utf8.h"

namespace restate {
namespace {

using Kind = FileNames::Meaning::Kind;

int64_t Nanoseconds(const timespec& time) {
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

class Scanner {
 public:
  Scanner(const StateDirectory& directory, const FileNames& names,
          absl::FunctionRef<void(int)> visit)
      : directory_(directory), names_(names), visit_(visit) {}

  // A directory on the way down.
  struct Place {
    Path path;
    // Of the names on disk.
    std::string name;
    bool linked = false;
  };

  void Scan(FileDescriptor fd, const Place& place) {
    struct stat status;
    if (!fd.valid() || fstat(fd.get(), &status) != 0) {
      Unreadable(place, errno);
      return;
    }
    NoteIfClosed(fd.get(), place);
    const std::pair<dev_t, ino_t> id = {status.st_dev, status.st_ino};
    if (std::find(above_.begin(), above_.end(), id) != above_.end()) {
      Problem(place.name, "is a link to a directory that it is in: not "
                          "followed");
      return;
    }
    above_.push_back(id);
    visit_(fd.get());
    std::unique_ptr<DIR, int (*)(DIR*)> stream(fdopendir(fd.get()), &closedir);
    if (stream == nullptr) {
      Unreadable(place, errno);
    } else {
      // The stream closes it.
      fd.release();
      ScanNames(stream.get(), place);
    }
    above_.pop_back();
  }

  DirectoryScan Take() {
    std::sort(scan_.problems.begin(), scan_.problems.end());
    return std::move(scan_);
  }

 private:
  // Whether files can be made in a directory.
  void NoteIfClosed(int fd, const Place& place) {
    // The root's is known (StateDirectory::IsWritable).
    if (place.name.empty() || place.linked) return;
    if (faccessat(fd, ".", W_OK | X_OK, AT_EACCESS) != 0) {
      scan_.obstacles[place.name] = {
          absl::StrCat("the directory ", Quoted(place.name),
                       " takes no files (",
                       std::generic_category().message(errno), ")"),
          /*closed=*/true};
    } else if (IsClosed(place.name.substr(0, place.name.rfind('/')))) {
      scan_.open_in_closed.insert(place.name);
    }
  }

  bool IsClosed(const std::string& name) const {
    const auto found = scan_.obstacles.find(name);
    return found != scan_.obstacles.end() && found->second.closed;
  }

  void Obstacle(const std::string& name, std::string_view is) {
    scan_.obstacles[name] = {
        absl::StrCat(Quoted(name), " ", AbslView(is), ": move it away"),
        /*closed=*/false};
  }

  void ScanNames(DIR* stream, const Place& place) {
    while (true) {
      errno = 0;
      const dirent* entry = readdir(stream);
      if (entry == nullptr) {
        if (errno != 0) Unreadable(place, errno);
        return;
      }
      ScanName(dirfd(stream), entry->d_name, place);
    }
  }

  void ScanName(int above, const std::string& name, const Place& place) {
    const std::string full =
        place.name.empty() ? name : absl::StrCat(place.name, "/", name);
    if (name.starts_with('.')) {
      ScanDotName(name, full);
      return;
    }
    struct stat status;
    if (fstatat(above, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno != ENOENT) Unreadable(place, errno);
      return;
    }
    bool linked = place.linked;
    if (S_ISLNK(status.st_mode)) {
      linked = true;
      FileDescriptor target = directory_.OpenBeneath(full, O_PATH);
      if (!target.valid() || fstat(target.get(), &status) != 0) {
        Problem(full, errno == EXDEV
                          ? "is a link that leads out of the directory: not "
                            "followed"
                          : absl::StrCat("is a link that cannot be followed (",
                                         std::generic_category().message(errno),
                                         ")"));
        Obstacle(full, "is a link that is not followed");
        return;
      }
      if (S_ISREG(status.st_mode)) visit_(target.get());
    }
    if (S_ISDIR(status.st_mode)) {
      ScanChildDirectory(above, name, {place.path, full, linked});
    } else {
      AddFile(name, place, full, status, linked);
    }
  }

  void ScanDotName(const std::string& name, const std::string& full) {
    if (absl::StartsWith(name, AbslView(StateDirectory::kTemporaryPrefix))) {
      scan_.temporaries.push_back(full);
    }
    if (absl::StartsWith(name, AbslView(StateDirectory::kKeptPrefix))) {
      Problem(full, "is what somebody typed and a write replaced: take from it "
                    "what is needed and delete it");
    }
  }

  // `place` has the path of the node above.
  void ScanChildDirectory(int above, const std::string& name, Place place) {
    FileNames::Meaning meaning = names_.OfDirectory(name);
    if (meaning.kind == Kind::kMisspelled) Problem(place.name, meaning.problem);
    if (meaning.kind != Kind::kSegment) {
      Obstacle(place.name, "is a directory");
      return;
    }
    place.path = place.path.Child(meaning.segment);
    // The files in it are a level deeper yet.
    if (place.path.depth() >= kMaxDepth) {
      Problem(place.name, "is too deep: its files are left out");
      return;
    }
    if (place.linked) scan_.linked_directories.push_back(place.path);
    constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
    FileDescriptor fd(openat(above, name.c_str(), kFlags | O_NOFOLLOW));
    if (!fd.valid() && place.linked) {
      fd = directory_.OpenBeneath(place.name, kFlags);
    }
    if (!fd.valid() && errno == ENOENT) return;
    Scan(std::move(fd), place);
  }

  void AddFile(const std::string& name, const Place& place,
               const std::string& full, const struct stat& status,
               bool linked) {
    FileNames::Meaning meaning = names_.OfFile(name);
    if (meaning.kind == Kind::kRoot && !place.path.is_root()) {
      meaning = {Kind::kMisspelled, "",
                 "is the name of the root's own value, and this is not the "
                 "root: rename it"};
    }
    if (meaning.kind == Kind::kMisspelled) Problem(full, meaning.problem);
    if (meaning.kind != Kind::kSegment && meaning.kind != Kind::kRoot) {
      Obstacle(full, "is no file of a node and no directory");
      return;
    }
    if (!S_ISREG(status.st_mode)) {
      Problem(full, "is no regular file: left out");
      Obstacle(full, "is no regular file");
      return;
    }
    const Path path = meaning.kind == Kind::kRoot
                          ? place.path
                          : place.path.Child(meaning.segment);
    if (absl::Status limits = path.CheckLimits(); !limits.ok()) {
      Problem(full, StdView(limits.message()));
      return;
    }
    scan_.files.push_back(
        {path,
         {status.st_dev, status.st_ino, status.st_size,
          Nanoseconds(status.st_mtim), Nanoseconds(status.st_ctim)},
         linked});
  }

  void Unreadable(const Place& place, int error) {
    scan_.unreadable.push_back(place.path);
    if (!place.name.empty()) {
      scan_.obstacles[place.name] = {
          absl::StrCat("the directory ", Quoted(place.name),
                       " cannot be read (",
                       std::generic_category().message(error), ")"),
          /*closed=*/false};
    }
    Problem(place.name,
            absl::StrCat("cannot be read (",
                         std::generic_category().message(error),
                         "): what was in it counts until it can"));
  }

  void Problem(const std::string& name, std::string_view what) {
    scan_.problems.push_back(absl::StrCat(
        Quoted(name.empty() ? directory_.path() : name), ": ", AbslView(what)));
  }

  const StateDirectory& directory_;
  const FileNames& names_;
  const absl::FunctionRef<void(int)> visit_;
  // The directories from the root to the one that is being read.
  std::vector<std::pair<dev_t, ino_t>> above_;
  DirectoryScan scan_;
};

}  // namespace

DirectoryScan ScanDirectory(const StateDirectory& directory,
                            const FileNames& names,
                            absl::FunctionRef<void(int fd)> visit) {
  Scanner scanner(directory, names, visit);
  // Not a duplicate: readdir moves the offset that duplicates share.
  scanner.Scan(FileDescriptor(openat(directory.root(), ".",
                                     O_RDONLY | O_DIRECTORY | O_CLOEXEC)),
               {});
  return scanner.Take();
}

}  // namespace restate
