// How a sequencer takes its place in the order where the store left off.
#include <algorithm>
#include <string>
#include <utility>

#include "engine/backend/epoch.h"
#include "engine/commit/sequencer.h"

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
  table_.emplace(std::move(points));
  mount_health_.assign(options_.mounts.size(), absl::OkStatus());

  absl::StatusOr<std::shared_ptr<CommitHistory>> history =
      CommitHistory::Open(BoundsOf(options_), options_.commit_store.get());
  if (!history.ok()) return history.status();
  history_ = *std::move(history);
  leases_.emplace(options_.clock, options_.commit_store == nullptr
                                      ? std::vector<Lease>()
                                      : options_.commit_store->state().leases);
  answered_.emplace(options_.requests, options_.clock);
  records_.emplace(options_.commit_store == nullptr
                       ? RecordTable::Records()
                       : options_.commit_store->state().records);
  bool resets_volatile_mounts = false;
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
    if (absl::Status status = EnsureReserved(options_.max_batch_commits);
        !status.ok()) {
      return status;
    }
    resets_volatile_mounts =
        past.existed &&
        std::any_of(options_.mounts.begin(), options_.mounts.end(),
                    [](const Mount& mount) { return !mount.backend->durable(); });
    // What volatile mounts held is gone: that is a commit, and no precondition
    // or resumption reaches across it.
    if (resets_volatile_mounts) ++last_given_;
  }
  last_changes_.emplace(options_.last_changes_bytes, last_given_);
  std::shared_ptr<const PublishedState> first = StateOfAllMounts(last_given_);
  for (const MountedSnapshot& mount : first->mounts()) {
    if (!mount.snapshot.ok()) return mount.snapshot.status();
  }
  if (resets_volatile_mounts) {
    if (absl::Status status = CommitReset(*first); !status.ok()) return status;
  }
  history_->SetPublished(last_given_);
  publication_.emplace(std::move(first));
  return absl::OkStatus();
}

absl::Status Sequencer::CommitReset(const PublishedState& first) {
  SequencedCommit commit;
  commit.revision = last_given_;
  commit.commit_time = options_.clock->Now();
  commit.origin = CommitOrigin::kMount;
  std::vector<Path> places;
  for (const Mount& mount : options_.mounts) {
    if (!mount.backend->durable()) places.push_back(mount.at);
  }
  std::sort(places.begin(), places.end());
  for (const Path& place : places) {
    // Durable mounts below it are still there.
    absl::StatusOr<NodeProbe> now = first.tree().Probe(place);
    if (!now.ok()) return now.status();
    Effect effect;
    effect.index = static_cast<int32_t>(commit.effects.size());
    effect.path = place;
    effect.after_incomplete = now->exists() || place.is_root();
    effect.kind = effect.after_incomplete ? Effect::Kind::kSet
                                          : Effect::Kind::kDelete;
    effect.complete = false;
    effect.below_unknown = true;
    commit.effects.push_back(std::move(effect));
  }
  const auto group =
      std::make_shared<const std::vector<SequencedCommit>>(1, commit);
  CommitBatch reset;
  reset.last_committed = last_given_;
  reset.reserved = reserved_;
  reset.history = history_->Prepare(*group);
  // What is gone has no lease any more.
  for (const Path& path : leases_->Paths()) {
    if (!options_.mounts[table_->Find(path)].backend->durable()) {
      leases_->End(path);
    }
  }
  reset.leases = leases_->Staged();
  reset.durable = false;
  absl::Status status = options_.commit_store->Commit(reset);
  if (!status.ok()) return status;
  last_committed_ = last_given_;
  history_->Append(group);
  leases_->PublishStaged();
  return absl::OkStatus();
}

std::shared_ptr<const PublishedState> Sequencer::StateOfAllMounts(
    Revision revision) {
  std::vector<MountedSnapshot> mounts;
  for (size_t i = 0; i < options_.mounts.size(); ++i) {
    const Mount& mount = options_.mounts[i];
    absl::StatusOr<std::shared_ptr<const Snapshot>> snapshot =
        mount_health_[i].ok() ? mount.backend->TakeSnapshot()
                              : mount_health_[i];
    mounts.push_back(MountedSnapshot{mount.at, std::move(snapshot),
                                     std::string(mount.backend->kind())});
  }
  return std::make_shared<const PublishedState>(revision, std::move(mounts));
}

}  // namespace restate
