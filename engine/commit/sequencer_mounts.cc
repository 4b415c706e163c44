// What a sequencer does about its mounts: above all those whose writes are
// applied later.
#include <algorithm>
#include <future>
#include <memory>
#include <string>
#include <utility>

#include "engine/commit/mount_records.h"
#include "engine/commit/sequencer.h"
#include "engine/commit/sequencer_batch.h"
#include "engine/error/error.h"

namespace restate {
namespace {

// A view that keeps its mount.
class HeldSnapshot final : public Snapshot {
 public:
  HeldSnapshot(std::shared_ptr<MountedBackend> mounted,
               std::shared_ptr<const Snapshot> snapshot)
      : mounted_(std::move(mounted)), snapshot_(std::move(snapshot)) {}

  absl::StatusOr<NodeProbe> Probe(const Path& path) const override {
    return snapshot_->Probe(path);
  }
  absl::StatusOr<ReadResult> Read(const Path& path,
                                  const ReadLimits& limits) const override {
    return snapshot_->Read(path, limits);
  }
  std::unique_ptr<Cursor> NewCursor(const Path& within) const override {
    return snapshot_->NewCursor(within);
  }

 private:
  // Let go of last.
  const std::shared_ptr<MountedBackend> mounted_;
  const std::shared_ptr<const Snapshot> snapshot_;
};

}  // namespace

std::vector<std::shared_ptr<MountedBackend>> Sequencer::mounts() const {
  std::vector<std::shared_ptr<MountedBackend>> mounts;
  {
    MutexLock lock(&mounts_mutex_);
    mounts = listed_;
  }
  std::sort(mounts.begin(), mounts.end(),
            [](const auto& a, const auto& b) { return a->at() < b->at(); });
  return mounts;
}

std::shared_ptr<const PublishedState> Sequencer::StateOfAllMounts(
    Revision revision) {
  std::vector<MountedSnapshot> mounts;
  mounts.reserve(mounts_.size());
  for (MountSlot& slot : mounts_) {
    MountedBackend& mounted = *slot.mounted;
    absl::StatusOr<std::shared_ptr<const Snapshot>> snapshot =
        mounted.TakeSnapshot();
    if (snapshot.ok() && mounted.applier() != nullptr) {
      *snapshot = std::make_shared<HeldSnapshot>(slot.mounted,
                                                 *std::move(snapshot));
    }
    mounts.push_back(
        MountedSnapshot{mounted.at(), std::move(snapshot), mounted.kind()});
  }
  return std::make_shared<const PublishedState>(revision, std::move(mounts),
                                                derivations_);
}

Sequencer::MountSlot Sequencer::NewSlot(Mount mount) {
  MountedBackend::Options options;
  options.clock = options_.clock;
  options.jobs = options_.jobs;
  options.on_change = [this] { MountChanged(); };
  options.flush = [this](Backend& backend, std::vector<Write> writes,
                         Revision revision, std::vector<LeftWrite>* left) {
    return Flush(backend, std::move(writes), revision, left);
  };
  MountSlot slot;
  slot.mounted =
      std::make_shared<MountedBackend>(std::move(mount), std::move(options));
  return slot;
}

void Sequencer::UseMounts() {
  std::vector<Path> points;
  std::vector<std::shared_ptr<MountedBackend>> mounts;
  for (const MountSlot& slot : mounts_) {
    points.push_back(slot.mounted->at());
    mounts.push_back(slot.mounted);
  }
  table_.emplace(std::move(points));
  auto slow = std::make_shared<std::vector<Path>>();
  for (const auto& mounted : mounts) {
    if (mounted->backend().slow()) slow->push_back(mounted->at());
  }
  MutexLock lock(&mounts_mutex_);
  listed_.swap(mounts);
  has_slow_.store(!slow->empty(), std::memory_order_release);
  slow_ = slow->empty() ? nullptr : std::move(slow);
}

std::shared_ptr<const std::vector<Path>> Sequencer::SlowMounts() const {
  if (!has_slow_.load(std::memory_order_acquire)) return nullptr;
  MutexLock lock(&mounts_mutex_);
  return slow_;
}

bool Sequencer::IsSlow(const Path& path) const {
  const auto slow = SlowMounts();
  return slow != nullptr &&
         std::any_of(slow->begin(), slow->end(), [&](const Path& place) {
           return place.Contains(path) || path.Contains(place);
         });
}

std::string Sequencer::WaitsFor(const CommitRequest& request) const {
  MutexLock lock(&mounts_mutex_);
  for (const auto& mounted : listed_) {
    if (mounted->backend().slow() && Touches(request, {mounted->at()})) {
      return mounted->depends_on();
    }
  }
  return "";
}

void Sequencer::AddSeen(const MountedBackend& mounted,
                        std::vector<RecordChange>* records) const {
  if (!mounted.backend().edited_while_closed()) return;
  std::string mark = mounted.backend().content_mark();
  const std::string key = mount_records::SeenKey(mounted.at());
  if (mark.empty() || records_->Find(key) == mark) return;
  records->push_back({key, std::move(mark)});
}

std::string Sequencer::MountedRecord(MountSlot* slot) {
  slot->marked_empty = false;
  std::string record = slot->mounted->identity();
  if (slot->mounted->durable()) return record;
  const absl::StatusOr<std::shared_ptr<const Snapshot>> now =
      slot->mounted->TakeSnapshot();
  if (!now.ok()) return record;
  const absl::StatusOr<NodeProbe> root = (*now)->Probe(Path());
  slot->marked_empty = root.ok() && !root->exists();
  if (slot->marked_empty) record += mount_records::kEmptyMark;
  return record;
}

void Sequencer::AddToJournal(const Batch& batch, CommitBatch* decision) const {
  for (size_t i = 0; i < batch.writes.size(); ++i) {
    if (batch.writes[i].empty()) continue;
    const MountSlot& slot = mounts_[i];
    if (slot.marked_seen) {
      decision->records.push_back(
          {mount_records::SeenKey(slot.mounted->at()), std::nullopt});
    }
    if (slot.marked_empty) {
      decision->records.push_back(
          {mount_records::MountedKey(slot.mounted->at()),
           slot.mounted->identity()});
      // Or a crash right after would hide from readers what they lost.
      decision->durable = true;
    }
    if (slot.mounted->custody() == Custody::kApart) {
      decision->journal.push_back(MountWrites{slot.journal, batch.writes[i]});
      // What is applied later must not be lost.
      decision->durable = true;
    } else if (slot.mounted->custody() == Custody::kCached &&
               slot.mounted->durable() && !slot.marked_dirty) {
      decision->records.push_back(
          {mount_records::DirtyKey(slot.mounted->at()), "1"});
    }
  }
  AddReleases(decision);
}

void Sequencer::AddReleases(CommitBatch* decision) const {
  for (const MountSlot& slot : mounts_) {
    if (slot.mounted->custody() != Custody::kApart) continue;
    ApplierProgress progress = slot.mounted->applier()->Progress();
    if (progress.through <= slot.released &&
        progress.version == slot.released_version) {
      continue;
    }
    const Revision through = std::max(progress.through, slot.released);
    decision->journal_releases.push_back(
        {slot.journal, through, std::move(progress.left), progress.version});
    decision->records.push_back({mount_records::AppliedKey(slot.mounted->at()),
                                 mount_records::EncodeNumber(through)});
  }
}

void Sequencer::Released(const std::vector<JournalRelease>& releases) {
  for (const JournalRelease& release : releases) {
    for (MountSlot& slot : mounts_) {
      if (slot.mounted->custody() == Custody::kApart &&
          slot.journal == release.mount) {
        slot.released = release.through;
        slot.released_version = release.version;
      }
    }
  }
}

void Sequencer::ApplyToOtherMounts(Batch& batch) {
  for (size_t i = 0; i < batch.writes.size(); ++i) {
    MountSlot& slot = mounts_[i];
    if (slot.mounted->custody() == Custody::kCommitStore ||
        batch.writes[i].empty()) {
      continue;
    }
    slot.mounted->Apply(batch.writes[i], last_given_);
    slot.marked_seen = false;
    slot.marked_empty = false;
    if (slot.mounted->custody() == Custody::kCached) slot.marked_dirty = true;
    if (absl::Status down = slot.mounted->down(); !down.ok()) SetHealth(down);
  }
}

void Sequencer::MountChanged() {
  if (refresh_queued_.exchange(true)) return;
  absl::AnyInvocable<void()> task = [this] { RefreshMounts(); };
  // Once stopped there is nobody to show it to.
  queue_.PushTask(task).IgnoreError();
}

void Sequencer::RefreshMounts() {
  refresh_queued_ = false;
  if (recovering_) return;
  PublishState(publication_->Newest()->revision());
  if (options_.commit_store == nullptr) return;
  CommitBatch clean;
  clean.last_committed = last_committed_;
  clean.reserved = reserved_;
  clean.durable = false;
  for (const MountSlot& slot : mounts_) {
    if (slot.marked_dirty && slot.mounted->applier()->Clean()) {
      clean.records.push_back(
          {mount_records::DirtyKey(slot.mounted->at()), std::nullopt});
    }
  }
  if (clean.records.empty()) return;
  // If it fails the store does, and the next batch finds out.
  if (!options_.commit_store->Commit(clean).ok()) return;
  for (MountSlot& slot : mounts_) {
    if (slot.marked_dirty && slot.mounted->applier()->Clean()) {
      slot.marked_dirty = false;
    }
  }
}

absl::Status Sequencer::Flush(Backend& backend, std::vector<Write> writes,
                              Revision revision,
                              std::vector<LeftWrite>* left) {
  const std::optional<uint32_t> kept = backend.commit_store_mount();
  std::vector<Write> to_store;
  if (kept.has_value()) to_store = std::move(writes);
  // What is flushed must not be there without the commits that it is from.
  absl::Status status;
  if (options_.commit_store != nullptr) {
    std::promise<absl::Status> done;
    const auto commit = [&] {
      done.set_value(CommitFlush(kept, std::move(to_store)));
    };
    absl::AnyInvocable<void()> task = commit;
    status = queue_.PushTask(task);
    if (status.ok()) {
      status = done.get_future().get();
    } else if (thread_ended_) {
      status = CommitFlush(kept, std::move(to_store));
    }
  }
  if (!status.ok() || kept.has_value()) return status;
  return backend.ApplyPossible(writes, revision, left);
}

absl::Status Sequencer::CommitFlush(std::optional<uint32_t> mount,
                                    std::vector<Write> writes) {
  if (recovering_) return StoreReopening();
  CommitBatch flush;
  flush.last_committed = last_committed_;
  flush.reserved = reserved_;
  if (mount.has_value()) {
    flush.mounts.push_back(MountWrites{*mount, std::move(writes)});
  }
  absl::Status status = options_.commit_store->Commit(flush);
  if (status.ok() || thread_ended_) return status;
  Batch nothing(publication_->Newest(), &leaf_cache_);
  Recover(status, nothing);
  return StoreReopening();
}

void Sequencer::WatchEdits(MountedBackend& mounted) {
  mounted.backend().WatchEdits(
      [this, at = mounted.at()](std::vector<Write> edits) {
        return CommitEdits(at, std::move(edits));
      });
}

absl::Status Sequencer::CommitEdits(const Path& at, std::vector<Write> edits) {
  CommitRequest request;
  request.origin = CommitOrigin::kFile;
  request.edited_mount = at;
  for (Write& edit : edits) {
    Path path = at.Join(edit.path);
    if (edit.scope == Write::Scope::kSubtree && !edit.value.has_value()) {
      request.operations.push_back(DeleteOperation{.path = std::move(path)});
      continue;
    }
    SetOperation set;
    set.path = std::move(path);
    if (edit.scope == Write::Scope::kSubtree) {
      set.value = *std::move(edit.value);
    } else if (edit.value.has_value()) {
      set.mode = WriteMode::kValue;
      set.value = *std::move(edit.value);
    } else {
      // Takes away the own value alone.
      set.mode = WriteMode::kMerge;
      set.value = Value::MakeMap(
          Value::Map().Set(std::string(kOwnValueKey), Value::Null()));
      set.removes_empty_map = true;
    }
    request.operations.push_back(std::move(set));
  }
  std::promise<absl::Status> done;
  Submit(std::move(request), [&](absl::StatusOr<CommitResult> result) {
    done.set_value(result.status());
  });
  return done.get_future().get();
}

absl::Status Sequencer::StopMounts() {
  absl::Status lost;
  for (MountSlot& slot : mounts_) {
    slot.mounted->backend().WatchEdits(nullptr);
    if (slot.mounted->applier() == nullptr) continue;
    absl::Status status =
        slot.mounted->applier()->Stop(Applier::Rest::kApply);
    if (status.ok() || !slot.mounted->durable()) continue;
    if (slot.mounted->custody() == Custody::kCached) {
      lost = Annotate(status, "not everything in a cache could be flushed: ");
    } else if (options_.commit_store == nullptr) {
      // Otherwise the journal has it.
      lost = Annotate(status, "not everything could be applied: ");
    }
  }
  if (options_.commit_store == nullptr || recovering_) return lost;
  CommitBatch clean;
  clean.last_committed = last_committed_;
  clean.reserved = reserved_;
  AddReleases(&clean);
  for (const MountSlot& slot : mounts_) {
    if (slot.mounted->applier() == nullptr ||
        !slot.mounted->applier()->Clean()) {
      continue;
    }
    if (slot.marked_dirty) {
      clean.records.push_back(
          {mount_records::DirtyKey(slot.mounted->at()), std::nullopt});
    }
    // What a directory holds that only people write to.
    if (!slot.marked_seen) AddSeen(*slot.mounted, &clean.records);
  }
  if (clean.records.empty() && clean.journal_releases.empty()) return lost;
  absl::Status status = options_.commit_store->Commit(clean);
  return lost.ok() ? status : lost;
}

}  // namespace restate
