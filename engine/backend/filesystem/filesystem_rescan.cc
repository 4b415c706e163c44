// What the files say: looking through the directory, reading, and telling the
// listener.
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/backend/filesystem/filesystem_backend.h"
#include "engine/error/absl_view.h"
#include "engine/error/error.h"
#include "engine/path/utf8.h"

namespace restate {

absl::Status FilesystemBackend::Rescan() {
  MutexLock rescanning(&rescan_mutex_);
  std::vector<Write> edits;
  Tree heard_before;
  Tree heard_after;
  EditListener listener;
  {
    MutexLock io(&io_mutex_);
    absl::Status status = Refresh();
    if (!status.ok()) return status;
    if (half_applied_) return absl::OkStatus();
    heard_after = FilesTree();
    MutexLock lock(&mutex_);
    listener = listener_;
    if (listener == nullptr) return absl::OkStatus();
    edits = WritesBetween(heard_, heard_after);
    heard_before = std::exchange(heard_, heard_after);
  }
  if (edits.empty()) return absl::OkStatus();
  absl::Status status = listener(std::move(edits));
  if (status.ok()) return status;
  // Not heard of after all, except where a batch has been applied meanwhile.
  MutexLock lock(&mutex_);
  std::vector<OwnChange> changes;
  tree::Diff(heard_after, heard_before,
             [&](const Path& path, const Value* offered, const Value* known) {
               const Tree now = tree::OwnValue(tree::Get(heard_, path));
               if (!SameTree(now, offered == nullptr ? Tree() : *offered)) {
                 return;
               }
               changes.push_back({path, known == nullptr ? Tree() : *known});
             });
  heard_ = ChangedContent(heard_, Path(), changes);
  return status;
}

absl::Status FilesystemBackend::FindDirectory() {
  absl::Status present = directory_->CheckPresent();
  if (!present.ok() && Reattach().ok()) present = absl::OkStatus();
  MutexLock lock(&mutex_);
  down_ = present;
  return present;
}

// A directory that came back is the same one if it has the same record; any
// other is somebody's mistake, and what is missing in it is not deleted.
absl::Status FilesystemBackend::Reattach() {
  absl::StatusOr<FileDescriptor> root =
      OpenDirectoryRoot(options_.directory, false, options_.bounds);
  if (!root.ok()) return root.status();
  StateDirectory found(options_.directory, *std::move(root));
  absl::StatusOr<std::optional<FileText>> file =
      found.Read(std::string(StateDirectory::kRecordName), kMaxRecordBytes);
  if (!file.ok()) return file.status();
  std::optional<FileRecord> record;
  if (file->has_value()) record = FileRecord::Parse((*file)->text);
  const bool same = record.has_value() ? record->id() == record_.id()
                                       : options_.read_only;
  if (!same) return directory_->CheckPresent();
  directory_->Reattach(found.TakeRoot());
  return absl::OkStatus();
}

absl::Status FilesystemBackend::Refresh() {
  absl::Status present = FindDirectory();
  if (!present.ok()) return present;
  DirectoryScan scan =
      ScanDirectory(*directory_, names_, [this](int fd) {
        if (watcher_ != nullptr) watcher_->Watch(fd);
      });
  std::set<Path> found;
  for (const DirectoryScan::File& file : scan.files) {
    found.insert(file.path);
    const FileEntry* entry = files_.Find(file.path);
    if (entry != nullptr && entry->identity == file.identity &&
        entry->linked == file.linked && !entry->unsure) {
      continue;
    }
    SetEntry(file.path, ReadEntry(file.path));
  }
  std::vector<Path> gone;
  for (const auto& [path, entry] : files_.files()) {
    if (found.contains(path)) continue;
    bool unreadable = false;
    for (const Path& place : scan.unreadable) {
      unreadable = unreadable || place.Contains(path);
    }
    if (!unreadable) gone.push_back(path);
  }
  for (const Path& path : gone) SetEntry(path, std::nullopt);
  const bool read_only = options_.read_only || !directory_->IsWritable();
  if (!read_only) {
    for (const std::string& name : scan.temporaries) {
      absl::Status removed = directory_->Remove(name);
      if (!removed.ok()) return removed;
    }
  }
  const std::string watch_problem =
      watcher_ == nullptr ? "" : watcher_->problem();
  FilesTree();
  MutexLock lock(&mutex_);
  read_only_ = read_only;
  linked_directories_ = {scan.linked_directories.begin(),
                         scan.linked_directories.end()};
  scan_problems_ = scan.problems;
  obstacles_ = std::move(scan.obstacles);
  open_in_closed_ = std::move(scan.open_in_closed);
  blocked_.clear();
  watch_problem_ = watch_problem;
  return absl::OkStatus();
}

const Tree& FilesystemBackend::FilesTree() {
  if (!files_tree_.has_value()) {
    FileSet::Reading reading = files_.Read(names_);
    files_tree_ = std::move(reading.tree);
    MutexLock lock(&mutex_);
    conflicts_ = std::move(reading.conflicts);
  }
  return *files_tree_;
}

absl::Status FilesystemBackend::PickUp(const Path& path) {
  absl::StatusOr<std::optional<FileIdentity>> identity =
      directory_->Look(names_.FileOf(path));
  if (!identity.ok()) return identity.status();
  const FileEntry* entry = files_.Find(path);
  if (entry == nullptr && !identity->has_value()) return absl::OkStatus();
  if (entry != nullptr && identity->has_value() &&
      entry->identity == **identity && !entry->unsure) {
    return absl::OkStatus();
  }
  const Tree before = entry == nullptr ? Tree() : entry->content;
  SetEntry(path, ReadEntry(path));
  entry = files_.Find(path);
  if (watcher_ != nullptr &&
      !SameTree(before, entry == nullptr ? Tree() : entry->content)) {
    watcher_->Poke();
  }
  return absl::OkStatus();
}

std::optional<FileEntry> FilesystemBackend::ReadEntry(const Path& path) {
  const std::string name = names_.FileOf(path);
  const FileEntry* old = files_.Find(path);
  absl::StatusOr<std::optional<FileText>> file =
      directory_->Read(name, options_.max_file_bytes);
  if (!file.ok()) {
    FileEntry entry = old == nullptr ? FileEntry() : *old;
    if (old == nullptr) entry.content = record_.Kept(name);
    entry.problem = std::string(file.status().message());
    entry.digest.clear();
    entry.unsure = true;
    return entry;
  }
  if (!file->has_value()) return std::nullopt;
  FileEntry entry;
  entry.identity = (*file)->identity;
  entry.linked = (*file)->linked;
  entry.unsure = (*file)->unsure;
  entry.digest = TextDigest((*file)->text);
  if (old != nullptr && old->digest == entry.digest &&
      !old->digest.empty()) {
    entry.content = old->content;
    entry.problem = old->problem;
    return entry;
  }
  absl::StatusOr<Tree> content = ParseText(path, (*file)->text, entry.digest);
  if (content.ok()) {
    entry.content = *std::move(content);
    return entry;
  }
  entry.problem =
      absl::StrCat(Quoted(name), ": ", content.status().message(),
                   ". Until it is corrected, its value before counts");
  entry.content = old != nullptr ? old->content : record_.Kept(name);
  return entry;
}

absl::StatusOr<Tree> FilesystemBackend::ParseText(
    const Path& path, const std::string& text,
    const std::string& digest) const {
  // What the server wrote was within its limits in other parts.
  tree::WriteLimits limits = options_.limits;
  size_t max_values = options_.max_file_values;
  auto noted = record_.files().find(names_.FileOf(path));
  if (noted != record_.files().end() && noted->second == digest) {
    limits = {SIZE_MAX, SIZE_MAX};
    max_values = SIZE_MAX;
  }
  absl::StatusOr<Value> value = serializer_->Parse(text, max_values);
  if (!value.ok()) return value.status();
  absl::StatusOr<Value> canonical = tree::Canonicalize(*value, path, limits);
  if (!canonical.ok()) return canonical.status();
  return Tree(*std::move(canonical));
}

void FilesystemBackend::SetEntry(const Path& path,
                                 std::optional<FileEntry> entry) {
  const FileEntry* old = files_.Find(path);
  if (old == nullptr && !entry.has_value()) return;
  const bool changes =
      old == nullptr || !entry.has_value() || old->digest != entry->digest;
  if (changes) {
    unrecorded_.try_emplace(path, old == nullptr ? Tree() : old->content);
    files_tree_.reset();
    if (entry.has_value() && !entry->problem.empty() &&
        entry->content.has_value() && !read_only_) {
      // So that a restart does not lose the value either. If it cannot be
      // written now, only that is lost.
      AppendToRecord(record_.NoteKept(names_.FileOf(path), *entry->content))
          .IgnoreError();
    }
  }
  MutexLock lock(&mutex_);
  if (!entry.has_value()) {
    files_.Erase(path);
    broken_.erase(path);
    return;
  }
  if (entry->problem.empty()) {
    broken_.erase(path);
  } else {
    broken_[path] = entry->problem;
  }
  files_.Put(path, *std::move(entry));
}

}  // namespace restate
