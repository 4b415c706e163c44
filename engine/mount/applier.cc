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
      DropStuck(write);
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

ApplierProgress Applier::Progress() const {
  ApplierProgress progress;
  MutexLock lock(&mutex_);
  progress.through = pending_.empty() ? added_ : applied_;
  for (const auto& [key, left] : stuck_) progress.left.push_back(left.write);
  progress.version = stuck_version_;
  return progress;
}

bool Applier::Clean() const {
  MutexLock lock(&mutex_);
  return pending_.empty();
}

bool Applier::OnlyStuckWaits() const {
  MutexLock lock(&mutex_);
  return health_.ok() && !stuck_.empty() &&
         stuck_.size() == pending_.entries().size();
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
  constexpr size_t kMostShown = 10;
  status.stuck_writes = stuck_.size();
  for (auto it = stuck_.begin();
       it != stuck_.end() && status.stuck.size() < kMostShown; ++it) {
    status.stuck.push_back(it->second);
  }
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
      stuck_retry_at_ = -absl::InfiniteDuration();
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

bool Applier::RetryIsDue(absl::Duration now) const {
  return !stuck_.empty() && stuck_retry_at_ <= now;
}

bool Applier::IsDue(absl::Duration now) {
  if (RetryIsDue(now)) return true;
  return pending_.entries().size() > stuck_.size() &&
         (!schedule_.has_value() || schedule_->IsDue(now));
}

std::vector<Write> Applier::TakeWrites(bool stuck_too) {
  std::vector<Write> writes = pending_.ToWrites();
  if (!stuck_too) {
    std::erase_if(writes, [this](const Write& write) {
      return stuck_.contains(write.path.key());
    });
  }
  return writes;
}

void Applier::DropStuck(const Write& later) {
  if (stuck_.empty()) return;
  const std::string& key = later.path.key();
  const size_t before = stuck_.size();
  if (later.scope == Write::Scope::kSubtree) {
    stuck_.erase(stuck_.lower_bound(key),
                 stuck_.lower_bound(later.path.SubtreeEnd()));
  } else {
    stuck_.erase(key);
  }
  if (stuck_.size() != before) ++stuck_version_;
}

void Applier::KeepStuck(std::vector<LeftWrite> left, bool stuck_tried) {
  if (stuck_tried) {
    if (!stuck_.empty()) ++stuck_version_;
    stuck_.clear();
  }
  if (!left.empty()) ++stuck_version_;
  for (LeftWrite& one : left) {
    std::string key = one.write.path.key();
    stuck_.insert_or_assign(std::move(key), std::move(one));
  }
  // What came meanwhile.
  for (const Write& write : fresh_.ToWrites()) DropStuck(write);
  if (stuck_.empty()) {
    stuck_delay_ = absl::ZeroDuration();
    return;
  }
  if (!stuck_tried && stuck_delay_ > absl::ZeroDuration()) return;
  stuck_delay_ = std::clamp(2 * stuck_delay_, options_.first_retry,
                            options_.longest_retry);
  stuck_retry_at_ = options_.clock->Monotonic() + Jittered(stuck_delay_);
}

absl::Status Applier::Trouble() const {
  if (!health_.ok() || stuck_.empty()) return health_;
  const LeftWrite& first = stuck_.begin()->second;
  return Unavailable(
      absl::StrCat(stuck_.size(), " writes are not in its store, such as one of ",
                   options_.at.Join(first.write.path).ToText(), " (",
                   std::string(first.why.message()), ")"));
}

absl::Duration Applier::Step() {
  bool apply = attempt_.has_value();
  bool refresh = false;
  absl::Duration until_retry = absl::InfiniteDuration();
  {
    MutexLock lock(&mutex_);
    if (stopping_) return absl::InfiniteDuration();
    const absl::Duration now = options_.clock->Monotonic();
    if (schedule_.has_value() && read_mark_->set.exchange(false) &&
        !pending_.empty()) {
      schedule_->Note(FlushSchedule::Operation::kRead, now);
    }
    const bool may_apply = !failed_ && !let_go_;
    apply = apply || (may_apply && IsDue(now));
    if (may_apply && !stuck_.empty()) until_retry = stuck_retry_at_ - now;
    refresh = !apply && !let_go_ && !base_.ok();
  }
  if (apply) {
    if (!attempt_.has_value()) attempt_ = NewAttempt();
    const absl::Duration wait = AwaitViews(&*attempt_);
    if (wait > absl::ZeroDuration()) return wait;
    Apply(*std::exchange(attempt_, std::nullopt));
    return RetryDelay();
  }
  if (!refresh) return until_retry;
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
  attempt.stuck_too = RetryIsDue(options_.clock->Monotonic()) || stopping_;
  attempt.writes = TakeWrites(attempt.stuck_too);
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
  std::vector<LeftWrite> left;
  const absl::Status status =
      options_.apply != nullptr
          ? options_.apply(std::move(attempt.writes), through, &left)
          : options_.backend->ApplyPossible(attempt.writes, through, &left);
  if (status.ok()) ReachCrashPoint(CrashPoint::kApplied);
  SnapshotOr base = status.ok() ? options_.backend->TakeSnapshot()
                                : SnapshotOr(status);
  Garbage garbage;
  std::vector<Flusher> finished;
  absl::Status told;
  {
    MutexLock lock(&mutex_);
    if (status.ok()) {
      Applied(through, std::move(left), attempt.stuck_too, std::move(base),
              &garbage);
    } else {
      Refused(status);
    }
    told = Trouble();
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

void Applier::Applied(Revision through, std::vector<LeftWrite> left,
                      bool stuck_tried, SnapshotOr base, Garbage* garbage) {
  if (!left.empty()) ++failed_attempts_;
  KeepStuck(std::move(left), stuck_tried);
  pending_ = PendingWrites();
  pending_bytes_ = fresh_bytes_;
  for (const auto& [key, one] : stuck_) {
    pending_.Add(one.write);
    pending_bytes_ += BytesOf(one.write);
  }
  for (const Write& write : fresh_.ToWrites()) pending_.Add(write);
  fresh_ = PendingWrites();
  fresh_bytes_ = 0;
  if (stuck_.empty()) pending_since_ = fresh_since_;
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
      status = Trouble();
      if (status.ok()) status = Unavailable("the server is stopping");
    }
  }
  for (Flusher& flusher : waiting) flusher.done(status);
  return status;
}

}  // namespace restate
