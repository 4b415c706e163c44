#include "engine/commit/sequencer.h"

#include <algorithm>
#include <string>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "engine/commit/executor.h"
#include "engine/commit/exports.h"
#include "engine/commit/sequencer_batch.h"
#include "engine/crash/crash_point.h"
#include "engine/derivation/long_calls.h"
#include "engine/error/error.h"

namespace restate {
namespace {

// At most this many leases end in one commit, so that writers do not wait long
// behind it.
constexpr size_t kExpiredTogether = 1'000;
// How long a lease waits whose path cannot be deleted now.
constexpr absl::Duration kStuckLeaseDelay = absl::Seconds(5);

// The path that an operation is about.
const Path& PathOf(const Operation& operation) {
  return std::visit([](const auto& one) -> const Path& { return one.path; },
                    operation);
}

}  // namespace

Sequencer::Sequencer(SequencerOptions options)
    : options_(std::move(options)),
      leaf_cache_(options_.leaf_cache_bytes),
      derivation_engine_(options_.derivations),
      queue_(options_.max_queued_commits, options_.max_queued_bytes),
      long_call_thread_(
          [this](QueuedCommit commit) { queue_.PutBack(std::move(commit)); }) {}

absl::StatusOr<std::unique_ptr<Sequencer>> Sequencer::Start(
    SequencerOptions options) {
  std::unique_ptr<Sequencer> sequencer(new Sequencer(std::move(options)));
  absl::Status status = sequencer->Initialize();
  if (!status.ok()) return status;
  if (sequencer->recompute_) {
    // Before anything else.
    CommitRequest recompute;
    recompute.derivation = RecomputeDerivations();
    recompute.origin = CommitOrigin::kMount;
    sequencer->Submit(std::move(recompute),
                      [](absl::StatusOr<CommitResult>) {});
  }
  sequencer->thread_ =
      std::thread([raw = sequencer.get()] { raw->Run(); });
  for (const auto& mounted : sequencer->mounts()) {
    sequencer->WatchEdits(*mounted);
  }
  return sequencer;
}

Sequencer::~Sequencer() { Stop().IgnoreError(); }

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
  if (has_slow_.load(std::memory_order_acquire)) {
    const auto slow = SlowMounts();
    if (slow != nullptr && Touches(commit.request, *slow)) {
      read_ahead_->Add(std::move(commit));
      return;
    }
  }
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
  // There is none if the start did not get that far.
  if (read_ahead_.has_value()) read_ahead_->Stop();
  if (thread_.joinable()) thread_.join();
  thread_ended_ = true;
  stop_status_ = StopMounts();
  if (options_.commit_store != nullptr) {
    absl::Status status = options_.commit_store->Close(last_given_);
    if (stop_status_.ok()) stop_status_ = std::move(status);
  }
  return stop_status_;
}

void Sequencer::Run() {
  while (true) {
    CommitQueue::Work work = queue_.Take(options_.max_batch_commits);
    for (auto& task : work.tasks) task();
    // The last ones may be set aside.
    const bool last = work.finished && work.commits.empty();
    if (!work.commits.empty()) MeasureBatch(std::move(work.commits));
    if (work.apart.has_value()) RunApart(*std::move(work.apart));
    if (last) return;
  }
}

void Sequencer::MeasureBatch(std::vector<QueuedCommit> commits) {
  const absl::Duration began = options_.clock->Monotonic();
  counters_.batch_commits.Record(commits.size());
  RunBatch(std::move(commits));
  counters_.batch_time.Record(options_.clock->Monotonic() - began);
  counters_.last_changes_bytes.store(last_changes_->bytes(),
                                     std::memory_order_relaxed);
}

absl::Status Sequencer::CommitToStore(const CommitBatch& decision) {
  const absl::Duration began = options_.clock->Monotonic();
  absl::Status status = options_.commit_store->Commit(decision);
  if (decision.durable) {
    counters_.store_time.Record(options_.clock->Monotonic() - began);
  }
  return status;
}

void Sequencer::RunBatch(std::vector<QueuedCommit> commits) {
  const auto slow = SlowMounts();
  Batch batch = slow == nullptr
                    ? Batch(publication_->Newest(), &leaf_cache_)
                    : Batch(publication_->Newest(), &leaf_cache_, *slow,
                            &*last_changes_);
  if (absl::Status status = EnsureReserved(commits.size()); !status.ok()) {
    for (QueuedCommit& commit : commits) {
      batch.answers.push_back({std::move(commit.done), absl::OkStatus()});
    }
    Recover(status, batch);
    return;
  }
  ExecuteCommits(commits, batch);
  if (!batch.sequenced.empty()) {
    Decide(batch);
    return;
  }
  if (absl::Status status = StoreAnswers(batch); !status.ok()) {
    Recover(status, batch);
    return;
  }
  if (ChangesDerivations(batch)) {
    derivations_ = batch.derivations;
    PublishState(batch.state->revision());
  }
  for (Batch::Answer& answer : batch.answers) {
    answer.done(std::move(answer.result));
  }
}

bool Sequencer::ChangesDerivations(const Batch& batch) const {
  return !batch.derivations.derivations.SharesRootWith(
      derivations_.derivations);
}

absl::StatusOr<Execution> Sequencer::ExecuteCommit(CommitRequest& request,
                                                   Batch& batch,
                                                   Revision revision) {
  const auto can_store = [this](const Write& write) { return CanStore(write); };
  Overlay::Savepoint savepoint = batch.overlay->Save();
  const DerivationState derivations = batch.derivations;
  if (request.origin == CommitOrigin::kFile || request.expiry.has_value()) {
    // What is there is derived, whatever a file or a lease says.
    std::erase_if(request.operations, [&](const Operation& operation) {
      return derivations.values.OwnerOf(PathOf(operation)).has_value();
    });
  }
  const ExecutionContext context{&*batch.overlay, &derivations.values,
                                 &*last_changes_, can_store,
                                 revision,        options_.max_leaf_bytes,
                                 &lua_equalities_};
  absl::StatusOr<Execution> execution = Execute(request, context);
  if (execution.ok()) {
    absl::Status derived =
        Derive(*batch.state, *batch.overlay, context, &request,
               &batch.derivations, &*execution);
    if (!derived.ok()) execution = derived;
  }
  if (execution.ok() && batch.recall.has_value() && batch.recall->missed()) {
    execution = absl::UnavailableError("what it needs is read first");
  }
  if (!execution.ok()) {
    batch.overlay->Restore(std::move(savepoint));
    batch.derivations = derivations;
  }
  return execution;
}

void Sequencer::ExecuteCommits(std::vector<QueuedCommit>& commits,
                               Batch& batch) {
  batch.answers.reserve(commits.size());
  for (QueuedCommit& commit : commits) {
    if (FollowsOneAside(commit.request)) {
      SetAside(std::move(commit));
      continue;
    }
    if (std::optional<absl::StatusOr<CommitResult>> answer =
            AnswerOf(commit.request);
        answer.has_value()) {
      (answer->ok() ? counters_.replayed : counters_.refused).AddAlone();
      Answer(batch, commit, *std::move(answer));
      continue;
    }
    const Revision revision = last_given_ + 1;
    if (absl::Status status = Prepare(&commit.request); !status.ok()) {
      counters_.refused.AddAlone();
      batch.answers.push_back({std::move(commit.done), std::move(status)});
      continue;
    }
    if (batch.recall.has_value()) {
      batch.recall->Use(commit.request.read_ahead.get());
    }
    absl::StatusOr<Execution> execution =
        ExecuteCommit(commit.request, batch, revision);
    const std::vector<Path> cleared = batch.overlay->TakeClearedEmptyMaps();
    if (batch.recall.has_value() && batch.recall->missed()) {
      commit.request.long_calls = nullptr;
      read_ahead_->Add(std::move(commit));
      continue;
    }
    if (commit.request.long_calls != nullptr &&
        commit.request.long_calls->TakeGivenUp()) {
      SetAside(std::move(commit));
      continue;
    }
    if (!execution.ok()) {
      counters_.refused.AddAlone();
      batch.answers.push_back({std::move(commit.done), execution.status()});
      continue;
    }
    CommitResult result;
    result.changed = !execution->effects.empty();
    result.results = std::move(execution->results);
    if (!result.changed) counters_.unchanged.AddAlone();
    if (result.changed) {
      last_given_ = revision;
      RecordChanges(execution->effects, revision, &*last_changes_);
      for (const Path& path : cleared) {
        last_changes_->RecordOwnValue(path, revision);
      }
      batch.sequenced.push_back(SequencedCommit{
          revision, options_.clock->Now(),
          commit.request.expiry.has_value() ? CommitOrigin::kExpired
                                            : commit.request.origin,
          std::move(execution->effects), std::move(commit.request.run_id)});
    }
    result.revision = last_given_;
    if (commit.request.read_ahead != nullptr) {
      batch.reads.push_back(commit.request.read_ahead);
    }
    leases_->Stage(commit.request, result);
    if (commit.request.derivation.has_value()) {
      EndLeasesOfDestination(*commit.request.derivation);
    }
    records_->Stage(commit.request.records);
    if (commit.request.identity.has_value()) {
      answered_->Stage(*commit.request.identity, result);
      if (!result.changed) {
        batch.has_durable_answer |= IsAboutDurable(commit.request);
      }
    }
    Answer(batch, commit, std::move(result));
  }
  publication_->GiveOut(last_given_);
}

void Sequencer::Answer(Batch& batch, QueuedCommit& commit,
                       absl::StatusOr<CommitResult> result) {
  if (commit.request.relaxed && result.ok()) {
    publication_->GiveOut(last_given_);
    commit.done(std::move(result));
  } else {
    batch.answers.push_back({std::move(commit.done), std::move(result)});
  }
}

void Sequencer::EndLeasesOfDestination(const DerivationChange& change) {
  const auto* define = std::get_if<DefineDerivation>(&change);
  if (define == nullptr) return;
  CommitRequest end;
  end.operations.push_back(DeleteOperation{.path = define->definition.dest});
  leases_->Stage(end, CommitResult());
}

bool Sequencer::IsAboutDurable(const CommitRequest& request) const {
  if (request.operations.empty()) return true;
  return std::any_of(request.operations.begin(), request.operations.end(),
                     [this](const Operation& operation) {
                       return IsDurable(PathOf(operation));
                     });
}

std::optional<absl::StatusOr<CommitResult>> Sequencer::AnswerOf(
    const CommitRequest& request) const {
  if (!request.identity.has_value()) return std::nullopt;
  absl::StatusOr<std::optional<CommitResult>> found =
      answered_->Find(*request.identity);
  if (!found.ok()) return found.status();
  if (!found->has_value()) return std::nullopt;
  return **std::move(found);
}

absl::Status Sequencer::Prepare(CommitRequest* request) {
  if (request->expiry.has_value()) {
    PrepareExpiry(request);
    return absl::OkStatus();
  }
  if (request->origin == CommitOrigin::kFile) {
    std::erase_if(request->operations, [&](const Operation& operation) {
      return mounts_[table_->Find(PathOf(operation))].mounted->at() !=
             request->edited_mount;
    });
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
  if (request->may_write_exports) return absl::OkStatus();
  return CheckExports(options_.exports, request->operations);
}

void Sequencer::PrepareExpiry(CommitRequest* request) {
  const LeaseExpiry& expiry = *request->expiry;
  request->operations.clear();
  std::vector<Path> paths;
  switch (expiry.of) {
    case LeaseExpiry::Of::kAllSessions:
      paths = leases_->PathsOfSessions();
      break;
    case LeaseExpiry::Of::kSession:
      paths = leases_->PathsOf(expiry.session_id);
      break;
    case LeaseExpiry::Of::kOverdue: {
      // Those on a mount that is down must not keep the others.
      std::vector<Path> stuck;
      for (Path& path : leases_->Overdue(kExpiredTogether)) {
        if (CanStore(Write{.path = path}).ok()) {
          paths.push_back(std::move(path));
        } else {
          stuck.push_back(std::move(path));
        }
      }
      leases_->Postpone(stuck, kStuckLeaseDelay);
      break;
    }
  }
  for (Path& path : paths) {
    request->operations.push_back(DeleteOperation{.path = std::move(path)});
  }
}

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
    decision.durable = batch.has_durable_answer || records_->HasStaged() ||
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
        records_->HasStaged() ||
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

}  // namespace restate
