#include "engine/commit/sequencer.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/backend/epoch.h"
#include "engine/commit/executor.h"
#include "engine/error/error.h"

namespace restate {
namespace {

// How long the sequencer waits between attempts to open a store again.
constexpr absl::Duration kFirstReopenDelay = absl::Milliseconds(50);
constexpr absl::Duration kLongestReopenDelay = absl::Seconds(5);

// How much history a commit store keeps unless told otherwise.
constexpr size_t kStoredHistoryBytes = size_t{4} << 30;

HistoryBounds BoundsOf(const SequencerOptions& options) {
  if (options.history.has_value()) return *options.history;
  HistoryBounds bounds;
  if (options.commit_store != nullptr) bounds.bytes = kStoredHistoryBytes;
  return bounds;
}

absl::Status OutcomeUnknown(const absl::Status& cause) {
  return MakeError(
      Reason::kOutcomeUnknown,
      absl::StrCat("storage failed while the commit was made durable, and it "
                   "may or may not have happened: read to find out, then "
                   "retry (",
                   cause.message(), ")"));
}

}  // namespace

// A batch on its way. Lets go of everything that holds the store's snapshots
// before the store is opened again.
struct Sequencer::Batch {
  struct Answer {
    CommitCallback done;
    absl::StatusOr<CommitResult> result;
  };

  Batch(std::shared_ptr<const PublishedState> published,
        const LeafCache* leaves)
      : state(std::move(published)),
        overlay(std::in_place, &state->tree(), leaves) {}

  // The state before the batch.
  std::shared_ptr<const PublishedState> state;
  // None once the batch has failed.
  std::optional<Overlay> overlay;
  // In order; those of relaxed commits have gone out already.
  std::vector<Answer> answers;
  // Those that have a revision. Shared with the history once it is complete.
  std::vector<SequencedCommit> sequenced;
  CommitGroup group;
  // All of the changes; filled when the batch is split.
  std::vector<Write> all_writes;
  // The same by mount.
  std::vector<std::vector<Write>> writes;
};

Sequencer::Sequencer(SequencerOptions options)
    : options_(std::move(options)),
      leaf_cache_(options_.leaf_cache_bytes),
      queue_(options_.max_queued_commits, options_.max_queued_bytes) {}

absl::StatusOr<std::unique_ptr<Sequencer>> Sequencer::Start(
    SequencerOptions options) {
  std::unique_ptr<Sequencer> sequencer(new Sequencer(std::move(options)));
  absl::Status status = sequencer->Initialize();
  if (!status.ok()) return status;
  sequencer->thread_ =
      std::thread([raw = sequencer.get()] { raw->Run(); });
  return sequencer;
}

Sequencer::~Sequencer() { Stop().IgnoreError(); }

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
  leases_.emplace(options_.commit_store == nullptr
                      ? std::vector<Lease>()
                      : options_.commit_store->state().leases);
  bool resets_volatile_mounts = false;
  if (options_.commit_store == nullptr) {
    epoch_ = NewEpoch();
  } else {
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
  reset.durable = false;
  absl::Status status = options_.commit_store->Commit(reset);
  if (!status.ok()) return status;
  last_committed_ = last_given_;
  history_->Append(group);
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

absl::Status Sequencer::CheckEpoch(const std::string& epoch) const {
  if (epoch.empty() || epoch == epoch_) return absl::OkStatus();
  return MakeError(
      Reason::kEpochChanged,
      absl::StrCat("the request is for epoch ", epoch,
                   ", and the server is in epoch ", epoch_,
                   ": read again, earlier revisions mean nothing here"),
      {{"epoch", epoch_}});
}

void Sequencer::Submit(CommitRequest request, CommitCallback done) {
  if (absl::Status status = CheckEpoch(request.epoch); !status.ok()) {
    done(status);
    return;
  }
  QueuedCommit commit{std::move(request), std::move(done)};
  if (absl::Status status = queue_.Push(commit); !status.ok()) {
    commit.done(status);
  }
}

absl::Status Sequencer::AtBoundary(absl::AnyInvocable<void()> task) {
  return queue_.PushTask(task);
}

absl::Status Sequencer::Health() const {
  MutexLock lock(&health_mutex_);
  return health_;
}

void Sequencer::SetHealth(absl::Status health) {
  MutexLock lock(&health_mutex_);
  health_ = std::move(health);
}

absl::Status Sequencer::Stop() {
  MutexLock lock(&stop_mutex_);
  if (stopped_) return stop_status_;
  stopped_ = true;
  queue_.Stop();
  if (thread_.joinable()) thread_.join();
  if (options_.commit_store != nullptr) {
    stop_status_ = options_.commit_store->Close(last_given_);
  }
  return stop_status_;
}

void Sequencer::Run() {
  while (true) {
    CommitQueue::Work work = queue_.Take(options_.max_batch_commits);
    for (auto& task : work.tasks) task();
    if (!work.commits.empty()) RunBatch(std::move(work.commits));
    if (work.finished) return;
  }
}

void Sequencer::RunBatch(std::vector<QueuedCommit> commits) {
  Batch batch(publication_->Newest(), &leaf_cache_);
  if (absl::Status status = EnsureReserved(commits.size()); !status.ok()) {
    for (QueuedCommit& commit : commits) {
      batch.answers.push_back({std::move(commit.done), absl::OkStatus()});
    }
    Recover(batch);
    return;
  }
  ExecuteCommits(commits, batch);
  if (!batch.sequenced.empty()) {
    Decide(batch);
    return;
  }
  if (absl::Status status = StoreLeases(); !status.ok()) {
    Recover(batch);
    return;
  }
  for (Batch::Answer& answer : batch.answers) {
    answer.done(std::move(answer.result));
  }
}

void Sequencer::ExecuteCommits(std::vector<QueuedCommit>& commits,
                               Batch& batch) {
  const auto can_store = [this](const Write& write) { return CanStore(write); };
  batch.answers.reserve(commits.size());
  for (QueuedCommit& commit : commits) {
    const Revision revision = last_given_ + 1;
    if (absl::Status status = Prepare(&commit.request); !status.ok()) {
      batch.answers.push_back({std::move(commit.done), std::move(status)});
      continue;
    }
    Overlay::Savepoint savepoint = batch.overlay->Save();
    absl::StatusOr<Execution> execution = Execute(
        commit.request,
        ExecutionContext{&*batch.overlay, &*last_changes_, can_store, revision,
                         options_.max_leaf_bytes});
    const std::vector<Path> cleared = batch.overlay->TakeClearedEmptyMaps();
    if (!execution.ok()) {
      batch.overlay->Restore(std::move(savepoint));
      batch.answers.push_back({std::move(commit.done), execution.status()});
      continue;
    }
    CommitResult result;
    result.changed = !execution->effects.empty();
    result.results = std::move(execution->results);
    if (result.changed) {
      last_given_ = revision;
      RecordChanges(execution->effects, revision, &*last_changes_);
      for (const Path& path : cleared) {
        last_changes_->RecordOwnValue(path, revision);
      }
      batch.sequenced.push_back(SequencedCommit{
          revision, options_.clock->Now(),
          commit.request.expiry.has_value() ? CommitOrigin::kExpired
                                            : CommitOrigin::kClient,
          std::move(execution->effects)});
    }
    result.revision = last_given_;
    leases_->Stage(commit.request, result);
    if (commit.request.relaxed) {
      publication_->GiveOut(last_given_);
      commit.done(std::move(result));
    } else {
      batch.answers.push_back({std::move(commit.done), std::move(result)});
    }
  }
  publication_->GiveOut(last_given_);
}

absl::Status Sequencer::Prepare(CommitRequest* request) const {
  if (request->expiry.has_value()) {
    for (const Path& path : leases_->PathsOf(request->expiry->session_id)) {
      request->operations.push_back(DeleteOperation{.path = path});
    }
    return absl::OkStatus();
  }
  for (const Operation& operation : request->operations) {
    const auto* set = std::get_if<SetOperation>(&operation);
    if (set == nullptr || set->session_id.empty()) continue;
    absl::Status status =
        options_.check_session != nullptr
            ? options_.check_session(set->session_id)
            : MakeError(Reason::kSessionLost, "there are no sessions");
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Sequencer::StoreLeases() {
  if (!leases_->HasStaged()) return absl::OkStatus();
  if (options_.commit_store != nullptr) {
    CommitBatch batch;
    batch.last_committed = last_committed_;
    batch.reserved = reserved_;
    batch.leases = leases_->Staged();
    batch.durable = std::any_of(batch.leases.begin(), batch.leases.end(),
                                [this](const LeaseChange& change) {
                                  return IsInCommitStore(change.path);
                                });
    absl::Status status = options_.commit_store->Commit(batch);
    if (!status.ok()) return status;
  }
  leases_->PublishStaged();
  return absl::OkStatus();
}

absl::Status Sequencer::CanStore(const Write& write) const {
  const auto ask = [this](size_t mount, const Write& part) -> absl::Status {
    if (!mount_health_[mount].ok()) return mount_health_[mount];
    return options_.mounts[mount].backend->CanStore(part);
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
  absl::StatusOr<std::vector<std::vector<Write>>> split =
      table_->Split(batch.all_writes, batch.state->tree());
  if (!split.ok()) {
    // Nothing has been written. The revisions are spent, and published, so that
    // the marks of last changes do not lie in the future.
    leases_->DropStaged();
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
    std::optional<uint32_t> id = options_.mounts[i].backend->commit_store_mount();
    if (!id.has_value() || batch.writes[i].empty()) continue;
    decision.mounts.push_back(MountWrites{*id, std::move(batch.writes[i])});
  }
  decision.history = history_->Prepare(*batch.group);
  decision.leases = leases_->Staged();
  if (options_.commit_store != nullptr) {
    // A ping is as durable as what it is about.
    decision.durable =
        !decision.mounts.empty() ||
        std::any_of(batch.group->begin(), batch.group->end(),
                    [this](const SequencedCommit& commit) {
                      return std::any_of(
                          commit.effects.begin(), commit.effects.end(),
                          [this](const Effect& effect) {
                            return IsInCommitStore(effect.path);
                          });
                    });
    absl::Status status = options_.commit_store->Commit(decision);
    if (!status.ok()) {
      Recover(batch);
      return;
    }
    last_committed_ = last_given_;
  }
  ApplyToOtherMounts(batch);
  Publish(batch);
}

bool Sequencer::IsInCommitStore(const Path& path) const {
  return options_.mounts[table_->Find(path)]
      .backend->commit_store_mount()
      .has_value();
}

void Sequencer::ApplyToOtherMounts(Batch& batch) {
  for (size_t i = 0; i < batch.writes.size(); ++i) {
    Backend& backend = *options_.mounts[i].backend;
    if (backend.commit_store_mount().has_value() || batch.writes[i].empty()) {
      continue;
    }
    absl::Status status = backend.Apply(batch.writes[i], last_given_);
    if (status.ok()) continue;
    // The batch is decided; this mount cannot follow it and shows nothing until
    // a restart.
    mount_health_[i] = MakeError(
        Reason::kMountUnavailable,
        absl::StrCat("the mount at ", options_.mounts[i].at.ToText(),
                     " refused a commit that was decided (", status.message(),
                     "): restart the server"),
        {{"mount", options_.mounts[i].at.ToText()}});
    SetHealth(mount_health_[i]);
  }
}

void Sequencer::RememberLeaves(const Batch& batch) {
  if (options_.commit_store == nullptr) return;
  // What a mount that is down was to hold must be an error, not a value.
  if (!std::all_of(mount_health_.begin(), mount_health_.end(),
                   [](const absl::Status& health) { return health.ok(); })) {
    leaf_cache_.Clear();
    return;
  }
  for (const Write& write : batch.all_writes) leaf_cache_.Wrote(write);
}

void Sequencer::Publish(Batch& batch) {
  RememberLeaves(batch);
  leases_->PublishStaged();
  history_->Append(batch.group);
  PublishState(last_given_);
  for (Batch::Answer& answer : batch.answers) {
    answer.done(std::move(answer.result));
  }
  options_.listener->OnPublished(*batch.group);
  // If the store fails at this, the next batch finds out.
  history_->EnforceBounds(options_.clock->Now()).IgnoreError();
}

void Sequencer::PublishState(Revision revision) {
  history_->SetPublished(revision);
  publication_->Publish(StateOfAllMounts(revision));
}

void Sequencer::Recover(Batch& batch) {
  const absl::Status failure = MakeError(
      Reason::kMountUnavailable,
      "the store failed and is being opened again: try again shortly");
  SetHealth(failure);
  const absl::Status unknown = OutcomeUnknown(failure);
  for (Batch::Answer& answer : batch.answers) answer.done(unknown);
  publication_->FailWaiters(unknown);
  leaf_cache_.Clear();

  // Readers go on with what needs no store; nobody keeps the store's snapshots.
  const Revision published = batch.state->revision();
  const std::vector<absl::Status> healthy = mount_health_;
  for (size_t i = 0; i < options_.mounts.size(); ++i) {
    if (options_.mounts[i].backend->commit_store_mount().has_value()) {
      mount_health_[i] = failure;
    }
  }
  batch.overlay.reset();
  batch.state.reset();
  PublishState(published);

  absl::Duration delay = kFirstReopenDelay;
  while (!options_.commit_store->Reopen().ok()) {
    CommitQueue::Work refused = queue_.TakeAllWithin(delay);
    for (auto& task : refused.tasks) task();
    for (QueuedCommit& commit : refused.commits) commit.done(failure);
    // The store stays closed; what was answered is safe in it.
    if (refused.finished) return;
    delay = std::min(2 * delay, kLongestReopenDelay);
  }
  mount_health_ = healthy;
  const CommitStoreState& found = options_.commit_store->state();
  reserved_ = found.reserved;
  SetHealth(absl::OkStatus());
  last_committed_ = found.last_committed;
  leases_->Reload(found.leases);
  const bool survived =
      batch.group != nullptr &&
      found.last_committed >= batch.group->back().revision;
  // If it fails the store does, and the next batch finds out.
  history_->StoreReopened(found.last_committed).IgnoreError();
  if (!survived) {
    PublishState(last_given_);
    return;
  }
  ApplyToOtherMounts(batch);
  batch.answers.clear();
  Publish(batch);
}

}  // namespace restate
