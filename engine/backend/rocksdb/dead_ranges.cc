#include "engine/backend/rocksdb/dead_ranges.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace restate {

std::string_view DeadRanges::Skip(std::string_view key, uint64_t sequence,
                                  std::string* storage) const {
  if (!any_.load(std::memory_order_acquire)) return key;
  MutexLock lock(&mutex_);
  if (sequence < since_) return key;
  auto range = ranges_.upper_bound(key);
  if (range == ranges_.begin()) return key;
  --range;
  if (range->second <= key) return key;
  *storage = range->second;
  return *storage;
}

void DeadRanges::Found(std::string_view begin, std::string_view end,
                       uint64_t sequence) {
  if (begin >= end) return;
  MutexLock lock(&mutex_);
  // A value that was written since may lie in the range.
  if (written_ > sequence) return;
  if (ranges_.size() >= kMost) ranges_.clear();
  if (ranges_.empty()) since_ = 0;
  std::string from(begin);
  std::string to(end);
  auto range = ranges_.upper_bound(from);
  if (range != ranges_.begin() && std::prev(range)->second >= from) {
    --range;
    from = range->first;
  }
  while (range != ranges_.end() && range->first <= to) {
    to = std::max(to, range->second);
    range = ranges_.erase(range);
  }
  ranges_.emplace(std::move(from), std::move(to));
  since_ = std::max(since_, sequence);
  any_.store(true, std::memory_order_release);
}

void DeadRanges::Wrote(std::string_view mount_key, const Write& write,
                       uint64_t sequence) {
  if (!write.value.has_value()) return;
  MutexLock lock(&mutex_);
  written_ = sequence;
  if (ranges_.empty()) return;
  std::string begin(mount_key);
  begin.append(write.path.key());
  std::string end = begin;
  if (write.scope == Write::Scope::kOwnValue || write.value->is_leaf()) {
    end.push_back('\0');
  } else if (write.path.is_root()) {
    ranges_.clear();
  } else {
    end.assign(mount_key);
    end.append(write.path.SubtreeEnd());
  }
  Cut(begin, end);
  any_.store(!ranges_.empty(), std::memory_order_release);
}

void DeadRanges::Cut(const std::string& begin, const std::string& end) {
  auto range = ranges_.upper_bound(begin);
  if (range != ranges_.begin() && std::prev(range)->second > begin) --range;
  while (range != ranges_.end() && range->first < end) {
    std::string from = range->first;
    std::string to = std::move(range->second);
    range = ranges_.erase(range);
    if (from < begin) range = std::next(ranges_.emplace(from, begin).first);
    if (end < to) {
      ranges_.emplace(end, std::move(to));
      break;
    }
  }
}

}  // namespace restate
