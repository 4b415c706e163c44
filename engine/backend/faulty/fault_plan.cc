#include "engine/backend/faulty/fault_plan.h"

#include <optional>
#include <utility>

#include "engine/error/error.h"

namespace restate {

absl::Status FaultPlan::DefaultError() {
  return MakeError(Reason::kMountUnavailable, "the test made this fail");
}

void FaultPlan::FailWrite(int nth, Happens happens, absl::Status error) {
  MutexLock lock(&mutex_);
  write_faults_[writes_ + nth] = WriteFault{happens, std::move(error)};
}

void FaultPlan::FailSnapshots(absl::Status error) {
  MutexLock lock(&mutex_);
  snapshot_error_ = std::move(error);
}

void FaultPlan::HealSnapshots() {
  MutexLock lock(&mutex_);
  snapshot_error_ = absl::OkStatus();
}

void FaultPlan::FailReopens(int times, absl::Status error) {
  MutexLock lock(&mutex_);
  reopens_to_fail_ = times;
  reopen_error_ = std::move(error);
}

void FaultPlan::BlockWrites() {
  MutexLock lock(&mutex_);
  writes_blocked_ = true;
}

void FaultPlan::ReleaseWrites() {
  MutexLock lock(&mutex_);
  writes_blocked_ = false;
  changed_.NotifyAll();
}

void FaultPlan::WaitForBlockedWrite() {
  MutexLock lock(&mutex_);
  while (writes_waiting_ == 0) changed_.Wait(&mutex_);
}

int FaultPlan::writes() const {
  MutexLock lock(&mutex_);
  return writes_;
}

int FaultPlan::snapshots() const {
  MutexLock lock(&mutex_);
  return snapshots_;
}

int FaultPlan::reopens() const {
  MutexLock lock(&mutex_);
  return reopens_;
}

absl::Status FaultPlan::OnWrite(absl::FunctionRef<absl::Status()> write) {
  std::optional<WriteFault> fault;
  {
    MutexLock lock(&mutex_);
    const int number = ++writes_;
    ++writes_waiting_;
    changed_.NotifyAll();
    while (writes_blocked_) changed_.Wait(&mutex_);
    --writes_waiting_;
    auto it = write_faults_.find(number);
    if (it != write_faults_.end()) fault = it->second;
  }
  if (!fault.has_value()) return write();
  if (fault->happens == Happens::kAllTheSame) {
    if (absl::Status status = write(); !status.ok()) return status;
  }
  return fault->error;
}

absl::Status FaultPlan::OnSnapshot() {
  MutexLock lock(&mutex_);
  ++snapshots_;
  return snapshot_error_;
}

absl::Status FaultPlan::OnReopen() {
  MutexLock lock(&mutex_);
  ++reopens_;
  if (reopens_to_fail_ == 0) return absl::OkStatus();
  --reopens_to_fail_;
  return reopen_error_;
}

}  // namespace restate
