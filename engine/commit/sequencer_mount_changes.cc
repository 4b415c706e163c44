// How mounts come and go while a sequencer runs: each time in a commit.
#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/commit/commit_view.h"
#include "engine/commit/effect_limiter.h"
#include "engine/commit/mount_records.h"
#include "engine/commit/sequencer.h"
#include "engine/commit/sequencer_batch.h"
#include "engine/error/error.h"
#include "engine/tree/tree.h"

namespace restate {

SequencedCommit Sequencer::MountCommit(const std::vector<Path>& places,
                                       Revision revision) const {
  SequencedCommit commit;
  commit.revision = revision;
  commit.commit_time = options_.clock->Now();
  commit.origin = CommitOrigin::kMount;
  for (const Path& place : places) {
    Effect effect;
    effect.index = static_cast<int32_t>(commit.effects.size());
    effect.path = place;
    effect.complete = false;
    effect.after_incomplete = true;
    effect.below_unknown = true;
    commit.effects.push_back(std::move(effect));
  }
  return commit;
}

Tree Sequencer::ReadMountPlace(const Path& place, const PublishedState& after,
                               bool* incomplete) const {
  *incomplete = false;
  const DerivedValues& derived = after.derivations().values;
  if (const std::optional<Path> owner = derived.OwnerOf(place)) {
    return tree::Get(derived.Find(*owner)->value, place.RelativeTo(*owner));
  }
  // What takes long to read is not waited for: it may have anything, as one that
  // cannot be read.
  if (IsSlow(place)) {
    *incomplete = true;
    return std::nullopt;
  }
  // As much as the history keeps, else as much as an event carries.
  ReadLimits history;
  history.max_bytes = kMaxSideBytes;
  history.max_own_values = kMaxChangedLeaves;
  ReadLimits event;
  event.max_bytes = kMaxCarriedBytes;
  for (const ReadLimits& limits : {history, event}) {
    absl::StatusOr<ReadResult> read = after.clients_tree().Read(place, limits);
    if (!read.ok()) break;
    if (!read->over_limit) return std::move(read->tree);
  }
  *incomplete = true;
  return std::nullopt;
}

void Sequencer::ShowWhatIsMounted(const PublishedState& after,
                                  SequencedCommit* commit) const {
  EffectLimiter limiter;
  for (Effect& effect : commit->effects) {
    if (effect.derived) continue;
    effect.after =
        ReadMountPlace(effect.path, after, &effect.after_incomplete);
    const bool is_gone = !effect.after_incomplete &&
                         !effect.after.has_value() && !effect.path.is_root();
    effect.kind = is_gone ? Effect::Kind::kDelete : Effect::Kind::kSet;
    limiter.LimitMount(&effect);
  }
  KeepWhatIsBelow(after.derivations().values, commit);
}

CommitGroup Sequencer::StageMountChange(
    const Path& at, std::vector<RecordChange> records,
    DerivationState* derivations, CommitBatch* decision) {
  const Revision revision = last_given_ + 1;
  // What is hidden now, or gone, does not expire.
  for (const Path& path : leases_->Paths()) {
    if (at.Contains(path)) leases_->End(path);
  }
  const std::shared_ptr<const PublishedState> after =
      StateOfAllMounts(revision);
  SequencedCommit commit = MountCommit({at}, revision);
  // Nothing refuses a mount: what cannot be derived is an error there.
  FollowMounts(*after, std::nullopt, &commit, derivations, &records)
      .IgnoreError();
  records_->Stage(records);
  ShowWhatIsMounted(
      PublishedState(revision, after->mounts(), *derivations), &commit);
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
  counters_.CountPublished(*group);
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
    return StoreReopening();
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

void Sequencer::RemoveMount(const Path& at, MountCallback done,
                            Unapplied unapplied) {
  auto shared = std::make_shared<MountCallback>(std::move(done));
  absl::AnyInvocable<void()> task = [this, shared, at, unapplied] {
    (*shared)(RemoveMountNow(at, unapplied));
  };
  if (absl::Status status = queue_.PushTask(task); !status.ok()) {
    (*shared)(std::move(status));
  }
}

absl::StatusOr<Revision> Sequencer::AddMountNow(Mount mount) {
  if (recovering_) return StoreReopening();
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
  records.push_back({mount_records::MountedKey(at), MountedRecord(&slot)});
  const size_t before = records.size();
  AddSeen(*mounted, &records);
  slot.marked_seen = records.size() > before;
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

absl::StatusOr<Revision> Sequencer::RemoveMountNow(const Path& at,
                                                   Unapplied unapplied) {
  if (recovering_) return StoreReopening();
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
  if (unapplied == Unapplied::kRefuse && mounted->applier() != nullptr &&
      !mounted->applier()->Clean() && !mounted->applier()->OnlyStuckWaits()) {
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
      {mount_records::DirtyKey(at), std::nullopt},
      {mount_records::SeenKey(at), std::nullopt}};
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

}  // namespace restate
