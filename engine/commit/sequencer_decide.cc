// Steps 3 to 7 of a sequencer's batch: it is made durable, brought to the mounts,
// shown, answered, and told.
#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "engine/commit/sequencer.h"
#include "engine/commit/sequencer_batch.h"
#include "engine/crash/crash_point.h"
#include "engine/tree/tree.h"

namespace restate {

absl::Status Sequencer::StoreAnswers(const Batch& batch) {
  if (!leases_->HasStaged() && !answered_->HasStaged() &&
      !records_->HasStaged()) {
    return absl::OkStatus();
  }
  if (options_.commit_store != nullptr) {
    CommitBatch decision;
    decision.last_committed = last_committed_;
    decision.reserved = reserved_;
    decision.leases = leases_->Staged();
    decision.requests = answered_->Staged();
    decision.records = records_->Staged();
    decision.durable = batch.has_durable_answer || batch.has_durable_records ||
                       LeasesAreDurable(decision.leases);
    AddReleases(&decision);
    absl::Status status = CommitToStore(decision);
    if (!status.ok()) return status;
    Released(decision.journal_releases);
  }
  leases_->PublishStaged();
  answered_->PublishStaged();
  records_->PublishStaged();
  return absl::OkStatus();
}

bool Sequencer::LeasesAreDurable(
    const std::vector<LeaseChange>& leases) const {
  return std::any_of(leases.begin(), leases.end(),
                     [this](const LeaseChange& change) {
                       return IsDurable(change.path);
                     });
}

absl::Status Sequencer::CanStore(const Write& write) const {
  const auto ask = [this](size_t mount, const Write& part) {
    return mounts_[mount].mounted->CanStore(part);
  };
  const size_t host = table_->Find(write.path);
  const Path& at = table_->point(host);
  absl::Status status;
  if (at.is_root()) {
    status = ask(host, write);
  } else {
    Write part = write;
    part.path = write.path.RelativeTo(at);
    status = ask(host, part);
  }
  if (!status.ok() || write.scope == Write::Scope::kOwnValue) return status;
  for (size_t mount : table_->MountsBelow(write.path)) {
    Write part = write;
    part.path = Path();
    part.value = tree::Get(write.value,
                           table_->point(mount).RelativeTo(write.path));
    status = ask(mount, part);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Sequencer::EnsureReserved(size_t revisions) {
  if (options_.commit_store == nullptr) return absl::OkStatus();
  const Revision needed = last_given_ + static_cast<Revision>(revisions);
  if (needed <= reserved_) return absl::OkStatus();
  CommitBatch reservation;
  reservation.last_committed = last_committed_;
  reservation.reserved = needed + options_.revision_block;
  absl::Status status = options_.commit_store->Commit(reservation);
  if (status.ok()) reserved_ = reservation.reserved;
  return status;
}

void Sequencer::Decide(Batch& batch) {
  batch.all_writes = batch.overlay->Writes();
  if (batch.recall.has_value()) {
    std::vector<const RememberedReads*> reads;
    for (const auto& one : batch.reads) reads.push_back(one.get());
    batch.recall->UseAll(std::move(reads));
  }
  absl::StatusOr<std::vector<std::vector<Write>>> split =
      table_->Split(batch.all_writes, batch.tree());
  if (!split.ok()) {
    // Nothing has been written. The revisions are spent, and published, so that
    // the marks of last changes do not lie in the future.
    leases_->DropStaged();
    answered_->DropStaged();
    records_->DropStaged();
    PublishState(last_given_);
    for (Batch::Answer& answer : batch.answers) answer.done(split.status());
    return;
  }
  batch.writes = *std::move(split);
  batch.group = std::make_shared<const std::vector<SequencedCommit>>(
      std::move(batch.sequenced));

  CommitBatch decision;
  decision.last_committed = last_given_;
  decision.reserved = reserved_;
  for (size_t i = 0; i < batch.writes.size(); ++i) {
    MountedBackend& mounted = *mounts_[i].mounted;
    if (mounted.custody() != Custody::kCommitStore || batch.writes[i].empty()) {
      continue;
    }
    mounted.Apply(batch.writes[i], last_given_);
    decision.mounts.push_back(
        MountWrites{*mounted.backend().commit_store_mount(),
                    std::move(batch.writes[i])});
    batch.writes[i].clear();
  }
  decision.history = history_->Prepare(*batch.group);
  if (options_.commit_store != nullptr) {
    decision.leases = leases_->Staged();
    decision.requests = answered_->Staged();
    decision.records = records_->Staged();
    // A ping is as durable as what it is about.
    decision.durable =
        !decision.mounts.empty() || batch.has_durable_answer ||
        batch.has_durable_records ||
        LeasesAreDurable(decision.leases) ||
        std::any_of(batch.group->begin(), batch.group->end(),
                    [this](const SequencedCommit& commit) {
                      return std::any_of(
                          commit.effects.begin(), commit.effects.end(),
                          [this](const Effect& effect) {
                            return IsDurable(effect.path);
                          });
                    });
    AddDerivedWrites(batch.derivations, last_given_, &decision);
    AddToJournal(batch, &decision);
    absl::Status status = CommitToStore(decision);
    if (!status.ok()) {
      Recover(status, batch);
      return;
    }
    last_committed_ = last_given_;
    Released(decision.journal_releases);
    if (!decision.journal.empty()) ReachCrashPoint(CrashPoint::kDecided);
  }
  ApplyToOtherMounts(batch);
  Publish(batch);
}

bool Sequencer::IsDurable(const Path& path) const {
  const Custody custody = mounts_[table_->Find(path)].mounted->custody();
  return custody == Custody::kCommitStore || custody == Custody::kApart;
}

void Sequencer::RememberLeaves(const Batch& batch) {
  if (options_.commit_store == nullptr) return;
  // What a mount that is down was to hold must be an error, not a value.
  if (!std::all_of(mounts_.begin(), mounts_.end(), [](const MountSlot& slot) {
        return slot.mounted->down().ok();
      })) {
    leaf_cache_.Clear();
    return;
  }
  for (const Write& write : batch.all_writes) leaf_cache_.Wrote(write);
}

void Sequencer::Publish(Batch& batch) {
  RememberLeaves(batch);
  leases_->PublishStaged();
  answered_->PublishStaged();
  records_->PublishStaged();
  counters_.CountPublished(*batch.group);
  history_->Append(batch.group);
  derivations_ = batch.derivations;
  derivation_engine_.Published(derivations_);
  slices_wait_ = false;
  PublishState(last_given_);
  for (Batch::Answer& answer : batch.answers) {
    answer.done(std::move(answer.result));
  }
  options_.listener->OnPublished(*batch.group);
  // If the store fails at this, the next batch finds out.
  history_->EnforceBounds().IgnoreError();
}

void Sequencer::PublishState(Revision revision) {
  history_->SetPublished(revision);
  publication_->Publish(StateOfAllMounts(revision));
}

}  // namespace restate
