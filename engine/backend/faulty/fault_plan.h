#ifndef RESTATE_ENGINE_BACKEND_FAULTY_FAULT_PLAN_H_
#define RESTATE_ENGINE_BACKEND_FAULTY_FAULT_PLAN_H_

#include <cstdint>
#include <map>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "engine/sync/mutex.h"

namespace restate {

// Which of the coming calls of a FaultyBackend or FaultyCommitStore fail, and
// how. Shared by the test and the store, which may be owned by something else
// by then.
//
// A write is an Apply, a Commit or a WriteHistory. Thread-safe.
class FaultPlan {
 public:
  // Whether a write that fails has happened all the same: an fsync whose
  // outcome is unknown may have reached the disk.
  enum class Happens { kNot, kAllTheSame };

  // What failing calls return unless told otherwise: UNAVAILABLE /
  // MOUNT_UNAVAILABLE.
  static absl::Status DefaultError();

  // The nth write from now fails; 1 is the next.
  void FailWrite(int nth, Happens happens,
                 absl::Status error = DefaultError());
  // Until HealSnapshots, TakeSnapshot fails: the mount is down.
  void FailSnapshots(absl::Status error = DefaultError());
  void HealSnapshots();
  // The next `times` calls of Reopen fail.
  void FailReopens(int times, absl::Status error = DefaultError());

  // From now on writes wait before they do anything, until ReleaseWrites.
  void BlockWrites();
  void ReleaseWrites();
  // Blocks until a write is waiting.
  void WaitForBlockedWrite();

  // Calls so far, failed ones included.
  int writes() const;
  int snapshots() const;
  int reopens() const;

  // For the stores. Calls `write` unless the plan says that it must not happen,
  // and returns what the caller of the store is to see.
  absl::Status OnWrite(absl::FunctionRef<absl::Status()> write);
  absl::Status OnSnapshot();
  absl::Status OnReopen();

 private:
  struct WriteFault {
    Happens happens;
    absl::Status error;
  };

  mutable Mutex mutex_;
  CondVar changed_;
  // By the number of the write.
  std::map<int, WriteFault> write_faults_ ABSL_GUARDED_BY(mutex_);
  absl::Status snapshot_error_ ABSL_GUARDED_BY(mutex_);
  int reopens_to_fail_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status reopen_error_ ABSL_GUARDED_BY(mutex_);
  bool writes_blocked_ ABSL_GUARDED_BY(mutex_) = false;
  int writes_waiting_ ABSL_GUARDED_BY(mutex_) = 0;
  int writes_ ABSL_GUARDED_BY(mutex_) = 0;
  int snapshots_ ABSL_GUARDED_BY(mutex_) = 0;
  int reopens_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_BACKEND_FAULTY_FAULT_PLAN_H_
