#include "engine/backend/rocksdb/rocksdb_backend.h"

#include <utility>

#include "engine/backend/rocksdb/rocksdb_snapshot.h"

namespace restate {

absl::Status RocksDbCore::Open() {
  {
    MutexLock lock(&mutex_);
    instance_ = nullptr;
  }
  count_->WaitForNone();
  absl::StatusOr<std::shared_ptr<Instance>> opened =
      Instance::Open(options_, count_);
  MutexLock lock(&mutex_);
  if (!opened.ok()) {
    failure_ = opened.status();
    return failure_;
  }
  instance_ = *std::move(opened);
  failure_ = absl::OkStatus();
  last_committed_ = instance_->state().last_committed;
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<Instance>> RocksDbCore::instance() const {
  MutexLock lock(&mutex_);
  if (!failure_.ok()) return failure_;
  return instance_;
}

void RocksDbCore::Fail(absl::Status reason) {
  MutexLock lock(&mutex_);
  failure_ = std::move(reason);
}

Revision RocksDbCore::last_committed() const {
  MutexLock lock(&mutex_);
  return last_committed_;
}

void RocksDbCore::set_last_committed(Revision revision) {
  MutexLock lock(&mutex_);
  last_committed_ = revision;
}

absl::Status RocksDbBackend::Apply(absl::Span<const Write> writes,
                                   Revision revision) {
  return absl::InternalError(
      "the commit store writes this mount's tree; Apply must not be called");
}

absl::StatusOr<std::shared_ptr<const Snapshot>> RocksDbBackend::TakeSnapshot() {
  absl::StatusOr<std::shared_ptr<Instance>> instance = core_->instance();
  if (!instance.ok()) return std::move(instance).status();
  return std::make_shared<RocksDbSnapshot>(*std::move(instance), mount_, at_);
}

}  // namespace restate
