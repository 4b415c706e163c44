#include "engine/commit/leaf_cache.h"

#include <utility>

namespace restate {
namespace {

// What an entry takes beside its key and value.
constexpr size_t kEntryBytes = 96;

size_t BytesOf(const std::string& key, const Value& leaf) {
  return kEntryBytes + key.size() + leaf.ByteSize();
}

}  // namespace

const Value* LeafCache::Find(const Path& path) const {
  auto it = leaves_.find(path.key());
  return it == leaves_.end() ? nullptr : &it->second;
}

void LeafCache::Erase(Leaves::iterator leaf) {
  bytes_ -= BytesOf(leaf->first, leaf->second);
  leaves_.erase(leaf);
}

void LeafCache::EraseAtAndBelow(const Path& path) {
  while (true) {
    auto it = leaves_.lower_bound(path.key());
    if (it == leaves_.end() || !it->first.starts_with(path.key())) return;
    Erase(it);
  }
}

void LeafCache::EraseAbove(const Path& path) {
  for (size_t depth = 0; depth < path.depth(); ++depth) {
    auto it = leaves_.find(path.Ancestor(depth).key());
    if (it != leaves_.end()) Erase(it);
  }
}

void LeafCache::Wrote(const Write& write) {
  const std::string& key = write.path.key();
  const bool makes_leaf = write.scope == Write::Scope::kSubtree &&
                          write.value.has_value() && write.value->is_leaf();
  auto present = leaves_.find(key);
  if (makes_leaf && present != leaves_.end()) {
    // It was a leaf and is one: nothing changes above or below it.
    bytes_ -= BytesOf(key, present->second);
    present->second = *write.value;
    bytes_ += BytesOf(key, present->second);
  } else {
    EraseAtAndBelow(write.path);
    EraseAbove(write.path);
    if (!makes_leaf) return;
    leaves_.emplace(key, *write.value);
    bytes_ += BytesOf(key, *write.value);
  }
  if (bytes_ > max_bytes_) Clear();
}

void LeafCache::Clear() {
  leaves_.clear();
  bytes_ = 0;
}

}  // namespace restate
