#ifndef RESTATE_ENGINE_MOUNT_PENDING_WRITES_H_
#define RESTATE_ENGINE_MOUNT_PENDING_WRITES_H_

#include <cstddef>
#include <memory>
#include <vector>

#include "engine/backend/backend.h"
#include "engine/path/path.h"
#include "engine/tree/tree.h"
#include "engine/value/persistent_map.h"

namespace restate {

// Writes that are decided and not in their store yet: the net of them, by path.
// Adding costs what it touches, and a copy is a pointer, so that every published
// state has its own.
//
// Invariant: nothing is kept strictly below a kSubtree entry.
//
// A value type; safe to read and copy from many threads.
class PendingWrites {
 public:
  struct Entry {
    Write::Scope scope = Write::Scope::kSubtree;
    Tree value;
    Revision revision = 0;
  };
  using Entries = PersistentMap<Entry>;

  // What the write leaves, after all that were added before.
  void Add(const Write& write);

  bool empty() const { return entries_.empty(); }
  // By the key of the path.
  const Entries& entries() const { return entries_; }
  // The kSubtree entry at `key` or above it, or null.
  const Entries::Entry* Covering(std::string_view key) const;
  // The net as absolute writes, in an order in which they have that effect.
  std::vector<Write> ToWrites() const;

 private:
  Entries entries_;
};

// `base` as it is once `writes` are in it. A {} that writes left on a node with
// children shows as nothing, as everywhere.
std::shared_ptr<const Snapshot> MakePendingSnapshot(
    std::shared_ptr<const Snapshot> base, PendingWrites writes);

}  // namespace restate

#endif  // RESTATE_ENGINE_MOUNT_PENDING_WRITES_H_
