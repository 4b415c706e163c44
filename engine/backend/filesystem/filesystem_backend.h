#ifndef RESTATE_ENGINE_BACKEND_FILESYSTEM_FILESYSTEM_BACKEND_H_
#define RESTATE_ENGINE_BACKEND_FILESYSTEM_FILESYSTEM_BACKEND_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "engine/backend/backend.h"
#include "engine/backend/filesystem/directory_root.h"
#include "engine/backend/filesystem/directory_scan.h"
#include "engine/backend/filesystem/edit_watcher.h"
#include "engine/backend/filesystem/file_names.h"
#include "engine/backend/filesystem/file_plan.h"
#include "engine/backend/filesystem/file_record.h"
#include "engine/backend/filesystem/file_set.h"
#include "engine/backend/filesystem/serializer/file_serializer.h"
#include "engine/backend/filesystem/state_directory.h"
#include "engine/sync/mutex.h"
#include "engine/tree/tree.h"

namespace restate {

struct FilesystemOptions {
  // Made if it is not there, unless read-only.
  std::string directory;
  // Where it may be.
  DirectoryBounds bounds;
  FileFormat format = FileFormat::kJson;
  // Writes by clients are refused; edits of the files still count. A directory
  // that cannot be written is read-only of itself.
  bool read_only = false;
  // How long nothing may have happened before edits are read.
  absl::Duration quiet = absl::Milliseconds(100);
  // What WatchEdits looks for edits with; outlives the backend. Null: Rescan is
  // called by hand.
  JobPool* jobs = nullptr;
  // What a file that a person has written may hold.
  tree::WriteLimits limits;
  // Larger files are left out.
  size_t max_file_bytes = size_t{64} << 20;
  // Values and items of lists in a file that a person has written.
  size_t max_file_values = 500'000;
  // The umask for what is made here, if it is not the process' own: the files
  // are the user's, and need not be as closed as the server's.
  std::optional<mode_t> umask;
};

// A directory that mirrors the tree, one file a leaf, which people may edit
// (docs/filesystem.md). Loaded into memory when it is opened.
//
// Three trees:
//   tree_       what has been applied: what snapshots show
//   the files   what lies on the disk, as it was last looked at (files_)
//   heard_      what the caller knows of the files: what was applied, and the
//               edits that the listener took and that are on their way back
// Edits are the difference between heard_ and the files. A write changes the
// files only where it changes tree_, so that an edit of another place is kept
// until it comes back as a commit; in the same place the write wins.
//
// Lock order: rescan_mutex_, io_mutex_, mutex_. The listener is called with
// rescan_mutex_ alone, which nothing that a listener may do needs.
class FilesystemBackend : public Backend {
 public:
  // What is done to the files. Tests give one that fails.
  using MakeDirectory = std::function<std::unique_ptr<StateDirectory>(
      std::string path, FileDescriptor root)>;

  // Opens and loads a directory. Errors: FAILED_PRECONDITION / NOT_STORABLE if
  // it is no directory, is in use, or was written with another format;
  // FAILED_PRECONDITION / MOUNT_NOT_ALLOWED if it is out of its bounds;
  // UNAVAILABLE if it cannot be read.
  static absl::StatusOr<std::unique_ptr<FilesystemBackend>> Open(
      const FilesystemOptions& options, const MakeDirectory& make = nullptr);
  ~FilesystemBackend() override;

  std::string_view kind() const override { return "filesystem"; }
  bool durable() const override { return true; }
  absl::Status CanStore(const Write& write) const override;
  absl::Status Apply(absl::Span<const Write> writes,
                     Revision revision) override;
  absl::Status ApplyPossible(absl::Span<const Write> writes, Revision revision,
                             std::vector<LeftWrite>* left) override;
  // Of a read-only directory it is kept in memory only.
  Revision applied_revision() const override;
  absl::StatusOr<std::shared_ptr<const Snapshot>> TakeSnapshot() override;
  BackendHealth Health() const override;
  BackendSize Size() const override;
  bool edited_while_closed() const override { return edited_while_closed_; }
  // Of the files, and what was last applied to them.
  std::string content_mark() const override;
  void WatchEdits(EditListener listener) override;

  // Looks through the directory now and gives the listener, if there is one,
  // what has changed. The error of the listener, or UNAVAILABLE.
  absl::Status Rescan();

 private:
  struct Step;
  // Own values that stay as they are, and why: their file cannot be written.
  using Stuck = std::map<Path, absl::Status>;

  // A record is small beside the files that it is about.
  static constexpr size_t kMaxRecordBytes = size_t{256} << 20;

  FilesystemBackend(const FilesystemOptions& options,
                    std::unique_ptr<StateDirectory> directory);

  // filesystem_backend.cc
  absl::Status Load();
  absl::Status LoadRecord();
  absl::Status RewriteRecord();
  void NoteEditsWhileClosed();

  // Why the file of a node cannot be made or replaced, if that is known; empty if
  // it is not.
  std::string ObstacleTo(const std::string& file) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool WouldBeTooLarge(const FileEntry& entry,
                       const std::vector<OwnChange>& changes) const;

  // filesystem_rescan.cc. REQUIRES: io_mutex_.
  absl::Status Refresh();
  absl::Status FindDirectory();
  absl::Status Reattach();
  // Reads one file again, and takes what it says. OK if it does not parse.
  absl::Status PickUp(const Path& path);
  std::optional<FileEntry> ReadEntry(const Path& path);
  absl::StatusOr<Tree> ParseText(const Path& path, const std::string& text,
                                 const std::string& digest) const;
  void SetEntry(const Path& path, std::optional<FileEntry> entry);
  const Tree& FilesTree();

  // filesystem_apply.cc. REQUIRES: io_mutex_.
  // Where `stuck` is null, a file that cannot be written is an error.
  absl::Status ApplyFiles(absl::Span<const Write> writes, Revision revision,
                          Stuck* stuck);
  absl::Status WriteFiles(const Tree& before, const Tree& after,
                          Revision revision, Stuck* stuck);
  absl::StatusOr<std::vector<Step>> Steps(const FilePlan& plan, Stuck* stuck);
  absl::Status Take(const Step& step, Revision revision);
  // OK if only the file of `path` cannot be written, which is noted then.
  absl::Status SetStuck(const absl::Status& why, const Path& path,
                        const std::vector<OwnChange>& changes, Stuck* stuck);
  // Makes lines durable that record_ has given.
  absl::Status AppendToRecord(const std::string& lines);
  // The lines for files whose edits the tree has by now.
  std::string NoteSettled(const Tree& tree);
  bool IsBelowLink(const Path& path) const;

  const FilesystemOptions options_;
  const std::unique_ptr<const FileSerializer> serializer_;
  const FileNames names_;
  const std::unique_ptr<StateDirectory> directory_;
  bool edited_while_closed_ = false;

  // One rescan at a time, until the listener has answered.
  Mutex rescan_mutex_;

  // Held while files are read and written.
  Mutex io_mutex_;
  FileRecord record_ ABSL_GUARDED_BY(io_mutex_);
  // Bytes of the record's file, and what they were when it was last rewritten.
  size_t record_bytes_ ABSL_GUARDED_BY(io_mutex_) = 0;
  size_t compact_bytes_ ABSL_GUARDED_BY(io_mutex_) = 0;
  // An append failed: the file lacks lines that record_ has.
  bool record_torn_ ABSL_GUARDED_BY(io_mutex_) = false;
  // A batch failed on its way: the files have some of it, which is no edit. No
  // edits are told of until it has been applied.
  bool half_applied_ ABSL_GUARDED_BY(io_mutex_) = false;
  // Files that are not as the record has them, with the content that it has.
  std::map<Path, Tree> unrecorded_ ABSL_GUARDED_BY(io_mutex_);
  // Names in the record that were gone when the directory was opened.
  std::vector<std::string> gone_ ABSL_GUARDED_BY(io_mutex_);
  // What files_ read together, if that is not too old.
  std::optional<Tree> files_tree_ ABSL_GUARDED_BY(io_mutex_);
  std::unique_ptr<EditWatcher> watcher_ ABSL_GUARDED_BY(io_mutex_);

  mutable Mutex mutex_;
  // Changed with io_mutex_ and mutex_ both held, so that one is enough to read.
  FileSet files_;
  std::set<Path> linked_directories_;
  std::map<std::string, DirectoryScan::Obstacle> obstacles_;
  std::set<std::string> open_in_closed_;
  bool read_only_ = false;

  Tree tree_ ABSL_GUARDED_BY(mutex_);
  Tree heard_ ABSL_GUARDED_BY(mutex_);
  Revision applied_revision_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t own_values_ ABSL_GUARDED_BY(mutex_) = 0;
  EditListener listener_ ABSL_GUARDED_BY(mutex_);
  // Why the directory cannot be used; OK if it can.
  absl::Status down_ ABSL_GUARDED_BY(mutex_);
  // What Health says: files that do not parse, the directory, places that two
  // files give, and the watch.
  std::map<Path, std::string> broken_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> scan_problems_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> conflicts_ ABSL_GUARDED_BY(mutex_);
  std::string watch_problem_ ABSL_GUARDED_BY(mutex_);
  // Files that could not be written when they were tried last, and why.
  std::map<Path, std::string> blocked_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace restate

#endif  // RESTATE_ENGINE_BACKEND_FILESYSTEM_FILESYSTEM_BACKEND_H_
