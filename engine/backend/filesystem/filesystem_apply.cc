// A batch on its way to the files:
//   1. which files change, and how (PlanFiles); each is looked at again, so
//      that an edit made meanwhile is kept
//   2. the record hears what is going to be written
//   3. files are written, then deleted, one by one; each is whole or not there
//   4. the names are made durable
//   5. the record hears what was written, and then the revision
//   6. the tree is swapped
// After a crash the same batch comes again, and finds some of it done. What was
// planned in 2 is not taken for edits then.
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/backend/filesystem/filesystem_backend.h"
#include "engine/crash/crash_point.h"
#include "engine/error/error.h"

namespace restate {
namespace {

// The record is rewritten when it has grown by this, and doubled.
constexpr size_t kRecordGrowth = size_t{1} << 20;

}  // namespace

// One file that becomes another.
struct FilesystemBackend::Step {
  Path path;
  // Nothing deletes the file.
  Tree content;
  std::string text;
  std::string digest;
  std::vector<OwnChange> changes;
};

absl::Status FilesystemBackend::Apply(absl::Span<const Write> writes,
                                      Revision revision) {
  MutexLock io(&io_mutex_);
  Tree before;
  absl::Status status = directory_->CheckPresent();
  {
    MutexLock lock(&mutex_);
    before = tree_;
    if (status.ok()) status = down_;
  }
  if (!status.ok()) status = Refresh();
  if (!status.ok()) return status;
  const Tree after = AfterWrites(before, writes);
  if (!read_only_) {
    const bool again = half_applied_;
    status = WriteFiles(before, after, revision);
    half_applied_ = !status.ok();
    if (!status.ok()) return status;
    // Edits may have waited for this.
    if (again && watcher_ != nullptr) watcher_->Poke();
  }
  int64_t more = 0;
  tree::Diff(before, after,
             [&more](const Path&, const Value* was, const Value* is) {
               more += (is != nullptr) - (was != nullptr);
             });
  MutexLock lock(&mutex_);
  own_values_ += static_cast<uint64_t>(more);
  tree_ = after;
  heard_ = AfterWrites(heard_, writes);
  applied_revision_ = revision;
  return absl::OkStatus();
}

absl::Status FilesystemBackend::WriteFiles(const Tree& before,
                                           const Tree& after,
                                           Revision revision) {
  absl::StatusOr<std::vector<Step>> steps =
      Steps(PlanFiles(files_, before, after));
  if (!steps.ok()) return steps.status();
  std::string lines;
  for (const Step& step : *steps) {
    lines += record_.NotePlan(names_.FileOf(step.path), step.digest);
  }
  absl::Status status = AppendToRecord(lines);
  // What a crash leaves is rather too much than too little.
  bool some_taken = false;
  for (const bool deletes : {false, true}) {
    for (const Step& step : *steps) {
      if (step.content.has_value() == deletes) continue;
      if (some_taken) ReachCrashPoint(CrashPoint::kApplying);
      if (status.ok()) status = Take(step, revision);
      some_taken = true;
    }
  }
  if (status.ok()) status = directory_->SyncDirectories();
  if (!status.ok()) return status;
  lines = NoteSettled(after);
  for (const std::string& name : gone_) lines += record_.NoteGone(name);
  gone_.clear();
  lines += record_.NoteRevision(revision);
  status = AppendToRecord(lines);
  if (status.ok() && record_bytes_ > 2 * compact_bytes_ + kRecordGrowth) {
    // It can wait, if it fails.
    RewriteRecord().IgnoreError();
  }
  return status;
}

absl::StatusOr<std::vector<FilesystemBackend::Step>> FilesystemBackend::Steps(
    const FilePlan& plan) {
  std::vector<Step> steps;
  for (const auto& [path, changes] : plan) {
    absl::Status status = PickUp(path);
    if (!status.ok()) return status;
    const FileEntry* entry = files_.Find(path);
    // CanStore refuses these. One that has become a link since is left as it
    // is, and what it says comes back as an edit.
    if ((entry != nullptr && entry->linked) || IsBelowLink(path)) continue;
    const Tree content = entry == nullptr ? Tree() : entry->content;
    Step step{path, ChangedContent(content, path, changes), "", "", changes};
    if (SameTree(content, step.content)) continue;
    if (step.content.has_value()) {
      step.text = serializer_->Serialize(*step.content);
      step.digest = TextDigest(step.text);
    }
    steps.push_back(std::move(step));
  }
  return steps;
}

absl::Status FilesystemBackend::Take(const Step& step, Revision revision) {
  const std::string name = names_.FileOf(step.path);
  const FileEntry* entry = files_.Find(step.path);
  if (entry != nullptr && !entry->problem.empty()) {
    // It could not even be read: whatever it is, it is not ours to move.
    if (entry->digest.empty()) {
      return MakeError(Reason::kMountUnavailable, entry->problem,
                       {{"file", name}});
    }
    // The write was decided before the file stopped parsing. What somebody
    // typed is not lost all the same.
    absl::Status status =
        directory_->SetAside(name, revision, names_.suffix());
    if (!status.ok()) return status;
  }
  std::optional<FileEntry> written;
  if (step.content.has_value()) {
    absl::StatusOr<FileIdentity> identity = directory_->Write(name, step.text);
    if (!identity.ok()) return identity.status();
    written = FileEntry{step.content, *identity, step.digest,
                        /*linked=*/false, /*unsure=*/true, /*problem=*/""};
  } else {
    absl::Status status = directory_->Remove(name);
    if (!status.ok()) return status;
  }
  SetEntry(step.path, std::move(written));
  return absl::OkStatus();
}

std::string FilesystemBackend::NoteSettled(const Tree& tree) {
  std::string lines;
  for (auto it = unrecorded_.begin(); it != unrecorded_.end();) {
    const auto& [path, recorded] = *it;
    const FileEntry* entry = files_.Find(path);
    bool settled = entry == nullptr || entry->problem.empty();
    tree::Diff(recorded, entry == nullptr ? Tree() : entry->content,
               [&, &path = path](const Path& relative, const Value*,
                                 const Value*) {
                 const Path place = path.Join(relative);
                 const Tree node = tree::Get(tree, place);
                 Tree own = files_.OwnOf(place);
                 const bool hidden = own.has_value() && own->is_map() &&
                                     tree::HasChildren(node);
                 if (hidden) own = std::nullopt;
                 settled = settled && SameTree(tree::OwnValue(node), own);
               });
    if (!settled) {
      ++it;
      continue;
    }
    const std::string name = names_.FileOf(path);
    lines += entry == nullptr ? record_.NoteGone(name)
                              : record_.NoteFile(name, entry->digest);
    it = unrecorded_.erase(it);
  }
  return lines;
}

absl::Status FilesystemBackend::AppendToRecord(const std::string& lines) {
  if (lines.empty()) return absl::OkStatus();
  if (record_torn_) return RewriteRecord();
  absl::Status status =
      directory_->Append(std::string(StateDirectory::kRecordName), lines);
  record_torn_ = !status.ok();
  record_bytes_ += lines.size();
  return status;
}

bool FilesystemBackend::IsBelowLink(const Path& path) const {
  for (size_t depth = 0; depth < path.depth(); ++depth) {
    if (linked_directories_.contains(path.Ancestor(depth))) return true;
  }
  return false;
}

}  // namespace restate
