#ifndef RESTATE_ENGINE_BACKEND_REMOTE_TESTING_MEMORY_STORE_H_
#define RESTATE_ENGINE_BACKEND_REMOTE_TESTING_MEMORY_STORE_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/backend/memory/memory_backend.h"
#include "engine/backend/remote/remote_store.h"
#include "engine/sync/mutex.h"

namespace restate {

// The data of a store in memory, which outlives those who reach it. Everything
// a store promises, as plainly as it can be done. Thread-safe.
class MemoryStore {
 public:
  explicit MemoryStore(std::string store_id) {
    info_.store_id = std::move(store_id);
  }

  absl::StatusOr<StoreInfo> GetInfo() const;
  absl::StatusOr<ScanPage> Scan(const std::string& store_id,
                                const ScanRange& range) const;
  absl::Status Apply(const std::string& store_id, const StoreBatch& batch);

  // Changes what it says of itself.
  void Change(std::function<void(StoreInfo*)> change);
  // While set, every call ends so.
  void FailWith(absl::Status status);
  // While set, Apply does nothing and ends so.
  void RefuseApplies(absl::Status status);
  // Applied, but answered with this, once.
  void LoseNextAnswer(absl::Status status);
  // Passed over every page before it is given.
  void Falsify(std::function<void(ScanPage*)> falsify);

  size_t scans() const;
  size_t applies() const;

 private:
  mutable Mutex mutex_;
  MemoryBackend tree_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<const Snapshot> snapshot_ ABSL_GUARDED_BY(mutex_) =
      *tree_.TakeSnapshot();
  StoreInfo info_ ABSL_GUARDED_BY(mutex_);
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
  absl::Status refusal_ ABSL_GUARDED_BY(mutex_);
  absl::Status lost_answer_ ABSL_GUARDED_BY(mutex_);
  std::function<void(ScanPage*)> falsify_ ABSL_GUARDED_BY(mutex_);
  mutable size_t scans_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t applies_ ABSL_GUARDED_BY(mutex_) = 0;
};

// Reaches one without a wire.
class NearStore : public RemoteStore {
 public:
  explicit NearStore(std::shared_ptr<MemoryStore> store)
      : store_(std::move(store)) {}

  const std::string& address() const override { return address_; }
  absl::StatusOr<StoreInfo> GetInfo() override { return store_->GetInfo(); }
  absl::StatusOr<ScanPage> Scan(const std::string& store_id,
                                const ScanRange& range) override {
    return store_->Scan(store_id, range);
  }
  absl::Status Apply(const std::string& store_id,
                     const StoreBatch& batch) override {
    return store_->Apply(store_id, batch);
  }
  void Close() override {}

 private:
  const std::string address_ = "near";
  const std::shared_ptr<MemoryStore> store_;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_BACKEND_REMOTE_TESTING_MEMORY_STORE_H_
