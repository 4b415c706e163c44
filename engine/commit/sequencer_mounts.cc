// What a sequencer does about its mounts: those whose writes are applied later,
// and those that come and go.
#include <algorithm>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/backend/memory/memory_backend.h"
#include "engine/commit/mount_records.h"
#include "engine/commit/overlay_reader.h"
#include "engine/commit/sequencer.h"
#include "engine/commit/sequencer_batch.h"
#include "engine/error/error.h"

namespace restate {
namespace {

absl::Status Reopening() {
  return MakeError(
      Reason::kMountUnavailable,
      "the store failed and is being opened again: try again shortly");
}

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
  std::unique_ptr<Cursor> NewCursor() const override {
    return snapshot_->NewCursor();
  }

 private:
  // Let go of last.
  const std::shared_ptr<MountedBackend> mounted_;
  const std::shared_ptr<const Snapshot> snapshot_;
};

// Reads the changes of an overlay, whatever they are by then, over another tree.
class RebasedReader final : public ClientReader {
 public:
  RebasedReader(const Overlay* changes, const Snapshot* base)
      : changes_(changes), overlay_(base) {}
  absl::StatusOr<NodeProbe> Probe(const Path& path) override {
    overlay_.Restore(changes_->Save());
    return overlay_.Probe(path);
  }
  absl::StatusOr<ReadResult> Read(const Path& path,
                                  const ReadLimits& limits) override {
    overlay_.Restore(changes_->Save());
    return overlay_.Read(path, limits);
  }

 private:
  const Overlay* const changes_;
  Overlay overlay_;
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
  options.on_change = [this] { MountChanged(); };
  options.flush = [this](Backend& backend, std::vector<Write> writes,
                         Revision revision) {
    return Flush(backend, std::move(writes), revision);
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

void Sequencer::AddToJournal(const Batch& batch, CommitBatch* decision) const {
  for (size_t i = 0; i < batch.writes.size(); ++i) {
    if (batch.writes[i].empty()) continue;
    const MountSlot& slot = mounts_[i];
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
    const Revision applied = slot.mounted->applier()->Applied();
    if (applied <= slot.released) continue;
    decision->journal_releases.push_back({slot.journal, applied});
    decision->records.push_back({mount_records::AppliedKey(slot.mounted->at()),
                                 mount_records::EncodeNumber(applied)});
  }
}

void Sequencer::Released(const std::vector<JournalRelease>& releases) {
  for (const JournalRelease& release : releases) {
    for (MountSlot& slot : mounts_) {
      if (slot.mounted->custody() == Custody::kApart &&
          slot.journal == release.mount) {
        slot.released = release.through;
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
                              Revision revision) {
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
  return backend.Apply(writes, revision);
}

absl::Status Sequencer::CommitFlush(std::optional<uint32_t> mount,
                                    std::vector<Write> writes) {
  if (recovering_) return Reopening();
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
  return Reopening();
}

SequencedCommit Sequencer::MountCommit(const std::vector<Path>& places,
                                       const PublishedState& after) const {
  SequencedCommit commit;
  commit.revision = after.revision();
  commit.commit_time = options_.clock->Now();
  commit.origin = CommitOrigin::kMount;
  for (const Path& place : places) {
    absl::StatusOr<NodeProbe> now = after.clients_tree().Probe(place);
    Effect effect;
    effect.index = static_cast<int32_t>(commit.effects.size());
    effect.path = place;
    // A mount that cannot be read may have anything.
    effect.after_incomplete = !now.ok() || now->exists() || place.is_root();
    effect.kind = effect.after_incomplete ? Effect::Kind::kSet
                                          : Effect::Kind::kDelete;
    effect.complete = false;
    effect.below_unknown = true;
    commit.effects.push_back(std::move(effect));
  }
  return commit;
}

Sequencer::LocalTree Sequencer::LocalTreeOf(
    const PublishedState& state) const {
  LocalTree local;
  std::vector<MountedSnapshot> mounts = state.mounts();
  for (const MountSlot& slot : mounts_) {
    if (!slot.mounted->backend().slow()) continue;
    local.remote.push_back(slot.mounted->at());
    for (MountedSnapshot& mount : mounts) {
      if (mount.at == local.remote.back()) {
        mount.snapshot = MakeTreeSnapshot(std::nullopt);
      }
    }
  }
  if (!local.remote.empty()) {
    local.tree = std::make_unique<const HybridSnapshot>(std::move(mounts));
  }
  return local;
}

absl::Status Sequencer::Derive(const PublishedState& state, Overlay& overlay,
                               const ExecutionContext& context,
                               CommitRequest* request,
                               DerivationState* derivations,
                               Execution* execution) {
  if (derivations->empty() && !request->derivation.has_value()) {
    return absl::OkStatus();
  }
  const LocalTree local = LocalTreeOf(state);
  OverlayReader all(&overlay);
  if (local.tree == nullptr) {
    LocalReader sources(&all, {});
    return derivation_engine_.Apply(request, context, sources, derivations,
                                    execution);
  }
  RebasedReader here(&overlay, local.tree.get());
  LocalReader sources(&here, local.remote);
  return derivation_engine_.Apply(request, context, sources, derivations,
                                  execution);
}

absl::Status Sequencer::FollowMounts(
    const PublishedState& after, std::optional<DerivationChange> change,
    SequencedCommit* commit, DerivationState* derivations) {
  Overlay overlay(&after.clients_tree());
  const auto can_store = [this](const Write& write) { return CanStore(write); };
  const ExecutionContext context{&overlay,         &derivations_.values,
                                 &*last_changes_,  can_store,
                                 commit->revision, options_.max_leaf_bytes};
  CommitRequest request;
  request.origin = CommitOrigin::kMount;
  request.derivation = std::move(change);
  Execution execution;
  execution.next_index = static_cast<int32_t>(commit->effects.size());
  execution.effects = std::move(commit->effects);
  *derivations = derivations_;
  absl::Status status =
      Derive(after, overlay, context, &request, derivations, &execution);
  commit->effects = std::move(execution.effects);
  return status;
}

void Sequencer::AddDerivedWrites(const DerivationState& after,
                                 Revision revision, CommitBatch* decision) {
  if (options_.derived_store == nullptr) return;
  std::vector<Write> writes =
      DerivationEngine::WritesBetween(derivations_, after, revision);
  if (writes.empty()) return;
  decision->mounts.push_back(MountWrites{
      *options_.derived_store->commit_store_mount(), std::move(writes)});
}

CommitGroup Sequencer::StageMountChange(
    const Path& at, std::vector<RecordChange> records,
    DerivationState* derivations, CommitBatch* decision) {
  const Revision revision = last_given_ + 1;
  // What is hidden now, or gone, does not expire.
  for (const Path& path : leases_->Paths()) {
    if (at.Contains(path)) leases_->End(path);
  }
  records_->Stage(records);
  const std::shared_ptr<const PublishedState> after =
      StateOfAllMounts(revision);
  SequencedCommit commit = MountCommit({at}, *after);
  // Nothing refuses a mount: what cannot be derived is an error there.
  FollowMounts(*after, std::nullopt, &commit, derivations).IgnoreError();
  AddDerivedWrites(*derivations, revision, decision);
  CommitGroup group = std::make_shared<const std::vector<SequencedCommit>>(
      1, std::move(commit));
  last_given_ = revision;
  publication_->GiveOut(revision);
  decision->last_committed = revision;
  decision->reserved = reserved_;
  decision->history = history_->Prepare(*group);
  decision->leases = leases_->Staged();
  decision->records = records_->Staged();
  return group;
}

void Sequencer::ShowMountChange(const CommitGroup& group,
                                const DerivationState& derivations) {
  derivations_ = derivations;
  leaf_cache_.Clear();
  leases_->PublishStaged();
  records_->PublishStaged();
  RecordChanges(group->front().effects, group->front().revision,
                &*last_changes_);
  history_->Append(group);
  PublishState(group->front().revision);
  options_.listener->OnPublished(*group);
}

absl::StatusOr<Revision> Sequencer::ChangeMounts(
    const Path& at, std::vector<MountSlot> mounts,
    std::vector<RecordChange> records, std::vector<JournalRelease> releases) {
  Batch nothing(publication_->Newest(), &leaf_cache_);
  if (absl::Status status = EnsureReserved(1); !status.ok()) {
    Recover(status, nothing);
    return Reopening();
  }
  mounts_.swap(mounts);
  UseMounts();
  CommitBatch decision;
  DerivationState derivations;
  const CommitGroup group =
      StageMountChange(at, std::move(records), &derivations, &decision);
  const Revision revision = group->front().revision;
  decision.journal_releases = std::move(releases);
  absl::Status decided;
  if (options_.commit_store != nullptr) {
    decided = options_.commit_store->Commit(decision);
  }
  if (!decided.ok()) {
    mounts_.swap(mounts);
    UseMounts();
    Recover(decided, nothing);
    if (last_committed_ < revision) {
      return MakeError(Reason::kOutcomeUnknown,
                       "storage failed while the mounts were changed: see what "
                       "is mounted, then try again");
    }
    // It has survived.
    mounts_.swap(mounts);
    UseMounts();
  }
  last_committed_ = revision;
  ShowMountChange(group, derivations);
  return revision;
}

void Sequencer::AddMount(Mount mount, MountCallback done) {
  auto shared = std::make_shared<MountCallback>(std::move(done));
  absl::AnyInvocable<void()> task = [this, shared,
                                     mount = std::move(mount)]() mutable {
    (*shared)(AddMountNow(std::move(mount)));
  };
  if (absl::Status status = queue_.PushTask(task); !status.ok()) {
    (*shared)(std::move(status));
  }
}

void Sequencer::RemoveMount(const Path& at, MountCallback done) {
  auto shared = std::make_shared<MountCallback>(std::move(done));
  absl::AnyInvocable<void()> task = [this, shared, at] {
    (*shared)(RemoveMountNow(at));
  };
  if (absl::Status status = queue_.PushTask(task); !status.ok()) {
    (*shared)(std::move(status));
  }
}

absl::StatusOr<Revision> Sequencer::AddMountNow(Mount mount) {
  if (recovering_) return Reopening();
  const Path at = mount.at;
  for (const MountSlot& slot : mounts_) {
    if (slot.mounted->at() != at) continue;
    return MakeError(Reason::kMountExists,
                     absl::StrCat("a ", slot.mounted->kind(),
                                  " backend is mounted at ", at.ToText(),
                                  ": unmount it first"),
                     {{"mount", at.ToText()}});
  }
  std::vector<RecordChange> records;
  MountSlot slot = NewSlot(std::move(mount));
  const std::shared_ptr<MountedBackend> mounted = slot.mounted;
  if (mounted->custody() == Custody::kApart) {
    slot.journal = next_journal_++;
    records.push_back({mount_records::JournalKey(at),
                       mount_records::EncodeNumber(slot.journal)});
  }
  records.push_back({mount_records::MountedKey(at), mounted->identity()});
  if (!mounted->definition().empty()) {
    records.push_back(
        {mount_records::DefinitionKey(at), mounted->definition()});
  }
  std::vector<MountSlot> mounts = mounts_;
  mounts.push_back(std::move(slot));
  absl::StatusOr<Revision> revision =
      ChangeMounts(at, std::move(mounts), std::move(records), {});
  if (revision.ok()) WatchEdits(*mounted);
  return revision;
}

absl::StatusOr<Revision> Sequencer::RemoveMountNow(const Path& at) {
  if (recovering_) return Reopening();
  const auto found =
      std::find_if(mounts_.begin(), mounts_.end(), [&](const MountSlot& slot) {
        return slot.mounted->at() == at;
      });
  if (found == mounts_.end()) {
    return MakeError(
        Reason::kMountNotFound,
        absl::StrCat("nothing is mounted at ", at.ToText()),
        {{"mount", at.ToText()}});
  }
  const std::shared_ptr<MountedBackend> mounted = found->mounted;
  if (mounted->definition().empty()) {
    return MakeError(
        Reason::kConfiguredMount,
        absl::StrCat("the mount at ", at.ToText(),
                     " comes from the configuration: take it out there, and "
                     "start the server again"),
        {{"mount", at.ToText()}});
  }
  if (mounted->applier() != nullptr && !mounted->applier()->Clean()) {
    return MakeError(
        Reason::kMountUnavailable,
        absl::StrCat("writes to the mount at ", at.ToText(),
                     " are not in its backend yet: flush it first"),
        {{"mount", at.ToText()}});
  }
  std::vector<RecordChange> records = {
      {mount_records::DefinitionKey(at), std::nullopt},
      {mount_records::MountedKey(at), std::nullopt},
      {mount_records::AppliedKey(at), std::nullopt},
      {mount_records::DirtyKey(at), std::nullopt}};
  std::vector<JournalRelease> releases;
  if (mounted->custody() == Custody::kApart) {
    records.push_back({mount_records::JournalKey(at), std::nullopt});
    releases.push_back({found->journal, last_given_});
  }
  std::vector<MountSlot> mounts = mounts_;
  mounts.erase(mounts.begin() + (found - mounts_.begin()));
  return ChangeMounts(at, std::move(mounts), std::move(records),
                      std::move(releases));
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
    if (slot.marked_dirty && slot.mounted->applier()->Clean()) {
      clean.records.push_back(
          {mount_records::DirtyKey(slot.mounted->at()), std::nullopt});
    }
  }
  if (clean.records.empty() && clean.journal_releases.empty()) return lost;
  absl::Status status = options_.commit_store->Commit(clean);
  return lost.ok() ? status : lost;
}

}  // namespace restate
