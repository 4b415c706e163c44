#include "engine/backend/rocksdb/hot_leaves.h"

#include <utility>

#include "absl/hash/hash.h"

namespace restate {
namespace {

// What is written over may have this many leaves to be forgotten one by one.
constexpr size_t kFewLeaves = 32;

}  // namespace

HotLeaves::HotLeaves(size_t places)
    : places_(places), locks_(std::make_unique<Lock[]>(kLocks)) {}
HotLeaves::~HotLeaves() = default;

size_t HotLeaves::PlaceOf(std::string_view key) const {
  return absl::HashOf(key) % places_.size();
}

std::optional<Value> HotLeaves::Find(std::string_view key,
                                     uint64_t sequence) const {
  const size_t at = PlaceOf(key);
  MutexLock lock(&MutexOf(at));
  const Leaf* const leaf = places_[at].leaf.get();
  if (leaf == nullptr || leaf->since > sequence ||
      leaf->since < void_before_.load(std::memory_order_acquire) ||
      leaf->key != key) {
    return std::nullopt;
  }
  return leaf->value;
}

void HotLeaves::Read(std::string_view key, const Value& leaf,
                     uint64_t sequence) {
  if (key.size() > kMaxKeyBytes ||
      leaf.ByteSize(kMaxValueBytes) > kMaxValueBytes) {
    return;
  }
  auto read = std::make_unique<const Leaf>(
      Leaf{std::string(key), leaf, sequence});
  const size_t at = PlaceOf(key);
  MutexLock lock(&MutexOf(at));
  Place& place = places_[at];
  if (place.written > sequence ||
      sequence < void_before_.load(std::memory_order_acquire)) {
    return;
  }
  // The one that was there is freed without the lock.
  place.leaf.swap(read);
}

void HotLeaves::Put(std::string_view key, std::unique_ptr<const Leaf> leaf,
                    uint64_t sequence) {
  const size_t at = PlaceOf(key);
  MutexLock lock(&MutexOf(at));
  Place& place = places_[at];
  place.written = sequence;
  place.leaf.swap(leaf);
}

void HotLeaves::ForgetAbove(std::string_view key, uint64_t sequence) {
  std::unique_ptr<const Leaf> forgotten;
  const size_t at = PlaceOf(key);
  MutexLock lock(&MutexOf(at));
  Place& place = places_[at];
  place.written = sequence;
  place.written_below = sequence;
  if (place.leaf != nullptr && place.leaf->key == key) {
    place.leaf.swap(forgotten);
  }
}

bool HotLeaves::WrittenBelow(std::string_view key, uint64_t sequence) const {
  const size_t at = PlaceOf(key);
  MutexLock lock(&MutexOf(at));
  return places_[at].written_below == sequence;
}

void HotLeaves::ForgetBatch() {
  for (const size_t at : put_by_batch_) {
    MutexLock lock(&MutexOf(at));
    places_[at].leaf = nullptr;
  }
  put_by_batch_.clear();
}

void HotLeaves::ForgetBelow(const std::string& key,
                            const std::optional<Tree>& before,
                            uint64_t sequence) {
  if (WrittenBelow(key, sequence)) ForgetBatch();
  size_t left = kFewLeaves;
  const bool few =
      before.has_value() &&
      tree::ForEachOwnValue(*before, [&](const Path& path, const Value&) {
        if (left == 0) return false;
        --left;
        Put(key + path.key(), nullptr, sequence);
        return true;
      });
  if (few) return;
  ForgetBatch();
  void_before_.store(sequence, std::memory_order_release);
}

void HotLeaves::Wrote(std::string_view mount_key, const Write& write,
                      uint64_t sequence) {
  if (std::exchange(batch_, sequence) != sequence) put_by_batch_.clear();
  std::string key(mount_key);
  key.append(write.path.key());
  for (size_t end = mount_key.size(); end < key.size();
       end = key.find('\0', end) + 1) {
    ForgetAbove(std::string_view(key).substr(0, end), sequence);
  }
  if (write.scope == Write::Scope::kSubtree) {
    ForgetBelow(key, write.before, sequence);
  }
  std::unique_ptr<const Leaf> leaf;
  if (write.scope == Write::Scope::kSubtree && write.value.has_value() &&
      write.value->is_leaf() && key.size() <= kMaxKeyBytes &&
      write.value->ByteSize(kMaxValueBytes) <= kMaxValueBytes) {
    leaf = std::make_unique<const Leaf>(Leaf{key, *write.value, sequence});
    put_by_batch_.push_back(PlaceOf(key));
  }
  Put(key, std::move(leaf), sequence);
}

}  // namespace restate
