#ifndef RESTATE_ENGINE_BACKEND_ROCKSDB_DESCRIPTOR_RESERVE_H_
#define RESTATE_ENGINE_BACKEND_ROCKSDB_DESCRIPTOR_RESERVE_H_

#include <cstddef>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "engine/sync/mutex.h"

namespace restate {

// File descriptors that are kept for the store: connections may use up all
// others, and then the store still has some with which to go on writing.
//
// One is given up at the moment when the store could not open a file without it,
// and is taken back as soon as there are others again. Whoever else opens
// something in between may get it, which is why there are many.
//
// Thread-safe.
class DescriptorReserve {
 public:
  // Of so many as a sixteenth of what the process may open, within bounds.
  DescriptorReserve();
  explicit DescriptorReserve(size_t size);
  ~DescriptorReserve();
  DescriptorReserve(const DescriptorReserve&) = delete;
  DescriptorReserve& operator=(const DescriptorReserve&) = delete;

  // Gives one up. False if there is none.
  bool Spend();
  // Takes back what was given up, as far as that is possible.
  void Refill();
  // After Refill: OK if there is at least half of it. UNAVAILABLE /
  // MOUNT_UNAVAILABLE, with what to do: the store would soon fail.
  absl::Status Check();

  size_t size() const { return size_; }
  size_t left() const;

 private:
  void RefillLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const size_t size_;
  mutable Mutex mutex_;
  std::vector<int> spare_ ABSL_GUARDED_BY(mutex_);
};

// How many files the process may have open: the soft limit.
size_t DescriptorLimit();

}  // namespace restate

#endif  // RESTATE_ENGINE_BACKEND_ROCKSDB_DESCRIPTOR_RESERVE_H_
