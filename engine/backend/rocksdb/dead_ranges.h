#ifndef RESTATE_ENGINE_BACKEND_ROCKSDB_DEAD_RANGES_H_
#define RESTATE_ENGINE_BACKEND_ROCKSDB_DEAD_RANGES_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "engine/backend/backend.h"
#include "engine/sync/mutex.h"

namespace restate {

// Ranges of keys in which very many were deleted and none is left, so that a walk
// goes over each in one step. RocksDB keeps a mark of each deletion until it
// compacts, and an iterator looks at all of them: a path whose children come and
// go, like those of a queue or of leases, costs each of its readers and writers as
// much as all that was ever there. Keys are those of the tree on disk.
//
// Invariant: once all writes up to a sequence number have been told to Wrote, no
// kept range has a key that a snapshot of that number, if it is not older than
// `since_`, reads.
//
// Bounded: at most kMost ranges; with one more all are forgotten, and found again
// by who walks there.
//
// Skip and Found are thread-safe. Wrote is called by one thread, after the write and
// before anybody has a snapshot with it.
class DeadRanges {
 public:
  static constexpr size_t kMost = 1'024;
  // A cursor that has passed so many deleted keys in one step calls Found.
  static constexpr uint64_t kMany = 16;

  // Where a walk in a snapshot of `sequence` that is to go to `key` may go to
  // instead: the end of the range that the key is in, or the key itself.
  // `*storage` holds it.
  std::string_view Skip(std::string_view key, uint64_t sequence,
                        std::string* storage) const;
  // A snapshot of `sequence` has no key in [begin, end).
  void Found(std::string_view begin, std::string_view end, uint64_t sequence);
  // `mount_key`: that of the mount's root. `sequence`: the database's behind the
  // batch that the write was part of.
  void Wrote(std::string_view mount_key, const Write& write,
             uint64_t sequence);

 private:
  // Something may be in [begin, end) now.
  void Cut(const std::string& begin, const std::string& end)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable Mutex mutex_;
  // The end of each range by its beginning; they do not overlap.
  std::map<std::string, std::string, std::less<>> ranges_ ABSL_GUARDED_BY(mutex_);
  // The snapshot of each range is not newer than this.
  uint64_t since_ ABSL_GUARDED_BY(mutex_) = 0;
  // The last batch that wrote a value.
  uint64_t written_ ABSL_GUARDED_BY(mutex_) = 0;
  // Whether there are ranges: most often there is none.
  std::atomic<bool> any_ = false;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_BACKEND_ROCKSDB_DEAD_RANGES_H_
