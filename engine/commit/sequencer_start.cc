// How a sequencer takes its place in the order where the store left off.
#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/backend/epoch.h"
#include "engine/commit/mount_records.h"
#include "engine/commit/sequencer.h"
#include "engine/error/absl_view.h"

namespace restate {
namespace {

// How much history a commit store keeps unless told otherwise.
constexpr size_t kStoredHistoryBytes = size_t{4} << 30;

HistoryBounds BoundsOf(const SequencerOptions& options) {
  if (options.history.has_value()) return *options.history;
  HistoryBounds bounds;
  if (options.commit_store != nullptr) bounds.bytes = kStoredHistoryBytes;
  return bounds;
}

}  // namespace

absl::Status Sequencer::Initialize() {
  std::vector<Path> points;
  for (const Mount& mount : options_.mounts) points.push_back(mount.at);
  if (absl::Status status = MountTable::Check(points); !status.ok()) {
    return status;
  }

  absl::StatusOr<std::shared_ptr<CommitHistory>> history =
      CommitHistory::Open(BoundsOf(options_), options_.commit_store.get(),
                          options_.clock);
  if (!history.ok()) return history.status();
  history_ = *std::move(history);
  leases_.emplace(options_.clock, options_.commit_store == nullptr
                                      ? std::vector<Lease>()
                                      : options_.commit_store->state().leases);
  answered_.emplace(options_.requests, options_.clock);
  records_.emplace(options_.commit_store == nullptr
                       ? RecordTable::Records()
                       : options_.commit_store->state().records);
  if (options_.commit_store == nullptr) {
    epoch_ = NewEpoch();
  } else {
    if (absl::Status status = answered_->Reload(*options_.commit_store);
        !status.ok()) {
      return status;
    }
    const CommitStoreState& past = options_.commit_store->state();
    epoch_ = past.epoch;
    last_given_ = past.reserved;
    last_committed_ = past.last_committed;
    reserved_ = past.reserved;
    if (absl::Status status = EnsureReserved(options_.batch.commits);
        !status.ok()) {
      return status;
    }
  }
  read_ahead_.emplace(
      [this](CommitRequest* request) {
        const auto slow = SlowMounts();
        if (slow == nullptr) return absl::OkStatus();
        return ReadAheadOf(*publication_->Newest(), *slow,
                           options_.max_leaf_bytes, request);
      },
      [this](QueuedCommit commit) {
        absl::Status status = queue_.Push(commit);
        if (!status.ok()) commit.done(std::move(status));
      });
  if (absl::Status status = OpenMounts(); !status.ok()) return status;
  const std::vector<Path> changed = ChangedPlaces();
  // No precondition or resumption reaches across what was changed.
  if (!changed.empty()) ++last_given_;
  last_changes_.emplace(options_.last_changes_bytes, last_given_);
  if (absl::Status status = LoadDerivations(); !status.ok()) return status;
  std::shared_ptr<const PublishedState> first = StateOfAllMounts(last_given_);
  for (size_t i = 0; i < mounts_.size(); ++i) {
    // One that is kept apart may come later.
    const absl::Status& status = first->mounts()[i].snapshot.status();
    if (!status.ok() && mounts_[i].mounted->applier() == nullptr) {
      return status;
    }
  }
  if (absl::Status status = CommitReset(changed, *first); !status.ok()) {
    return status;
  }
  history_->SetPublished(last_given_);
  if (!derivations_.empty()) first = StateOfAllMounts(last_given_);
  publication_.emplace(std::move(first));
  return absl::OkStatus();
}

absl::Status Sequencer::LoadDerivations() {
  if (options_.commit_store == nullptr) return absl::OkStatus();
  Tree values;
  if (options_.derived_store != nullptr) {
    absl::StatusOr<std::shared_ptr<const Snapshot>> snapshot =
        options_.derived_store->TakeSnapshot();
    if (!snapshot.ok()) return snapshot.status();
    absl::StatusOr<ReadResult> read = (*snapshot)->Read(Path(), ReadLimits());
    if (!read.ok()) return read.status();
    values = std::move(read->tree);
  }
  absl::StatusOr<DerivationEngine::Loaded> loaded = derivation_engine_.Load(
      options_.commit_store->state().records, values,
      // Without a store of its own no value is known.
      options_.derived_store == nullptr ? std::string() : epoch_);
  if (!loaded.ok()) return loaded.status();
  derivations_ = std::move(loaded->state);
  unknown_ = std::move(loaded->unknown);
  return absl::OkStatus();
}

absl::Status Sequencer::OpenMounts() {
  for (const auto& [key, number] :
       records_->WithPrefix(mount_records::kJournalPrefix)) {
    next_journal_ = std::max<uint32_t>(
        next_journal_, mount_records::DecodeNumber(number).value_or(0) + 1);
  }
  for (Mount& mount : options_.mounts) {
    const Revision applied = mount.backend->applied_revision();
    MountSlot slot = NewSlot(std::move(mount));
    MountedBackend& mounted = *slot.mounted;
    slot.applied_at_open = applied;
    if (mounted.custody() == Custody::kCached) {
      slot.marked_dirty =
          records_->Find(mount_records::DirtyKey(mounted.at())).has_value();
    }
    if (mounted.custody() == Custody::kApart) {
      const std::optional<std::string> known =
          records_->Find(mount_records::JournalKey(mounted.at()));
      slot.journal =
          known.has_value()
              ? mount_records::DecodeNumber(*known).value_or(next_journal_++)
              : next_journal_++;
      if (options_.commit_store != nullptr) {
        std::vector<Write> journal;
        absl::Status status = options_.commit_store->ReadJournal(
            slot.journal,
            [&journal](Write write) { journal.push_back(std::move(write)); });
        if (!status.ok()) return status;
        // At once: a store that is told of a revision takes it for all of it.
        // What it has left of earlier commits is no step back.
        if (!journal.empty()) {
          mounted.Apply(journal, std::max(journal.back().revision,
                                          AppliedBefore(mounted.at())));
        }
      }
    }
    mounts_.push_back(std::move(slot));
  }
  options_.mounts.clear();
  UseMounts();
  return absl::OkStatus();
}

Revision Sequencer::AppliedBefore(const Path& at) const {
  return mount_records::DecodeNumber(
             records_->Find(mount_records::AppliedKey(at)).value_or("0"))
      .value_or(0);
}

bool Sequencer::HasNewEdits(const MountedBackend& mounted) const {
  if (!mounted.backend().edited_while_closed()) return false;
  const std::string mark = mounted.backend().content_mark();
  return mark.empty() ||
         records_->Find(mount_records::SeenKey(mounted.at())) != mark;
}

std::vector<Path> Sequencer::ChangedPlaces() const {
  if (options_.commit_store == nullptr ||
      !options_.commit_store->state().existed) {
    return {};
  }
  RecordTable::Records before =
      records_->WithPrefix(mount_records::kMountedPrefix);
  const bool known = !before.empty();
  std::vector<Path> places;
  for (const MountSlot& slot : mounts_) {
    MountedBackend& mounted = *slot.mounted;
    const auto then = before.find(mount_records::MountedKey(mounted.at()));
    const std::string as_empty =
        absl::StrCat(mounted.identity(), AbslView(mount_records::kEmptyMark));
    const bool was_empty = then != before.end() && then->second == as_empty;
    const bool same = then != before.end()
                          ? was_empty || then->second == mounted.identity()
                          : !known;
    if (then != before.end()) before.erase(then);
    // Another one has taken its place, or an older state of it, and the journal
    // has forgotten what it lacks. Of a store that was not reached yet nothing
    // is known.
    const Revision had = AppliedBefore(mounted.at());
    const bool behind = mounted.custody() == Custody::kApart &&
                        !mounted.backend().slow() && slot.applied_at_open < had;
    // In doubt it has held something.
    const bool lost = !mounted.durable() && !was_empty;
    if (!same || lost || slot.marked_dirty || behind || HasNewEdits(mounted)) {
      places.push_back(mounted.at());
    }
  }
  // What is not mounted any more.
  for (const auto& [key, identity] : before) {
    places.push_back(
        Path::FromKey(key.substr(mount_records::kMountedPrefix.size())));
  }
  std::sort(places.begin(), places.end());
  return places;
}

absl::Status Sequencer::CommitReset(const std::vector<Path>& places,
                                    const PublishedState& first) {
  if (options_.commit_store == nullptr) return absl::OkStatus();
  CommitBatch reset;
  RecordTable::Records before =
      records_->WithPrefix(mount_records::kMountedPrefix);
  for (MountSlot& slot : mounts_) {
    MountedBackend& mounted = *slot.mounted;
    const std::string key = mount_records::MountedKey(mounted.at());
    const auto then = before.find(key);
    std::string record = MountedRecord(&slot);
    if (then == before.end() || then->second != record) {
      reset.records.push_back({key, std::move(record)});
    }
    if (then != before.end()) before.erase(then);
    if (mounted.custody() == Custody::kApart) {
      const std::string number = mount_records::EncodeNumber(slot.journal);
      const std::string journal = mount_records::JournalKey(mounted.at());
      if (records_->Find(journal) != number) {
        reset.records.push_back({journal, number});
      }
    }
    if (slot.marked_dirty) {
      reset.records.push_back(
          {mount_records::DirtyKey(mounted.at()), std::nullopt});
      slot.marked_dirty = false;
    }
    const size_t others = reset.records.size();
    AddSeen(mounted, &reset.records);
    slot.marked_seen =
        reset.records.size() > others ||
        records_->Find(mount_records::SeenKey(mounted.at())).has_value();
  }
  for (const auto& [key, identity] : before) {
    reset.records.push_back({key, std::nullopt});
  }
  // Nothing is unknown when this is decided.
  std::optional<RecordChange> kept = ProgressIsKept();
  if (kept.has_value() && (!places.empty() || unknown_.empty())) {
    reset.records.push_back(*std::move(kept));
  }
  if (places.empty() && reset.records.empty()) return absl::OkStatus();

  CommitGroup group;
  if (!places.empty()) {
    SequencedCommit commit = MountCommit(places, last_given_);
    if (!derivations_.empty()) {
      // What is derived from what was reset follows in the same commit.
      DerivationState derivations;
      absl::Status status =
          FollowMounts(first, ComputeAgain{std::move(unknown_), {}}, &commit,
                       &derivations, &reset.records);
      if (!status.ok()) return status;
      AddDerivedWrites(derivations, last_given_, &reset);
      derivations_ = std::move(derivations);
      unknown_.clear();
    }
    ShowWhatIsMounted(
        PublishedState(last_given_, first.mounts(), derivations_), &commit);
    group = std::make_shared<const std::vector<SequencedCommit>>(
        1, std::move(commit));
    reset.history = history_->Prepare(*group);
    last_committed_ = last_given_;
  }
  reset.last_committed = last_committed_;
  reset.reserved = reserved_;
  // What is gone has no lease any more.
  for (const Path& path : leases_->Paths()) {
    if (!mounts_[table_->Find(path)].mounted->durable()) leases_->End(path);
  }
  reset.leases = leases_->Staged();
  reset.durable = !reset.records.empty();
  absl::Status status = options_.commit_store->Commit(reset);
  if (!status.ok()) return status;
  records_->Stage(reset.records);
  records_->PublishStaged();
  if (group != nullptr) history_->Append(group);
  leases_->PublishStaged();
  return absl::OkStatus();
}

}  // namespace restate
