#ifndef RESTATE_ENGINE_BACKEND_ROCKSDB_ROCKSDB_BACKEND_H_
#define RESTATE_ENGINE_BACKEND_ROCKSDB_ROCKSDB_BACKEND_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/backend/backend.h"
#include "engine/backend/rocksdb/instance.h"
#include "engine/path/path.h"
#include "engine/sync/mutex.h"

namespace restate {

// What a store and the backends of its mounts share: the database of the
// moment. Thread-safe.
class RocksDbCore {
 public:
  explicit RocksDbCore(RocksDbOptions options)
      : options_(WithReserve(std::move(options))),
        count_(std::make_shared<InstanceCount>()) {}

  const RocksDbOptions& options() const { return options_; }

  // Opens the database once every user of the one before has let go of it.
  absl::Status Open();
  // The open database, or why there is none to use.
  absl::StatusOr<std::shared_ptr<Instance>> instance() const;
  // The database of the moment, for reading, also when a write has failed.
  absl::StatusOr<std::shared_ptr<Instance>> instance_to_read() const;
  // From now on nothing is written, until it is opened again.
  void Fail(absl::Status reason);
  // From now on the database is not used, until it is opened again.
  void Close(absl::Status reason);

  Revision last_committed() const;
  void set_last_committed(Revision revision);

 private:
  static RocksDbOptions WithReserve(RocksDbOptions options) {
    if (options.descriptors == nullptr) {
      options.descriptors = std::make_shared<DescriptorReserve>();
    }
    return options;
  }

  const RocksDbOptions options_;
  const std::shared_ptr<InstanceCount> count_;
  mutable Mutex mutex_;
  std::shared_ptr<Instance> instance_ ABSL_GUARDED_BY(mutex_);
  // Why nothing is written.
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  Revision last_committed_ ABSL_GUARDED_BY(mutex_) = 0;
};

// One mount's tree in the store.
class RocksDbBackend : public Backend {
 public:
  RocksDbBackend(std::shared_ptr<RocksDbCore> core, uint32_t mount, Path at)
      : core_(std::move(core)), mount_(mount), at_(std::move(at)) {}

  std::string_view kind() const override { return "rocksdb"; }
  bool durable() const override { return true; }
  std::optional<uint32_t> commit_store_mount() const override {
    return mount_;
  }
  // INTERNAL, always: CommitStore::Commit writes the tree.
  absl::Status Apply(absl::Span<const Write> writes,
                     Revision revision) override;
  Revision applied_revision() const override {
    return core_->last_committed();
  }
  // UNAVAILABLE after a failed Commit, until the store is opened again.
  absl::StatusOr<std::shared_ptr<const Snapshot>> TakeSnapshot() override;
  // As RocksDB estimates: what was written over may count until it is merged.
  BackendSize Size() const override;

 private:
  const std::shared_ptr<RocksDbCore> core_;
  const uint32_t mount_;
  const Path at_;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_BACKEND_ROCKSDB_ROCKSDB_BACKEND_H_
