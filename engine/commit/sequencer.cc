#include "engine/commit/sequencer.h"

#include <time.h>

#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "engine/commit/sequencer_batch.h"
#include "engine/error/error.h"

namespace restate {
namespace {

absl::Duration ProcessorTimeOfThread() {
  timespec now = {};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return absl::DurationFromTimespec(now);
}

}  // namespace

Sequencer::Sequencer(SequencerOptions options)
    : options_(std::move(options)),
      leaf_cache_(options_.leaf_cache_bytes),
      derivation_engine_(options_.derivations, options_.clock),
      queue_(options_.queue, options_.clock),
      long_call_thread_(
          [this](QueuedCommit commit) { queue_.PutBack(std::move(commit)); }) {
}

absl::StatusOr<std::unique_ptr<Sequencer>> Sequencer::Start(
    SequencerOptions options) {
  std::unique_ptr<JobPool> own_jobs;
  if (options.jobs == nullptr) {
    absl::StatusOr<std::unique_ptr<JobPool>> started = JobPool::Start();
    if (!started.ok()) return started.status();
    own_jobs = *std::move(started);
    options.jobs = own_jobs.get();
  }
  std::unique_ptr<Sequencer> sequencer(new Sequencer(std::move(options)));
  sequencer->own_jobs_ = std::move(own_jobs);
  absl::Status status = sequencer->Initialize();
  if (!status.ok()) return status;
  status = sequencer->long_call_thread_.Start();
  if (!status.ok()) return status;
  std::optional<RecordChange> kept = sequencer->ProgressIsKept();
  if (!sequencer->unknown_.empty() || kept.has_value()) {
    // Before anything else.
    CommitRequest first;
    first.derivation = ComputeAgain{std::move(sequencer->unknown_), {}};
    first.origin = CommitOrigin::kDerivation;
    if (kept.has_value()) first.records.push_back(*std::move(kept));
    sequencer->Submit(std::move(first),
                      [](absl::StatusOr<CommitResult>) {});
  }
  status = sequencer->thread_.Start("restate-commit",
                                    [raw = sequencer.get()] { raw->Run(); });
  if (!status.ok()) return status;
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
      std::string store = WaitsFor(commit.request);
      read_ahead_->Add(std::move(commit), std::move(store));
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
  const bool taking_writes = health.ok();
  bool changed = false;
  {
    MutexLock lock(&health_mutex_);
    changed = taking_writes != health_.ok();
    health_ = std::move(health);
  }
  if (changed && options_.health_changed) {
    options_.health_changed(taking_writes);
  }
}

absl::Status Sequencer::Stop() {
  MutexLock lock(&stop_mutex_);
  if (stopped_) return stop_status_;
  stopped_ = true;
  queue_.Stop();
  // There is none if the start did not get that far.
  if (read_ahead_.has_value()) read_ahead_->Stop();
  thread_.Join();
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
    ComputePutOff();
    CommitQueue::Work work = queue_.Take(options_.batch);
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
  expired_in_batch_ = 0;
  const absl::Duration used = ProcessorTimeOfThread();
  RunBatch(std::move(commits));
  const absl::Duration elapsed = options_.clock->Monotonic() - began;
  counters_.batch_time.Record(elapsed);
  expiry_pace_.Took(expired_in_batch_, ProcessorTimeOfThread() - used);
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
    derivation_engine_.Published(derivations_);
    slices_wait_ = false;
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

}  // namespace restate
