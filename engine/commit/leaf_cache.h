#ifndef RESTATE_ENGINE_COMMIT_LEAF_CACHE_H_
#define RESTATE_ENGINE_COMMIT_LEAF_CACHE_H_

#include <cstddef>
#include <string>

#include "absl/container/btree_map.h"
#include "engine/backend/backend.h"
#include "engine/path/path.h"
#include "engine/value/value.h"

namespace restate {

// The leaves that were written last, as the published state has them, so that
// the next write of the same path does not ask the store what was there.
//
// Invariant: a path in the cache reads exactly as the cached leaf in the
// published state. It has no children then, and none of its ancestors is in the
// cache, since those have a child.
//
// Bounded in bytes: when it is full it is emptied, which costs one read of the
// store for each path that is written again. So it is when many leaves go at
// once. To free them all takes as long as hundreds of writes: each write after it
// frees some, and never more.
//
// Not thread-safe: the sequencer's own.
class LeafCache {
 public:
  explicit LeafCache(size_t max_bytes) : max_bytes_(max_bytes) {}

  // The leaf that `path` reads as, or null if that is not known here.
  const Value* Find(const Path& path) const;

  // A write was published.
  void Wrote(const Write& write);
  // The published state may be another.
  void Clear();

 private:
  using Leaves = absl::btree_map<std::string, Value>;

  void Erase(Leaves::iterator leaf);
  void EraseAtAndBelow(const Path& path);
  void EraseAbove(const Path& path);
  void FreeSome();

  const size_t max_bytes_;
  Leaves leaves_;
  size_t bytes_ = 0;
  // Of the cache before it was emptied, and not freed yet.
  Leaves emptied_;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_COMMIT_LEAF_CACHE_H_
