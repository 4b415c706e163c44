#include "engine/backend/hybrid/hybrid_cursor.h"

#include <algorithm>
#include <utility>

namespace restate {

HybridCursor::HybridCursor(const MountTable& table,
                           absl::Span<const MountedSnapshot> mounts,
                           const Path& within, Down down)
    : table_(table),
      mounts_(mounts),
      within_(within),
      down_(down),
      ranges_(table.KeyRanges()),
      parts_(mounts.size()) {
  for (size_t i = 0; i < mounts.size(); ++i) {
    if (!mounts[i].snapshot.ok()) parts_[i].failure = MountDownError(mounts[i]);
  }
}

void HybridCursor::Seek(std::string_view key) {
  valid_ = false;
  status_ = absl::OkStatus();
  key = std::max(key, std::string_view(within_.key()));
  // Behind the end. Next is not called there.
  if (!key.starts_with(within_.key())) return;
  auto after = std::upper_bound(
      ranges_.begin(), ranges_.end(), key,
      [](std::string_view k, const MountTable::Range& range) {
        return k < range.begin;
      });
  range_ = after - ranges_.begin() - 1;
  if (!part().failure.ok()) {
    Lose(part().failure);
    return;
  }
  const absl::StatusOr<bool> found = SeekInRange(key);
  if (!found.ok()) {
    Lose(found.status());
  } else if (!*found) {
    EnterNextRange();
  }
}

absl::StatusOr<bool> HybridCursor::SeekInRange(std::string_view key) {
  const size_t mount = ranges_[range_].mount;
  const Path& at = table_.point(mount);
  std::unique_ptr<Cursor>& cursor = parts_[mount].cursor;
  if (cursor == nullptr) {
    cursor = (*mounts_[mount].snapshot)
                 ->NewCursor(at.Contains(within_) ? within_.RelativeTo(at)
                                                  : Path());
  }
  cursor->Seek(key.substr(at.key().size()));
  return TakePosition();
}

absl::StatusOr<bool> HybridCursor::TakePosition() {
  const MountTable::Range& range = ranges_[range_];
  const Cursor& cursor = *part().cursor;
  if (!cursor.Valid()) {
    absl::Status status = cursor.status();
    if (status.ok()) return false;
    if (absl::IsUnavailable(status)) part().failure = status;
    return status;
  }
  key_.assign(table_.point(range.mount).key());
  key_.append(cursor.key());
  valid_ = range.end.empty() || key_ < range.end;
  return valid_;
}

void HybridCursor::EnterNextRange() {
  valid_ = false;
  while (++range_ < ranges_.size()) {
    const MountTable::Range& range = ranges_[range_];
    if (!range.begin.starts_with(within_.key())) return;
    const bool is_mount_point =
        range.begin == table_.point(range.mount).key();
    if (part().failure.ok()) {
      const absl::StatusOr<bool> found = SeekInRange(range.begin);
      if (found.ok()) {
        if (*found) return;
        continue;
      }
      // What it showed so far was not all: no entry says so.
      if (part().failure.ok() || (down_ == Down::kFail && !is_mount_point)) {
        status_ = found.status();
        return;
      }
    }
    if (down_ == Down::kLeaveOut) {
      left_out_ = true;
    } else if (is_mount_point) {
      // A mount with others inside it has several ranges: the error is shown
      // once.
      key_ = range.begin;
      valid_ = true;
      return;
    }
  }
}

void HybridCursor::Lose(const absl::Status& failure) {
  valid_ = false;
  if (down_ == Down::kLeaveOut && !part().failure.ok()) {
    left_out_ = true;
    EnterNextRange();
  } else {
    status_ = failure;
  }
}

void HybridCursor::Next() {
  valid_ = false;
  // The entry that stands for a mount.
  if (!part().failure.ok()) {
    EnterNextRange();
    return;
  }
  part().cursor->Next();
  const absl::StatusOr<bool> found = TakePosition();
  if (!found.ok()) {
    Lose(found.status());
  } else if (!*found) {
    EnterNextRange();
  }
}

absl::StatusOr<Value> HybridCursor::value() const {
  if (!part().failure.ok()) return part().failure;
  return part().cursor->value();
}

}  // namespace restate
