#ifndef RESTATE_ENGINE_BACKEND_ROCKSDB_HOT_LEAVES_H_
#define RESTATE_ENGINE_BACKEND_ROCKSDB_HOT_LEAVES_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "engine/backend/backend.h"
#include "engine/sync/mutex.h"
#include "engine/tree/tree.h"
#include "engine/value/value.h"

namespace restate {

// Small leaves that were read or written lately, so that who reads one again asks
// no iterator. Keys are those of the tree on disk: the mount and the path.
//
// A leaf is kept with the sequence number of the database since which it is known
// to be there, and goes with the first write at, above or below it. So it is what
// every snapshot reads that is not older than it:
//
// Invariant: once all writes up to a sequence number have been told to Wrote, no
// kept leaf differs from what a snapshot of that number reads.
//
// Each key has one place, by its hash, and the last one that wants it has it. What a
// reader has read goes in only if nothing was written at that place since its
// snapshot. What is written above others, and was not known or had many leaves, makes
// all that is kept void at once.
//
// Find and Read are thread-safe. Wrote is called by one thread, after the write and
// before anybody has a snapshot with it. A lock is held to copy one value.
class HotLeaves {
 public:
  static constexpr size_t kManyPlaces = 65'536;
  // Larger leaves are not kept, nor longer keys.
  static constexpr size_t kMaxValueBytes = 512;
  static constexpr size_t kMaxKeyBytes = 256;

  explicit HotLeaves(size_t places = kManyPlaces);
  ~HotLeaves();

  // The leaf that `key` reads as in a snapshot of `sequence`, if it is kept.
  std::optional<Value> Find(std::string_view key, uint64_t sequence) const;
  // A snapshot of `sequence` reads `key` as this leaf, and nothing below it.
  void Read(std::string_view key, const Value& leaf, uint64_t sequence);
  // `mount_key`: that of the mount's root. `sequence`: the database's behind the
  // batch that the write was part of.
  void Wrote(std::string_view mount_key, const Write& write,
             uint64_t sequence);

 private:
  struct Leaf {
    std::string key;
    Value value;
    uint64_t since;
  };
  struct Place {
    std::unique_ptr<const Leaf> leaf;
    // The last write at a key of this place, or below one.
    uint64_t written = 0;
    // The last write below one.
    uint64_t written_below = 0;
  };
  // Neighbouring places have different locks.
  static constexpr size_t kLocks = 256;
  struct Lock {
    mutable Mutex mutex;
  };

  size_t PlaceOf(std::string_view key) const;
  Mutex& MutexOf(size_t place) const { return locks_[place % kLocks].mutex; }
  // Puts a leaf, or nothing, in the key's place; what readers of older snapshots
  // read does not go there any more.
  void Put(std::string_view key, std::unique_ptr<const Leaf> leaf,
           uint64_t sequence);
  // What the batch at hand has put so far goes.
  void ForgetBatch();
  // Like Put of nothing, for a key that has a write below it.
  void ForgetAbove(std::string_view key, uint64_t sequence);
  // Whether the batch has written below the key before.
  bool WrittenBelow(std::string_view key, uint64_t sequence) const;
  // Nothing is kept of what is below the key, which read as `before`; all is void
  // if that is not known, or is much.
  void ForgetBelow(const std::string& key, const std::optional<Tree>& before,
                   uint64_t sequence);

  // places_[i] is guarded by MutexOf(i).
  std::vector<Place> places_;
  const std::unique_ptr<Lock[]> locks_;
  // What was known before is void.
  std::atomic<uint64_t> void_before_ = 0;
  // Wrote's own: the batch at hand, and the places where it has put leaves.
  uint64_t batch_ = 0;
  std::vector<size_t> put_by_batch_;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_BACKEND_ROCKSDB_HOT_LEAVES_H_
