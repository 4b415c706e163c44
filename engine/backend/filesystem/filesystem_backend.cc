#include "engine/backend/filesystem/filesystem_backend.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/backend/memory/memory_backend.h"
#include "engine/error/absl_view.h"
#include "engine/error/error.h"

namespace restate {
namespace {

const std::string& RecordName() {
  static const std::string* const kName =
      new std::string(StateDirectory::kRecordName);
  return *kName;
}

}  // namespace

absl::StatusOr<std::unique_ptr<FilesystemBackend>> FilesystemBackend::Open(
    const FilesystemOptions& options, const MakeDirectory& make) {
  absl::StatusOr<FileDescriptor> root =
      OpenDirectoryRoot(options.directory, !options.read_only, options.bounds,
                        options.umask);
  if (!root.ok()) return root.status();
  std::unique_ptr<StateDirectory> directory =
      make ? make(options.directory, *std::move(root))
           : std::make_unique<StateDirectory>(options.directory,
                                              *std::move(root));
  directory->set_umask(options.umask);
  std::unique_ptr<FilesystemBackend> backend(
      new FilesystemBackend(options, std::move(directory)));
  absl::Status status = backend->Load();
  if (!status.ok()) return status;
  return backend;
}

FilesystemBackend::FilesystemBackend(const FilesystemOptions& options,
                                     std::unique_ptr<StateDirectory> directory)
    : options_(options),
      serializer_(MakeFileSerializer(options.format)),
      names_(serializer_->extension()),
      directory_(std::move(directory)) {}

FilesystemBackend::~FilesystemBackend() { WatchEdits(nullptr); }

absl::Status FilesystemBackend::Load() {
  MutexLock io(&io_mutex_);
  absl::Status status = LoadRecord();
  if (!status.ok()) return status;
  status = Refresh();
  if (!status.ok()) return status;
  NoteEditsWhileClosed();
  {
    const Tree tree = FilesTree();
    MutexLock lock(&mutex_);
    tree_ = heard_ = tree;
    own_values_ = tree::CountOwnValues(tree);
    applied_revision_ = record_.revision();
  }
  return read_only_ ? absl::OkStatus() : RewriteRecord();
}

absl::Status FilesystemBackend::LoadRecord() {
  absl::StatusOr<std::optional<FileText>> file =
      directory_->Read(RecordName(), kMaxRecordBytes);
  if (!file.ok()) return file.status();
  std::optional<FileRecord> record;
  if (file->has_value()) record = FileRecord::Parse((*file)->text);
  record_ = record.has_value() ? *std::move(record)
                               : FileRecord::Make(serializer_->extension());
  if (record_.extension() == serializer_->extension()) return absl::OkStatus();
  return MakeError(
      Reason::kNotStorable,
      absl::StrCat(options_.directory, " was written with the format ",
                   record_.extension(), ", and ",
                   AbslView(serializer_->extension()),
                   " is configured: configure the other, or another directory"));
}

absl::Status FilesystemBackend::RewriteRecord() {
  const std::string text = record_.Compact();
  absl::StatusOr<FileIdentity> written = directory_->Write(RecordName(), text);
  if (!written.ok()) return written.status();
  record_bytes_ = compact_bytes_ = text.size();
  record_torn_ = false;
  return directory_->SyncDirectories();
}

void FilesystemBackend::NoteEditsWhileClosed() {
  // Loading has put everything there.
  unrecorded_.clear();
  std::set<std::string> names;
  for (const auto& [path, entry] : files_.files()) {
    const std::string name = names_.FileOf(path);
    names.insert(name);
    // It reads as it did, for as long as it does not parse.
    if (!entry.problem.empty() && record_.Kept(name).has_value()) continue;
    auto noted = record_.files().find(name);
    if (noted != record_.files().end() && noted->second == entry.digest) {
      continue;
    }
    unrecorded_.emplace(path, std::nullopt);
    if (!record_.Knows(name, entry.digest)) edited_while_closed_ = true;
  }
  for (const auto& [name, digest] : record_.files()) {
    if (names.contains(name)) continue;
    gone_.push_back(name);
    if (!record_.Knows(name, "")) edited_while_closed_ = true;
  }
}

absl::Status FilesystemBackend::CanStore(const Write& write) const {
  MutexLock lock(&mutex_);
  const Tree after = AfterWrites(tree_, absl::MakeConstSpan(&write, 1));
  for (const auto& [path, changes] : PlanFiles(files_, tree_, after)) {
    const FileEntry* entry = files_.Find(path);
    const Tree content = entry == nullptr ? Tree() : entry->content;
    const Tree changed = ChangedContent(content, path, changes);
    if (SameTree(content, changed)) continue;
    const std::string place = changes.front().path.ToText();
    const auto refuse = [&](std::string_view why) {
      return MakeError(Reason::kNotStorable,
                       absl::StrCat(place, " cannot be written: ",
                                    AbslView(why)),
                       {{"path", place}, {"file", names_.FileOf(path)}});
    };
    if (read_only_) {
      return refuse(absl::StrCat("the directory ", options_.directory,
                                 " is read-only; edit its files where they "
                                 "come from"));
    }
    if ((entry != nullptr && entry->linked) || IsBelowLink(path)) {
      return refuse(absl::StrCat("the file ", names_.FileOf(path),
                                 " is reached through a link; edit it where "
                                 "the link leads, or remove the link"));
    }
    if (entry != nullptr && !entry->problem.empty()) {
      return refuse(absl::StrCat("correct or delete the file first: ",
                                 entry->problem));
    }
    if (entry == nullptr) {
      absl::Status names = names_.CheckNames(path);
      if (!names.ok()) return names;
    }
    const std::string obstacle = ObstacleTo(names_.FileOf(path));
    if (!obstacle.empty()) return refuse(obstacle);
    if (const auto blocked = blocked_.find(path); blocked != blocked_.end()) {
      return refuse(blocked->second);
    }
    if (entry != nullptr && WouldBeTooLarge(*entry, changes)) {
      return refuse(absl::StrCat("the file ", names_.FileOf(path),
                                 " would be larger than ",
                                 options_.max_file_bytes,
                                 " bytes: delete something that is in it"));
    }
    if (changed.has_value()) {
      absl::Status storable = serializer_->CheckStorable(*changed);
      if (!storable.ok()) return refuse(StdView(storable.message()));
    }
  }
  return absl::OkStatus();
}

std::string FilesystemBackend::ObstacleTo(const std::string& file) const {
  // The closed directory that the next name would be made in.
  const DirectoryScan::Obstacle* closed = nullptr;
  for (size_t end = 0; end != std::string::npos;) {
    end = file.find('/', end == 0 ? 0 : end + 1);
    const std::string name = file.substr(0, end);
    const auto found = obstacles_.find(name);
    if (found != obstacles_.end()) {
      if (!found->second.closed) return found->second.why;
      closed = &found->second;
    } else if (open_in_closed_.contains(name)) {
      closed = nullptr;
    }
  }
  return closed == nullptr ? "" : closed->why;
}

bool FilesystemBackend::WouldBeTooLarge(
    const FileEntry& entry, const std::vector<OwnChange>& changes) const {
  // Each with its key, in the longest spelling, and indented.
  size_t bytes = static_cast<size_t>(entry.identity.size);
  for (const OwnChange& change : changes) {
    if (!change.own.has_value()) continue;
    bytes += serializer_->Serialize(*change.own).size() +
             6 * change.path.key().size() + 256;
  }
  return bytes > options_.max_file_bytes;
}

std::string FilesystemBackend::content_mark() const {
  std::string files;
  MutexLock lock(&mutex_);
  for (const auto& [path, entry] : files_.files()) {
    files += path.key();
    files += '\n';
    files += entry.digest;
    files += '\n';
  }
  return absl::StrCat(read_only_ ? 0 : applied_revision_, " ",
                      TextDigest(files));
}

Revision FilesystemBackend::applied_revision() const {
  MutexLock lock(&mutex_);
  return applied_revision_;
}

absl::StatusOr<std::shared_ptr<const Snapshot>>
FilesystemBackend::TakeSnapshot() {
  MutexLock lock(&mutex_);
  if (!down_.ok()) return down_;
  return MakeTreeSnapshot(tree_);
}

BackendHealth FilesystemBackend::Health() const {
  MutexLock lock(&mutex_);
  BackendHealth health;
  if (!down_.ok()) {
    health.state = BackendHealth::State::kDown;
    health.problems.emplace_back(StdView(down_.message()));
    return health;
  }
  for (const auto& [path, problem] : broken_) {
    health.problems.push_back(problem);
  }
  for (const auto* lines : {&scan_problems_, &conflicts_}) {
    health.problems.insert(health.problems.end(), lines->begin(),
                           lines->end());
  }
  if (!watch_problem_.empty()) health.problems.push_back(watch_problem_);
  if (!health.problems.empty()) health.state = BackendHealth::State::kDegraded;
  return health;
}

BackendSize FilesystemBackend::Size() const {
  MutexLock lock(&mutex_);
  return {own_values_, files_.bytes()};
}

void FilesystemBackend::WatchEdits(EditListener listener) {
  std::unique_ptr<EditWatcher> ended;
  {
    MutexLock io(&io_mutex_);
    ended = std::move(watcher_);
  }
  // Waits for the job, which may want the locks.
  ended = nullptr;
  const bool start = listener != nullptr && options_.jobs != nullptr;
  {
    MutexLock lock(&mutex_);
    listener_ = std::move(listener);
  }
  if (!start) return;
  MutexLock io(&io_mutex_);
  watcher_ = std::make_unique<EditWatcher>(options_.jobs, options_.quiet,
                                           [this] { return Rescan().ok(); });
  watcher_->Start();
}

}  // namespace restate
