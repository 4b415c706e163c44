#include "engine/backend/rocksdb/descriptor_reserve.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "engine/error/error.h"

namespace restate {
namespace {

// A new log, a table of each column family and what a merge reads and writes: a
// few dozen at once.
constexpr size_t kLeast = 16;
constexpr size_t kMost = 128;
constexpr size_t kPartOfAll = 16;
constexpr size_t kMostPartOfAll = 8;

}  // namespace

size_t DescriptorLimit() {
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  return static_cast<size_t>(std::min<uint64_t>(limit.rlim_cur, INT32_MAX));
}

DescriptorReserve::DescriptorReserve()
    : DescriptorReserve(
          std::min(std::clamp(DescriptorLimit() / kPartOfAll, kLeast, kMost),
                   DescriptorLimit() / kMostPartOfAll)) {}

DescriptorReserve::DescriptorReserve(size_t size) : size_(size) { Refill(); }

DescriptorReserve::~DescriptorReserve() {
  MutexLock lock(&mutex_);
  for (int spare : spare_) close(spare);
}

bool DescriptorReserve::Spend() {
  MutexLock lock(&mutex_);
  if (spare_.empty()) return false;
  close(spare_.back());
  spare_.pop_back();
  return true;
}

void DescriptorReserve::Refill() {
  MutexLock lock(&mutex_);
  RefillLocked();
}

void DescriptorReserve::RefillLocked() {
  while (spare_.size() < size_) {
    const int spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (spare < 0) return;
    spare_.push_back(spare);
  }
}

absl::Status DescriptorReserve::Check() {
  MutexLock lock(&mutex_);
  RefillLocked();
  if (2 * spare_.size() >= size_) return absl::OkStatus();
  return MakeError(
      Reason::kMountUnavailable,
      absl::StrCat("too few file descriptors are left for the store: the "
                   "process may open ",
                   DescriptorLimit(),
                   ", and connections have nearly all of them; close some, or "
                   "raise the limit (LimitNOFILE, ulimit -n)"));
}

size_t DescriptorReserve::left() const {
  MutexLock lock(&mutex_);
  return spare_.size();
}

}  // namespace restate
