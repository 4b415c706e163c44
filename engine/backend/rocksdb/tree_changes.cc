#include "engine/backend/rocksdb/tree_changes.h"

#include <algorithm>

#include "engine/backend/rocksdb/disk_format.h"

namespace restate {

void TreeChanges::Add(uint32_t mount, const Write& write) {
  if (write.scope == Write::Scope::kSubtree) {
    AddSubtree(mount, write);
    return;
  }
  changes_.insert_or_assign(disk_format::TreeKey(mount, write.path.key()),
                            Change{write.revision, write.value});
}

bool TreeChanges::InDeletedRange(const std::string& key) const {
  return std::any_of(
      deleted_ranges_.begin(), deleted_ranges_.end(),
      [&key](const auto& range) {
        return range.first <= key && key < range.second;
      });
}

void TreeChanges::AddSubtree(uint32_t mount, const Write& write) {
  const std::string begin = disk_format::TreeKey(mount, write.path.key());
  const auto put = [&](const Path& path, const Value* own) {
    changes_.insert_or_assign(
        begin + path.key(),
        Change{write.revision, own == nullptr ? Tree() : Tree(*own)});
  };
  const auto put_all = [&](const Tree& tree) {
    tree::ForEachOwnValue(tree, [&](const Path& path, const Value& own) {
      put(path, &own);
      return true;
    });
  };

  // Every key that starts with `begin` is in the subtree.
  auto first = changes_.lower_bound(begin);
  const bool written =
      first != changes_.end() && first->first.starts_with(begin);
  if (write.before.has_value() && !written && !InDeletedRange(begin)) {
    tree::Diff(*write.before, write.value,
               [&](const Path& path, const Value*, const Value* after) {
                 put(path, after);
               });
    return;
  }
  if (write.before.has_value()) {
    for (auto it = first;
         it != changes_.end() && it->first.starts_with(begin); ++it) {
      it->second = Change{write.revision, std::nullopt};
    }
    tree::ForEachOwnValue(*write.before, [&](const Path& path, const Value&) {
      put(path, nullptr);
      return true;
    });
    put_all(write.value);
    return;
  }
  auto last = first;
  while (last != changes_.end() && last->first.starts_with(begin)) ++last;
  changes_.erase(first, last);
  deleted_ranges_.emplace_back(
      begin, write.path.is_root()
                 ? disk_format::TreeEnd(mount)
                 : disk_format::TreeKey(mount, write.path.SubtreeEnd()));
  put_all(write.value);
}

void TreeChanges::AppendTo(::rocksdb::WriteBatch* batch,
                           ::rocksdb::ColumnFamilyHandle* family) const {
  for (const auto& [begin, end] : deleted_ranges_) {
    batch->DeleteRange(family, begin, end);
  }
  std::string leaf;
  for (const auto& [key, change] : changes_) {
    if (!change.own.has_value()) {
      batch->Delete(family, key);
      continue;
    }
    leaf.clear();
    disk_format::AppendLeaf(change.revision, *change.own, &leaf);
    batch->Put(family, key, leaf);
  }
}

}  // namespace restate
