#include "engine/commit/leaf_cache.h"

#include <utility>

namespace restate {
namespace {

// What an entry takes beside its key and value.
constexpr size_t kEntryBytes = 96;

// How many leaves one write may free: some of those that it makes wrong, and of
// those of an emptied cache so many that they are gone before the next is full.
constexpr size_t kErasedTogether = 1'000;
constexpr size_t kFreedTogether = 32;

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
  const auto begin = leaves_.lower_bound(path.key());
  auto end = begin;
  size_t count = 0;
  size_t bytes = 0;
  for (; end != leaves_.end() && end->first.starts_with(path.key()); ++end) {
    if (++count > kErasedTogether) {
      Clear();
      return;
    }
    bytes += BytesOf(end->first, end->second);
  }
  leaves_.erase(begin, end);
  bytes_ -= bytes;
}

void LeafCache::EraseAbove(const Path& path) {
  for (size_t depth = 0; depth < path.depth(); ++depth) {
    auto it = leaves_.find(path.Ancestor(depth).key());
    if (it != leaves_.end()) Erase(it);
  }
}

void LeafCache::FreeSome() {
  auto end = emptied_.begin();
  for (size_t i = 0; i < kFreedTogether && end != emptied_.end(); ++i) ++end;
  emptied_.erase(emptied_.begin(), end);
}

void LeafCache::Wrote(const Write& write) {
  if (!emptied_.empty()) FreeSome();
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
  // One that is emptied twice in a row has little in it the second time.
  if (emptied_.empty()) emptied_.swap(leaves_);
  leaves_.clear();
  bytes_ = 0;
}

}  // namespace restate
