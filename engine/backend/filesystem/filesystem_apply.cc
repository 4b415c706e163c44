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
//
// A file that cannot be written for a reason of its own (ApplyPossible) is as if
// the batch had not named what it gives: the tree keeps its value there, until the
// write comes again.
#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/backend/filesystem/file_errors.h"
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
  return ApplyFiles(writes, revision, nullptr);
}

absl::Status FilesystemBackend::ApplyPossible(absl::Span<const Write> writes,
                                              Revision revision,
                                              std::vector<LeftWrite>* left) {
  Stuck stuck;
  absl::Status status = ApplyFiles(writes, revision, &stuck);
  if (!status.ok() || stuck.empty()) return status;
  // What each path is to read, and the last commit that said so.
  std::map<Path, Revision> decided;
  for (const Write& write : writes) decided[write.path] = write.revision;
  const Tree after = AfterWrites(Tree(), writes);
  for (const auto& [path, why] : stuck) {
    LeftWrite& one = left->emplace_back();
    one.write.path = path;
    one.write.scope = Write::Scope::kOwnValue;
    one.write.value = tree::OwnValue(tree::Get(after, path));
    one.why = why;
    for (size_t depth = 0; depth <= path.depth(); ++depth) {
      const auto found = decided.find(path.Ancestor(depth));
      if (found == decided.end()) continue;
      one.write.revision = std::max(one.write.revision, found->second);
    }
  }
  return absl::OkStatus();
}

absl::Status FilesystemBackend::ApplyFiles(absl::Span<const Write> writes,
                                           Revision revision, Stuck* stuck) {
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
  Tree after = AfterWrites(before, writes);
  if (!read_only_) {
    const bool again = half_applied_;
    status = WriteFiles(before, after, revision, stuck);
    half_applied_ = !status.ok();
    if (!status.ok()) return status;
    // Edits may have waited for this.
    if (again && watcher_ != nullptr) watcher_->Poke();
  }
  // What stays as it was.
  const auto without_stuck = [stuck](const Tree& was, Tree is) {
    if (stuck == nullptr || stuck->empty()) return is;
    std::vector<OwnChange> back;
    for (const auto& [path, why] : *stuck) {
      back.push_back({path, tree::OwnValue(tree::Get(was, path))});
    }
    return ChangedContent(is, Path(), back);
  };
  after = without_stuck(before, std::move(after));
  int64_t more = 0;
  tree::Diff(before, after,
             [&more](const Path&, const Value* was, const Value* is) {
               more += (is != nullptr) - (was != nullptr);
             });
  MutexLock lock(&mutex_);
  own_values_ += static_cast<uint64_t>(more);
  tree_ = after;
  heard_ = without_stuck(heard_, AfterWrites(heard_, writes));
  applied_revision_ = revision;
  return absl::OkStatus();
}

absl::Status FilesystemBackend::WriteFiles(const Tree& before,
                                           const Tree& after,
                                           Revision revision, Stuck* stuck) {
  const FilePlan plan = PlanFiles(files_, before, after);
  absl::StatusOr<std::vector<Step>> steps = Steps(plan, stuck);
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
      if (status.ok()) {
        status = SetStuck(Take(step, revision), step.path, step.changes, stuck);
      }
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

absl::Status FilesystemBackend::SetStuck(const absl::Status& why,
                                         const Path& path,
                                         const std::vector<OwnChange>& changes,
                                         Stuck* stuck) {
  const bool alone = stuck != nullptr && !why.ok() && IsOfOneFile(why);
  bool explained = true;
  {
    MutexLock lock(&mutex_);
    if (alone) {
      explained = !ObstacleTo(names_.FileOf(path)).empty();
      blocked_[path] = std::string(why.message());
    } else if (why.ok()) {
      blocked_.erase(path);
    }
  }
  if (!alone) return why;
  // Something has changed that nobody has told of.
  if (!explained && watcher_ != nullptr) watcher_->Poke();
  for (const OwnChange& change : changes) stuck->emplace(change.path, why);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<FilesystemBackend::Step>> FilesystemBackend::Steps(
    const FilePlan& plan, Stuck* stuck) {
  std::vector<Step> steps;
  for (const auto& [path, changes] : plan) {
    const size_t stuck_before = stuck == nullptr ? 0 : stuck->size();
    absl::Status status = SetStuck(PickUp(path), path, changes, stuck);
    if (!status.ok()) return status;
    if (stuck != nullptr && stuck->size() > stuck_before) continue;
    const FileEntry* entry = files_.Find(path);
    if ((entry != nullptr && entry->linked) || IsBelowLink(path)) {
      // CanStore refuses these: it has become a link since.
      status = SetStuck(FileError("write", options_.directory,
                                  names_.FileOf(path), ELOOP),
                        path, changes, stuck);
      // Left as it is, and what it says comes back as an edit.
      status.IgnoreError();
      continue;
    }
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
      return FileError("read", options_.directory, name, EINVAL);
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
