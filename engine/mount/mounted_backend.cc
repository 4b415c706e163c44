#include "engine/mount/mounted_backend.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/error/error.h"

namespace restate {
namespace {

MountedBackend::Custody CustodyOf(const Backend& backend, bool cached) {
  if (cached) return MountedBackend::Custody::kCached;
  if (backend.commit_store_mount().has_value()) {
    return MountedBackend::Custody::kCommitStore;
  }
  return backend.durable() ? MountedBackend::Custody::kApart
                           : MountedBackend::Custody::kVolatile;
}

}  // namespace

MountedBackend::MountedBackend(Mount mount, Options options)
    : at_(mount.at),
      backend_(std::move(mount.backend)),
      cache_(mount.cache),
      definition_(std::move(mount.definition)),
      custody_(CustodyOf(*backend_, cache_.has_value())),
      kind_(absl::StrCat(cache_.has_value() ? "caching " : "",
                         std::string(backend_->kind()))),
      identity_(mount.identity.empty() ? kind_ : std::move(mount.identity)),
      depends_on_(std::move(mount.depends_on)) {
  if (custody_ != Custody::kApart && custody_ != Custody::kCached) return;
  ApplierOptions applier;
  applier.at = at_;
  applier.backend = backend_.get();
  applier.clock = options.clock;
  applier.jobs = options.jobs;
  applier.job_group = depends_on_;
  applier.cache = cache_;
  applier.on_change = std::move(options.on_change);
  if (custody_ == Custody::kCached && options.flush != nullptr) {
    applier.apply = [backend = backend_.get(),
                     flush = std::move(options.flush)](
                        std::vector<Write> writes, Revision revision,
                        std::vector<LeftWrite>* left) {
      return flush(*backend, std::move(writes), revision, left);
    };
  }
  applier_ = std::make_unique<Applier>(std::move(applier));
}

absl::Status MountedBackend::CanStore(const Write& write) const {
  if (absl::Status why = down(); !why.ok()) return why;
  if (leaving_) {
    return MakeError(
        Reason::kMountUnavailable,
        absl::StrCat("the mount at ", at_.ToText(), " is being unmounted"),
        {{"mount", at_.ToText()}});
  }
  absl::Status status = backend_->CanStore(write);
  if (!status.ok() || applier_ == nullptr) return status;
  return applier_->CanTake(
      write.value.has_value() ? write.value->ByteSize() : 0);
}

void MountedBackend::Apply(absl::Span<const Write> writes, Revision revision) {
  writes_.fetch_add(writes.size(), std::memory_order_relaxed);
  if (custody_ == Custody::kCommitStore) return;
  if (applier_ != nullptr) {
    applier_->Add(writes, revision);
    return;
  }
  absl::Status status = backend_->Apply(writes, revision);
  if (status.ok()) return;
  // The commits are decided; this mount cannot follow them and shows nothing
  // until a restart.
  SetDown(MakeError(
      Reason::kMountUnavailable,
      absl::StrCat("the mount at ", at_.ToText(),
                   " refused a commit that was decided (",
                   std::string(status.message()), "): restart the server"),
      {{"mount", at_.ToText()}}));
}

absl::StatusOr<std::shared_ptr<const Snapshot>> MountedBackend::TakeSnapshot() {
  if (absl::Status why = down(); !why.ok()) return why;
  return applier_ != nullptr ? applier_->TakeSnapshot()
                             : backend_->TakeSnapshot();
}

void MountedBackend::SetDown(absl::Status why) {
  MutexLock lock(&mutex_);
  down_ = std::move(why);
}

absl::Status MountedBackend::down() const {
  MutexLock lock(&mutex_);
  return down_;
}

void MountedBackend::LetGoOfStore(const absl::Status& why) {
  if (!backend_->commit_store_mount().has_value()) return;
  SetDown(why);
  if (applier_ != nullptr) applier_->LetGo();
}

void MountedBackend::TakeUpStore() {
  if (!backend_->commit_store_mount().has_value()) return;
  SetDown(absl::OkStatus());
  if (applier_ != nullptr) applier_->TakeUp();
}

void MountedBackend::AddStuck(const ApplierStatus& applier,
                              BackendHealth* health) const {
  if (applier.stuck_writes == 0) return;
  if (health->state == BackendHealth::State::kUp) {
    health->state = BackendHealth::State::kDegraded;
  }
  for (const LeftWrite& left : applier.stuck) {
    health->problems.push_back(absl::StrCat(
        "the write of ", at_.Join(left.write.path).ToText(), " by revision ",
        left.write.revision, " is not in the store yet: ",
        std::string(left.why.message()),
        "; readers see it, and it can be written again or deleted"));
  }
  if (applier.stuck_writes > applier.stuck.size()) {
    health->problems.push_back(
        absl::StrCat("and ", applier.stuck_writes - applier.stuck.size(),
                     " more writes like these"));
  }
}

MountStatus MountedBackend::Status() const {
  MountStatus status;
  status.at = at_;
  status.kind = std::string(backend_->kind());
  status.cache = cache_;
  status.definition = definition_;
  status.durable = backend_->durable();
  status.health = backend_->Health();
  status.size = backend_->Size();
  status.writes = writes_.load(std::memory_order_relaxed);
  absl::Status why = down();
  if (applier_ != nullptr) {
    status.applier = applier_->Status();
    AddStuck(*status.applier, &status.health);
    if (why.ok()) why = status.applier->health;
  }
  if (!why.ok()) {
    status.health.state = BackendHealth::State::kDown;
    status.health.problems.insert(status.health.problems.begin(),
                                  std::string(why.message()));
  }
  return status;
}

void MountedBackend::Flush(absl::AnyInvocable<void(absl::Status)> done) {
  if (applier_ != nullptr) {
    applier_->Flush(std::move(done));
  } else {
    done(absl::OkStatus());
  }
}

}  // namespace restate
