#include "engine/mount/applier.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/crash/crash_point.h"
#include "engine/error/error.h"

namespace restate {
namespace {

// What a write takes while it waits, about.
size_t BytesOf(const Write& write) {
  constexpr size_t kFrame = 128;
  return kFrame + write.path.key().size() +
         (write.value.has_value() ? write.value->ByteSize() : 0);
}

std::string FirstProblem(const BackendHealth& health) {
  return health.problems.empty() ? "it cannot be reached"
                                 : health.problems.front();
}

}  // namespace

// Marks that something was read.
class Applier::NotingSnapshot final : public Snapshot {
 public:
  NotingSnapshot(std::shared_ptr<const Snapshot> snapshot,
                 std::shared_ptr<ReadMark> mark, std::shared_ptr<Job> job)
      : snapshot_(std::move(snapshot)),
        mark_(std::move(mark)),
        job_(std::move(job)) {}

  absl::StatusOr<NodeProbe> Probe(const Path& path) const override {
    Note();
    return snapshot_->Probe(path);
  }
  absl::StatusOr<ReadResult> Read(const Path& path,
                                  const ReadLimits& limits) const override {
    Note();
    return snapshot_->Read(path, limits);
  }
  std::unique_ptr<Cursor> NewCursor(const Path& within) const override {
    Note();
    return snapshot_->NewCursor(within);
  }

 private:
  void Note() const {
    if (!mark_->set.exchange(true)) job_->Wake();
  }

  const std::shared_ptr<const Snapshot> snapshot_;
  const std::shared_ptr<ReadMark> mark_;
  const std::shared_ptr<Job> job_;
};

Applier::Applier(ApplierOptions options)
    : options_(std::move(options)),
      random_(std::random_device()()),
      base_(options_.backend->TakeSnapshot()),
      job_(options_.jobs->Add([this] { return Step(); }, options_.job_group)) {
  if (options_.cache.has_value()) {
    schedule_.emplace(*options_.cache, options_.clock->Monotonic());
  }
  if (!options_.backend->keeps_snapshots()) {
    views_ = std::make_shared<ViewsInUse>([job = job_] { job->Wake(); });
  }
  job_->Wake();
}

Applier::~Applier() { Stop(Rest::kAbandon).IgnoreError(); }

absl::Status Applier::Unavailable(std::string_view why) const {
  return MakeError(Reason::kMountUnavailable,
                   absl::StrCat("the mount at ", options_.at.ToText(),
                                " takes no writes now: ", std::string(why),
                                "; try again later"),
                   {{"mount", options_.at.ToText()}});
}

absl::Status Applier::CanTake(size_t bytes) const {
  {
    MutexLock lock(&mutex_);
    if (!health_.ok()) return health_;
    if (pending_bytes_ > 0 &&
        pending_bytes_ + bytes > options_.max_pending_bytes) {
      return Unavailable(absl::StrCat("writes of ", pending_bytes_,
                                      " bytes wait for its store"));
    }
  }
  const BackendHealth health = options_.backend->Health();
  if (health.state != BackendHealth::State::kDown) return absl::OkStatus();
  return Unavailable(FirstProblem(health));
}

void Applier::Add(absl::Span<const Write> writes, Revision revision) {
  if (writes.empty()) return;
  const absl::Duration now = options_.clock->Monotonic();
  Garbage garbage;
  {
    MutexLock lock(&mutex_);
    if (pending_.empty()) pending_since_ = now;
    if (fresh_.empty()) fresh_since_ = now;
    for (const Write& write : writes) {
      pending_.Add(write);
      fresh_.Add(write);
      const size_t bytes = BytesOf(write);
      pending_bytes_ += bytes;
      fresh_bytes_ += bytes;
      if (schedule_.has_value()) {
        schedule_->Note(write.value.has_value()
                            ? FlushSchedule::Operation::kWrite
                            : FlushSchedule::Operation::kDelete,
                        now);
      }
    }
    if (schedule_.has_value() &&
        pending_bytes_ > options_.max_pending_bytes / 2) {
      schedule_->Demand();
    }
    added_ = revision;
    garbage.current = std::exchange(current_, nullptr);
  }
  job_->Wake();
}

Applier::SnapshotOr Applier::TakeSnapshot() {
  MutexLock lock(&mutex_);
  if (let_go_) return Unavailable("its store is being opened again");
  if (current_ != nullptr) return current_;
  if (!base_.ok()) return base_.status();
  std::shared_ptr<const Snapshot> snapshot =
      MakePendingSnapshot(*base_, pending_);
  if (views_ != nullptr) {
    snapshot = views_->Track(std::move(snapshot), added_);
  }
  if (options_.cache.has_value() && options_.cache->flush_on_read) {
    snapshot = std::make_shared<NotingSnapshot>(std::move(snapshot),
                                                read_mark_, job_);
  }
  current_ = std::move(snapshot);
  return current_;
}

void Applier::LetGo() {
  Garbage garbage;
  MutexLock lock(&mutex_);
  let_go_ = true;
  garbage.current = std::exchange(current_, nullptr);
  garbage.base = std::exchange(base_, absl::UnavailableError(""));
}

void Applier::TakeUp() {
  {
    MutexLock lock(&mutex_);
    let_go_ = false;
  }
  RefreshBase();
  job_->Wake();
}

void Applier::RefreshBase() {
  SnapshotOr base = options_.backend->TakeSnapshot();
  Garbage garbage;
  MutexLock lock(&mutex_);
  if (let_go_) {
    garbage.base = std::move(base);
    return;
  }
  if (base.ok()) {
    retry_delay_ = absl::ZeroDuration();
  } else {
    retry_delay_ = std::clamp(2 * retry_delay_, options_.first_retry,
                              options_.longest_retry);
  }
  garbage.current = std::exchange(current_, nullptr);
  garbage.base = std::exchange(base_, std::move(base));
}

Revision Applier::Applied() const {
  MutexLock lock(&mutex_);
  return pending_.empty() ? added_ : applied_;
}

bool Applier::Clean() const {
  MutexLock lock(&mutex_);
  return pending_.empty();
}

ApplierStatus Applier::Status() const {
  const absl::Duration now = options_.clock->Monotonic();
  ApplierStatus status;
  MutexLock lock(&mutex_);
  status.health = health_;
  if (status.health.ok() && !base_.ok() && !let_go_) {
    status.health = base_.status();
  }
  status.failed = failed_;
  status.pending_writes = pending_.entries().size();
  status.pending_bytes = pending_bytes_;
  status.applied_batches = applied_batches_;
  status.failed_attempts = failed_attempts_;
  status.applied_revision = applied_;
  if (!pending_.empty()) {
    status.oldest_pending_age =
        std::max(now - pending_since_, absl::ZeroDuration());
  }
  return status;
}

void Applier::Tick() {
  bool due = false;
  {
    MutexLock lock(&mutex_);
    due = schedule_.has_value() && !pending_.empty() &&
          schedule_->IsDue(options_.clock->Monotonic());
  }
  if (due) job_->Wake();
}

void Applier::Flush(absl::AnyInvocable<void(absl::Status)> done) {
  absl::Status status;
  {
    MutexLock lock(&mutex_);
    if (failed_) {
      status = health_;
    } else if (stopping_ && !pending_.empty()) {
      status = Unavailable("the server is stopping");
    } else if (!pending_.empty()) {
      flushers_.push_back({added_, std::move(done)});
      if (schedule_.has_value()) schedule_->Demand();
      job_->Wake();
      return;
    }
  }
  done(std::move(status));
}

absl::Duration Applier::Jittered(absl::Duration delay) {
  // Between half of it and all of it, so that many servers do not come back in
  // step.
  return delay * std::uniform_real_distribution<double>(0.5, 1)(random_);
}

absl::Duration Applier::Step() {
  bool apply = attempt_.has_value();
  bool refresh = false;
  {
    MutexLock lock(&mutex_);
    if (stopping_) return absl::InfiniteDuration();
    const absl::Duration now = options_.clock->Monotonic();
    if (schedule_.has_value() && read_mark_->set.exchange(false) &&
        !pending_.empty()) {
      schedule_->Note(FlushSchedule::Operation::kRead, now);
    }
    apply = apply || (!failed_ && !let_go_ && !pending_.empty() &&
                      (!schedule_.has_value() || schedule_->IsDue(now)));
    refresh = !apply && !let_go_ && !base_.ok();
  }
  if (apply) {
    if (!attempt_.has_value()) attempt_ = NewAttempt();
    const absl::Duration wait = AwaitViews(&*attempt_);
    if (wait > absl::ZeroDuration()) return wait;
    Apply(*std::exchange(attempt_, std::nullopt));
    return RetryDelay();
  }
  if (!refresh) return absl::InfiniteDuration();
  RefreshBase();
  bool changed = false;
  {
    MutexLock lock(&mutex_);
    changed = base_.ok();
  }
  if (changed && options_.on_change != nullptr) options_.on_change();
  return RetryDelay();
}

absl::Duration Applier::RetryDelay() {
  absl::Duration delay;
  {
    MutexLock lock(&mutex_);
    delay = retry_delay_;
  }
  return Jittered(delay);
}

Applier::Attempt Applier::NewAttempt() {
  Attempt attempt;
  MutexLock lock(&mutex_);
  attempt.writes = pending_.ToWrites();
  attempt.through = added_;
  fresh_ = PendingWrites();
  fresh_bytes_ = 0;
  return attempt;
}

absl::Duration Applier::AwaitViews(Attempt* attempt) {
  if (views_ == nullptr) return absl::ZeroDuration();
  if (views_->HasOlderThan(attempt->through)) {
    const absl::Duration now = options_.clock->Monotonic();
    attempt->views_end =
        std::min(attempt->views_end, now + options_.longest_view);
    if (attempt->views_end > now) return attempt->views_end - now;
  }
  views_->ExpireOlderThan(attempt->through);
  return absl::ZeroDuration();
}

void Applier::Apply(Attempt attempt) {
  const Revision through = attempt.through;
  const absl::Status status =
      options_.apply != nullptr
          ? options_.apply(std::move(attempt.writes), through)
          : options_.backend->Apply(attempt.writes, through);
  if (status.ok()) ReachCrashPoint(CrashPoint::kApplied);
  SnapshotOr base = status.ok() ? options_.backend->TakeSnapshot()
                                : SnapshotOr(status);
  Garbage garbage;
  std::vector<Flusher> finished;
  absl::Status told;
  {
    MutexLock lock(&mutex_);
    if (status.ok()) {
      Applied(through, std::move(base), &garbage);
    } else {
      Refused(status);
    }
    told = health_;
    auto rest = std::stable_partition(
        flushers_.begin(), flushers_.end(), [&](const Flusher& flusher) {
          return status.ok() && flusher.through > through;
        });
    finished.assign(std::make_move_iterator(rest),
                    std::make_move_iterator(flushers_.end()));
    flushers_.erase(rest, flushers_.end());
    // Whoever still waits asked after this attempt began.
    if (schedule_.has_value() && !flushers_.empty()) schedule_->Demand();
  }
  for (Flusher& flusher : finished) flusher.done(told);
  if (options_.on_change != nullptr) options_.on_change();
}

void Applier::Applied(Revision through, SnapshotOr base, Garbage* garbage) {
  pending_ = std::exchange(fresh_, PendingWrites());
  pending_bytes_ = std::exchange(fresh_bytes_, 0);
  pending_since_ = fresh_since_;
  applied_ = through;
  ++applied_batches_;
  health_ = absl::OkStatus();
  retry_delay_ = absl::ZeroDuration();
  if (schedule_.has_value()) {
    const absl::Duration now = options_.clock->Monotonic();
    schedule_->Flushed(now);
    // What came meanwhile has not asked the new schedule yet.
    if (!pending_.empty()) {
      schedule_->Note(FlushSchedule::Operation::kWrite, now);
      schedule_->Note(FlushSchedule::Operation::kDelete, now);
    }
  }
  garbage->current = std::exchange(current_, nullptr);
  if (let_go_) {
    garbage->base = std::move(base);
  } else {
    garbage->base = std::exchange(base_, std::move(base));
  }
}

void Applier::Refused(const absl::Status& status) {
  ++failed_attempts_;
  if (absl::IsUnavailable(status)) {
    health_ = Unavailable(std::string(status.message()));
    retry_delay_ = std::clamp(2 * retry_delay_, options_.first_retry,
                              options_.longest_retry);
    return;
  }
  failed_ = true;
  health_ = MakeError(
      Reason::kMountUnavailable,
      absl::StrCat("the store of the mount at ", options_.at.ToText(),
                   " refused commits up to revision ", added_,
                   " for good (", std::string(status.message()),
                   "): put the store right, then start the server again"),
      {{"mount", options_.at.ToText()}, {"revision", absl::StrCat(added_)}});
}

absl::Status Applier::Stop(Rest rest) {
  bool try_again = false;
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
  }
  if (std::exchange(stopped_, true)) return absl::OkStatus();
  job_->Stop();
  attempt_.reset();
  std::vector<Flusher> waiting;
  {
    MutexLock lock(&mutex_);
    try_again = rest == Rest::kApply && !failed_ && !pending_.empty();
  }
  if (try_again) {
    // Nobody reads any more.
    if (views_ != nullptr) {
      MutexLock lock(&mutex_);
      views_->ExpireOlderThan(added_);
    }
    Apply(NewAttempt());
  }
  absl::Status status;
  {
    MutexLock lock(&mutex_);
    waiting = std::exchange(flushers_, {});
    if (!pending_.empty()) {
      status = health_.ok() ? Unavailable("the server is stopping") : health_;
    }
  }
  for (Flusher& flusher : waiting) flusher.done(status);
  return status;
}

}  // namespace restate
