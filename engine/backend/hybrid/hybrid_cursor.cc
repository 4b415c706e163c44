#include "engine/backend/hybrid/hybrid_cursor.h"

#include <algorithm>
#include <utility>

namespace restate {

HybridCursor::HybridCursor(const MountTable& table,
                           absl::Span<const MountedSnapshot> mounts, Down down)
    : table_(table),
      mounts_(mounts),
      down_(down),
      ranges_(table.KeyRanges()),
      cursors_(mounts.size()) {}

bool HybridCursor::Up() const {
  return mounts_[ranges_[range_].mount].snapshot.ok();
}

void HybridCursor::Seek(std::string_view key) {
  valid_ = false;
  status_ = absl::OkStatus();
  auto after = std::upper_bound(
      ranges_.begin(), ranges_.end(), key,
      [](std::string_view k, const MountTable::Range& range) {
        return k < range.begin;
      });
  range_ = after - ranges_.begin() - 1;
  if (!Up()) {
    if (down_ == Down::kFail) {
      status_ = MountDownError(mounts_[ranges_[range_].mount]);
    } else {
      EnterNextRange();
    }
    return;
  }
  SeekFrom(std::string(key));
}

void HybridCursor::SeekFrom(std::string key) {
  const size_t mount = ranges_[range_].mount;
  std::unique_ptr<Cursor>& cursor = cursors_[mount];
  if (cursor == nullptr) cursor = (*mounts_[mount].snapshot)->NewCursor();
  cursor->Seek(std::string_view(key).substr(table_.point(mount).key().size()));
  if (!TakePosition()) EnterNextRange();
}

bool HybridCursor::TakePosition() {
  const MountTable::Range& range = ranges_[range_];
  const Cursor& cursor = *cursors_[range.mount];
  if (!cursor.Valid()) {
    valid_ = false;
    status_ = cursor.status();
    return !status_.ok();
  }
  key_.assign(table_.point(range.mount).key());
  key_.append(cursor.key());
  valid_ = range.end.empty() || key_ < range.end;
  return valid_;
}

void HybridCursor::EnterNextRange() {
  valid_ = false;
  while (!valid_ && status_.ok() && ++range_ < ranges_.size()) {
    if (Up()) {
      SeekFrom(ranges_[range_].begin);
      return;
    }
    const MountTable::Range& range = ranges_[range_];
    // A mount with others inside it has several ranges: the error is shown
    // once.
    if (down_ == Down::kFail &&
        range.begin == table_.point(range.mount).key()) {
      key_ = range.begin;
      valid_ = true;
    }
  }
}

void HybridCursor::Next() {
  if (!Up()) {
    EnterNextRange();
    return;
  }
  cursors_[ranges_[range_].mount]->Next();
  if (!TakePosition()) EnterNextRange();
}

absl::StatusOr<Value> HybridCursor::value() const {
  const size_t mount = ranges_[range_].mount;
  if (!Up()) return MountDownError(mounts_[mount]);
  return cursors_[mount]->value();
}

}  // namespace restate
