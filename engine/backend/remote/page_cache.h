#ifndef RESTATE_ENGINE_BACKEND_REMOTE_PAGE_CACHE_H_
#define RESTATE_ENGINE_BACKEND_REMOTE_PAGE_CACHE_H_

#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "engine/backend/remote/remote_store.h"
#include "engine/path/path.h"
#include "engine/sync/mutex.h"

namespace restate {

// All own values in one range of keys.
class Page {
 public:
  // `scan` answered `range`, whose start was chosen for `begin`: there is
  // nothing between the two.
  Page(std::string begin, const ScanRange& range, ScanPage scan);

  // Whether it shows what is at `key`.
  bool Covers(std::string_view key) const;
  // The index of the first entry at or after `key`; entries().size() if there
  // is none in this page.
  size_t LowerBound(std::string_view key) const;

  const std::vector<OwnValue>& entries() const { return scan_.entries; }
  // Whether more follows in the range after the last entry.
  bool more() const { return scan_.more; }
  // Where the range ends, if there is no more; empty if with the last key of
  // all.
  const std::string& end() const { return end_; }
  // About what it takes.
  size_t bytes() const { return bytes_; }

 private:
  const std::string begin_;
  const std::string end_;
  const ScanPage scan_;
  size_t bytes_ = 0;
};

// The pages that were read last. Thread-safe.
class PageCache {
 public:
  // One that covers `key`, or null.
  std::shared_ptr<const Page> Find(std::string_view key) const;
  void Add(std::shared_ptr<const Page> page);

 private:
  mutable Mutex mutex_;
  // The oldest first.
  std::deque<std::shared_ptr<const Page>> pages_ ABSL_GUARDED_BY(mutex_);
  size_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_BACKEND_REMOTE_PAGE_CACHE_H_
