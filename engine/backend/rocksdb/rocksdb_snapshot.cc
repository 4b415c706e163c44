#include "engine/backend/rocksdb/rocksdb_snapshot.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/backend/rocksdb/disk_format.h"
#include "engine/backend/rocksdb/rocksdb_status.h"
#include "engine/backend/subtree_reader.h"
#include "engine/error/error.h"
#include "rocksdb/perf_context.h"

namespace restate {

namespace {

// Returns the number of deleted or overwritten keys that this thread's iterators
// have passed.
uint64_t DeadPassed() {
  const ::rocksdb::PerfContext& context = *::rocksdb::get_perf_context();
  return context.internal_delete_skipped_count +
         context.internal_key_skipped_count;
}

}  // namespace

// Walks one mount, or a part of it, with an iterator borrowed from the
// snapshot.
class RocksDbCursor : public Cursor {
 public:
  RocksDbCursor(const RocksDbSnapshot& snapshot, const Path& within)
      : snapshot_(snapshot),
        within_(within.key()),
        borrowed_(snapshot.BorrowIterator(within)),
        iterator_(borrowed_->iterator.get()) {}
  ~RocksDbCursor() override {
    snapshot_.ReturnIterator(std::move(borrowed_));
  }

  void Seek(std::string_view key) override {
    sought_.assign(snapshot_.prefix_);
    sought_.append(std::max(key, std::string_view(within_)));
    SeekFromSought();
    positioned_ = true;
  }
  void Next() override {
    // Nothing is between a key and itself with one NUL more.
    sought_.assign(iterator_->key().data(), iterator_->key().size());
    sought_.push_back('\0');
    const std::string_view from =
        DeadRanges().Skip(sought_, Sequence(), &skipped_to_);
    if (from.data() != sought_.data()) {
      sought_.assign(from);
      SeekFromSought();
      return;
    }
    const uint64_t passed = DeadPassed();
    iterator_->Next();
    TellOfDead(passed);
  }
  bool Valid() const override {
    return positioned_ && iterator_->Valid() && key().starts_with(within_);
  }
  std::string_view key() const override {
    std::string_view key = iterator_->key().ToStringView();
    key.remove_prefix(disk_format::kMountIdBytes);
    return key;
  }
  absl::StatusOr<Value> value() const override {
    absl::StatusOr<disk_format::Leaf> leaf =
        disk_format::DecodeLeaf(iterator_->value().ToStringView());
    if (leaf.ok()) return std::move(leaf->value);
    const std::string path =
        snapshot_.at_.Join(Path::FromKey(std::string(key()))).ToText();
    return Annotate(leaf.status(),
                    absl::StrCat("the value stored at ", path, " in ",
                                 snapshot_.instance_->directory(),
                                 " is damaged; write or delete the path, or "
                                 "put a backup in place: "),
                    {{"path", path}});
  }
  bool quick_without_values() const override { return true; }
  absl::Status status() const override {
    if (!positioned_) return absl::OkStatus();
    return FromRocksDb(iterator_->status(),
                       snapshot_.instance_->directory());
  }

 private:
  restate::DeadRanges& DeadRanges() const {
    return snapshot_.instance_->dead_ranges();
  }
  uint64_t Sequence() const {
    return snapshot_.snapshot_->GetSequenceNumber();
  }
  void SeekFromSought() {
    const std::string_view from =
        DeadRanges().Skip(sought_, Sequence(), &skipped_to_);
    const uint64_t passed = DeadPassed();
    iterator_->Seek(::rocksdb::Slice(from.data(), from.size()));
    TellOfDead(passed);
  }
  // The step from `sought_` to where the iterator is began with `passed`.
  void TellOfDead(uint64_t passed) {
    if (DeadPassed() - passed < restate::DeadRanges::kMany ||
        !iterator_->status().ok()) {
      return;
    }
    DeadRanges().Found(sought_,
                       iterator_->Valid() ? iterator_->key().ToStringView()
                                          : borrowed_->bound,
                       Sequence());
  }

  const RocksDbSnapshot& snapshot_;
  const std::string within_;
  std::unique_ptr<RocksDbSnapshot::BoundIterator> borrowed_;
  ::rocksdb::Iterator* const iterator_;
  bool positioned_ = false;
  std::string sought_;
  std::string skipped_to_;
};

RocksDbSnapshot::RocksDbSnapshot(std::shared_ptr<Instance> instance,
                                 uint32_t mount, Path at)
    : instance_(std::move(instance)),
      at_(std::move(at)),
      prefix_(disk_format::TreeKey(mount, "")),
      end_(disk_format::TreeEnd(mount)),
      snapshot_(instance_->db().GetSnapshot()) {
  read_options_.snapshot = snapshot_;
  read_options_.verify_checksums = true;
}

RocksDbSnapshot::~RocksDbSnapshot() {
  for (const auto& spare : spare_iterators_) {
    delete spare.load(std::memory_order_acquire);
  }
  instance_->db().ReleaseSnapshot(snapshot_);
}

std::unique_ptr<RocksDbSnapshot::BoundIterator>
RocksDbSnapshot::BorrowIterator(const Path& within) const {
  std::unique_ptr<BoundIterator> borrowed;
  for (auto& slot : spare_iterators_) {
    borrowed.reset(slot.exchange(nullptr, std::memory_order_acquire));
    if (borrowed != nullptr) break;
  }
  const bool made = borrowed == nullptr;
  if (made) borrowed = std::make_unique<BoundIterator>();
  if (within.is_root()) {
    borrowed->bound.assign(end_);
  } else {
    borrowed->bound.assign(prefix_);
    borrowed->bound.append(within.SubtreeEnd());
  }
  borrowed->bound_slice = borrowed->bound;
  if (made) {
    ::rocksdb::ReadOptions options = read_options_;
    options.iterate_upper_bound = &borrowed->bound_slice;
    borrowed->iterator.reset(
        instance_->db().NewIterator(options, instance_->tree()));
  }
  return borrowed;
}

void RocksDbSnapshot::ReturnIterator(
    std::unique_ptr<BoundIterator> iterator) const {
  for (auto& slot : spare_iterators_) {
    BoundIterator* none = nullptr;
    if (slot.compare_exchange_strong(none, iterator.get(),
                                     std::memory_order_release,
                                     std::memory_order_relaxed)) {
      iterator.release();
      return;
    }
  }
}

absl::StatusOr<NodeProbe> RocksDbSnapshot::Probe(const Path& path) const {
  RocksDbCursor cursor(*this, path);
  return ProbeNode(cursor, path);
}

absl::StatusOr<ReadResult> RocksDbSnapshot::Read(
    const Path& path, const ReadLimits& limits) const {
  const uint64_t sequence = snapshot_->GetSequenceNumber();
  const std::string key = prefix_ + path.key();
  std::optional<Value> leaf = instance_->hot_leaves().Find(key, sequence);
  if (leaf.has_value()) {
    ReadResult found;
    found.tree = *std::move(leaf);
    if (WithinLimits(found.tree, limits)) return found;
  }
  RocksDbCursor cursor(*this, path);
  absl::StatusOr<ReadResult> read = ReadSubtree(cursor, path, limits);
  if (read.ok() && !read->over_limit && read->tree.has_value() &&
      read->tree->is_leaf()) {
    instance_->hot_leaves().Read(key, *read->tree, sequence);
  }
  return read;
}

std::unique_ptr<Cursor> RocksDbSnapshot::NewCursor(const Path& within) const {
  return std::make_unique<RocksDbCursor>(*this, within);
}

}  // namespace restate
