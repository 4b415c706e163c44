#ifndef RESTATE_ENGINE_BACKEND_ROCKSDB_ROCKSDB_HISTORY_LOG_H_
#define RESTATE_ENGINE_BACKEND_ROCKSDB_ROCKSDB_HISTORY_LOG_H_

#include <memory>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/backend/history_log.h"
#include "engine/backend/rocksdb/instance.h"
#include "engine/backend/rocksdb/rocksdb_backend.h"
#include "rocksdb/write_batch.h"

namespace restate {

// The history family of whichever database is open at the moment.
class RocksDbHistoryLog : public HistoryLog {
 public:
  explicit RocksDbHistoryLog(std::shared_ptr<const RocksDbCore> core)
      : core_(std::move(core)) {}

  absl::StatusOr<Outline> ReadOutline() const override;
  absl::Status Read(
      Revision after, Revision through,
      absl::FunctionRef<bool(const Record& record)> visit) const override;

 private:
  const std::shared_ptr<const RocksDbCore> core_;
};

// Puts changes of the history into a batch.
void AppendHistory(const HistoryChanges& changes, const Instance& instance,
                   ::rocksdb::WriteBatch* batch);

}  // namespace restate

#endif  // RESTATE_ENGINE_BACKEND_ROCKSDB_ROCKSDB_HISTORY_LOG_H_
