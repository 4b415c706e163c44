#include "engine/backend/remote/testing/memory_store.h"

#include <algorithm>
#include <utility>

#include "engine/error/error.h"

namespace restate {

absl::StatusOr<StoreInfo> MemoryStore::GetInfo() const {
  MutexLock lock(&mutex_);
  if (!failure_.ok()) return failure_;
  return info_;
}

absl::StatusOr<ScanPage> MemoryStore::Scan(const std::string& store_id,
                                           const ScanRange& range) const {
  MutexLock lock(&mutex_);
  ++scans_;
  if (!failure_.ok()) return failure_;
  if (!store_id.empty() && store_id != info_.store_id) {
    return MakeError(Reason::kWrongStore, "not this store");
  }
  ScanPage page;
  size_t bytes = 0;
  std::unique_ptr<Cursor> cursor = snapshot_->NewCursor(range.within);
  for (cursor->Seek(range.start.key()); cursor->Valid(); cursor->Next()) {
    if (range.exclusive && cursor->key() == range.start.key()) continue;
    OwnValue entry{std::string(cursor->key()), *cursor->value()};
    bytes += entry.value.ByteSize();
    if (page.entries.size() == range.max_entries ||
        (bytes > range.max_bytes && !page.entries.empty())) {
      page.more = true;
      break;
    }
    page.entries.push_back(std::move(entry));
  }
  if (falsify_) falsify_(&page);
  return page;
}

absl::Status MemoryStore::Apply(const std::string& store_id,
                                const StoreBatch& batch) {
  MutexLock lock(&mutex_);
  ++applies_;
  if (!failure_.ok()) return failure_;
  if (!refusal_.ok()) return refusal_;
  if (!store_id.empty() && store_id != info_.store_id) {
    return MakeError(Reason::kWrongStore, "not this store");
  }
  if (info_.version == batch.to) return absl::OkStatus();
  if (!(info_.version == batch.from)) {
    return MakeError(Reason::kWrongStore, "not at that version");
  }
  absl::Status status = tree_.Apply(batch.writes, batch.to.revision);
  if (!status.ok()) return status;
  snapshot_ = *tree_.TakeSnapshot();
  if (!batch.more) info_.version = batch.to;
  return std::exchange(lost_answer_, absl::OkStatus());
}

void MemoryStore::Change(std::function<void(StoreInfo*)> change) {
  MutexLock lock(&mutex_);
  change(&info_);
}

void MemoryStore::FailWith(absl::Status status) {
  MutexLock lock(&mutex_);
  failure_ = std::move(status);
}

void MemoryStore::RefuseApplies(absl::Status status) {
  MutexLock lock(&mutex_);
  refusal_ = std::move(status);
}

void MemoryStore::LoseNextAnswer(absl::Status status) {
  MutexLock lock(&mutex_);
  lost_answer_ = std::move(status);
}

void MemoryStore::Falsify(std::function<void(ScanPage*)> falsify) {
  MutexLock lock(&mutex_);
  falsify_ = std::move(falsify);
}

size_t MemoryStore::scans() const {
  MutexLock lock(&mutex_);
  return scans_;
}

size_t MemoryStore::applies() const {
  MutexLock lock(&mutex_);
  return applies_;
}

}  // namespace restate
