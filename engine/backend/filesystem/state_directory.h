#ifndef RESTATE_ENGINE_BACKEND_FILESYSTEM_STATE_DIRECTORY_H_
#define RESTATE_ENGINE_BACKEND_FILESYSTEM_STATE_DIRECTORY_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/backend/filesystem/file_descriptor.h"

namespace restate {

// What tells two states of a file apart without reading it.
struct FileIdentity {
  uint64_t device = 0;
  uint64_t inode = 0;
  int64_t size = 0;
  int64_t modified_ns = 0;
  int64_t changed_ns = 0;
  friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
};

// A file that was read.
struct FileText {
  std::string text;
  FileIdentity identity;
  // A symbolic link was followed on the way.
  bool linked = false;
  // Changed so short a time before it was read that another change could have
  // left the same identity.
  bool unsure = false;
};

// The operations on the files of one directory, by names relative to it
// ("colors/primary.json"). Nothing outside it is ever touched: each use of a
// name goes through the directory's descriptor, links are followed for reading
// only and never out of it.
//
// Errors are UNAVAILABLE / MOUNT_UNAVAILABLE, name the file, and say what to
// do.
//
// Thread-compatible. Virtual, so that tests make single operations fail.
class StateDirectory {
 public:
  // Names of our own files, none of them a node's: the record, files being
  // written, and what people typed and a write replaced.
  static constexpr std::string_view kRecordName = ".restate";
  static constexpr std::string_view kTemporaryPrefix = ".restate-tmp-";
  static constexpr std::string_view kKeptPrefix = ".restate-kept-";

  // `root` is what OpenDirectoryRoot gave for `path`.
  StateDirectory(std::string path, FileDescriptor root);
  virtual ~StateDirectory() = default;

  // What is made gets the mode that it has under this umask, rather than under
  // that of the process.
  void set_umask(std::optional<mode_t> umask) { umask_ = umask; }

  const std::string& path() const { return path_; }
  int root() const { return root_.get(); }
  // Goes on with another descriptor of the same path.
  void Reattach(FileDescriptor root) { root_ = std::move(root); }
  // Gives the descriptor away; nothing else may be called then.
  FileDescriptor TakeRoot() { return std::move(root_); }

  // OK while the path still leads to the directory that was opened.
  absl::Status CheckPresent() const;
  // Whether files can be made in it.
  bool IsWritable() const;

  // The file's text, or nothing if there is no file. More than `max_bytes` is
  // an error.
  absl::StatusOr<std::optional<FileText>> Read(const std::string& name,
                                               size_t max_bytes) const;
  // The file's identity, or nothing if there is no file.
  absl::StatusOr<std::optional<FileIdentity>> Look(
      const std::string& name) const;

  // Writes a file whole, by way of a temporary one, and makes its contents
  // durable; its name is after SyncDirectories. Makes the directories above
  // it. Keeps the permissions of a file that is replaced, and its owner where
  // that may be. Returns the identity of what is there then.
  virtual absl::StatusOr<FileIdentity> Write(const std::string& name,
                                             std::string_view text);
  // Removes a file, and the directories above it that are empty then. It is
  // no error if it is not there.
  virtual absl::Status Remove(const std::string& name);
  // Renames a file to a dot name in its directory that says it was replaced by
  // the commit `revision`.
  virtual absl::Status SetAside(const std::string& name, int64_t revision,
                                std::string_view suffix);
  // Makes the names durable that were written and removed since the last call.
  virtual absl::Status SyncDirectories();
  // Appends to a file in the directory itself, and makes that durable.
  virtual absl::Status Append(const std::string& name, std::string_view text);

  // A descriptor of the place that `name` leads to, links followed inside the
  // directory; `flags` as of open. Sets errno: EXDEV if it leads out of it.
  FileDescriptor OpenBeneath(const std::string& name, int flags) const;

 private:
  // The directory above a file, without following any link; makes missing ones
  // if `create`. Sets errno.
  FileDescriptor OpenParentToWrite(const std::string& name, bool create);
  // Sets errno.
  FileDescriptor OpenToRead(const std::string& name, bool* linked) const;

  const std::string path_;
  std::optional<mode_t> umask_;
  FileDescriptor root_;
  // Directories with names that are not durable yet; "" is the root.
  std::set<std::string> unsynced_;
  uint64_t temporaries_ = 0;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_BACKEND_FILESYSTEM_STATE_DIRECTORY_H_
