#include "engine/backend/rocksdb/rocksdb_backend.h"

#include <limits>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "engine/backend/rocksdb/disk_format.h"
#include "engine/backend/rocksdb/rocksdb_snapshot.h"
#include "engine/error/error.h"

namespace restate {
namespace {

// How long an attempt to open the store again waits for readers of the old
// instance: long enough for any call, short enough to notice a shutdown. A
// stream that pins a state for longer fails the attempt, not the process.
constexpr absl::Duration kReadersLetGoWithin = absl::Seconds(5);

}  // namespace

absl::Status RocksDbCore::Open() {
  {
    MutexLock lock(&mutex_);
    instance_ = nullptr;
  }
  if (!count_->WaitForNone(kReadersLetGoWithin)) {
    const absl::Status busy = MakeError(
        Reason::kMountUnavailable,
        absl::StrCat("the store in ", options_.directory,
                     " cannot be opened again yet: readers still hold it"));
    MutexLock lock(&mutex_);
    failure_ = busy;
    return busy;
  }
  absl::StatusOr<std::shared_ptr<Instance>> opened =
      Instance::Open(options_, count_);
  MutexLock lock(&mutex_);
  if (!opened.ok()) {
    failure_ = opened.status();
    return failure_;
  }
  instance_ = *std::move(opened);
  failure_ = absl::OkStatus();
  closed_ = false;
  last_committed_ = instance_->state().last_committed;
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<Instance>> RocksDbCore::instance() const {
  MutexLock lock(&mutex_);
  if (!failure_.ok()) return failure_;
  return instance_;
}

absl::StatusOr<std::shared_ptr<Instance>> RocksDbCore::instance_to_read()
    const {
  MutexLock lock(&mutex_);
  if (closed_ || instance_ == nullptr) return failure_;
  return instance_;
}

void RocksDbCore::Close(absl::Status reason) {
  MutexLock lock(&mutex_);
  failure_ = std::move(reason);
  closed_ = true;
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

BackendSize RocksDbBackend::Size() const {
  absl::StatusOr<std::shared_ptr<Instance>> instance = core_->instance();
  if (!instance.ok()) return {};
  ::rocksdb::DB& db = (*instance)->db();
  const auto bytes_in = [&](const std::string& begin, const std::string& end) {
    const ::rocksdb::Range range(begin, end);
    ::rocksdb::SizeApproximationOptions options;
    options.include_memtables = true;
    uint64_t bytes = 0;
    db.GetApproximateSizes(options, (*instance)->tree(), &range, 1, &bytes)
        .PermitUncheckedError();
    return bytes;
  };
  BackendSize size;
  size.bytes = bytes_in(disk_format::TreeKey(mount_, ""),
                        disk_format::TreeEnd(mount_));
  // Of all mounts: this one has its share of them.
  uint64_t keys = 0;
  const uint64_t all = bytes_in(
      "", disk_format::TreeKey(std::numeric_limits<uint32_t>::max(), ""));
  if (all > 0 && db.GetIntProperty((*instance)->tree(),
                                   ::rocksdb::DB::Properties::kEstimateNumKeys,
                                   &keys)) {
    size.own_values = static_cast<uint64_t>(
        static_cast<double>(keys) *
        (static_cast<double>(*size.bytes) / static_cast<double>(all)));
  }
  return size;
}

absl::StatusOr<std::shared_ptr<const Snapshot>> RocksDbBackend::TakeSnapshot() {
  absl::StatusOr<std::shared_ptr<Instance>> instance = core_->instance();
  if (!instance.ok()) return std::move(instance).status();
  return std::make_shared<RocksDbSnapshot>(*std::move(instance), mount_, at_);
}

}  // namespace restate
