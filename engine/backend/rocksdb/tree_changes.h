#ifndef RESTATE_ENGINE_BACKEND_ROCKSDB_TREE_CHANGES_H_
#define RESTATE_ENGINE_BACKEND_ROCKSDB_TREE_CHANGES_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "engine/backend/backend.h"
#include "engine/tree/tree.h"
#include "rocksdb/db.h"
#include "rocksdb/write_batch.h"

namespace restate {

// What the writes of one batch change in the tree family: the last word on each
// key, so that a leaf written many times in a batch is put once.
//
// Write::before is what was there before the batch. Where the batch itself has
// already written, that is no longer what a write finds, and the subtree is
// then written whole; everywhere else only the own values that differ are.
//
// Subtrees without the hint are deleted by range. Ranges are emitted before
// everything else, and changes inside a later range are dropped, which together
// is the order of the writes.
class TreeChanges {
 public:
  void Add(uint32_t mount, const Write& write);
  void AppendTo(::rocksdb::WriteBatch* batch,
                ::rocksdb::ColumnFamilyHandle* family) const;

 private:
  struct Change {
    Revision revision;
    // Nothing deletes the key.
    Tree own;
  };
  // In the order of the keys on disk.
  using Changes = absl::btree_map<std::string, Change>;

  void AddSubtree(uint32_t mount, const Write& write);
  bool InDeletedRange(const std::string& key) const;

  Changes changes_;
  std::vector<std::pair<std::string, std::string>> deleted_ranges_;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_BACKEND_ROCKSDB_TREE_CHANGES_H_
