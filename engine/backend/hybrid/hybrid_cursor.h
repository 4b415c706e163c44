#ifndef RESTATE_ENGINE_BACKEND_HYBRID_HYBRID_CURSOR_H_
#define RESTATE_ENGINE_BACKEND_HYBRID_HYBRID_CURSOR_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "engine/backend/backend.h"
#include "engine/backend/hybrid/hybrid_snapshot.h"
#include "engine/backend/hybrid/mount_table.h"
#include "engine/path/path.h"

namespace restate {

// Walks all mounts as one tree, or a subtree of it: the mounts' own cursors, one
// key range after the other. What a mount hides is jumped over, and mounts
// outside the subtree are not asked.
//
// A mount that is down, or turns out to be, shows as one entry at its mount point
// whose value() is the error. Asking for a key inside it by Seek, or losing it
// after its first entry, ends the walk with the error in status(). Whatever it
// is asked, a mount that did not answer is not asked again: each time may take a
// deadline.
class HybridCursor : public Cursor {
 public:
  // What to do with mounts that are down: as said above, or as if what cannot
  // be read were not there.
  enum class Down { kFail, kLeaveOut };

  // `table` and `mounts` must outlive the cursor.
  HybridCursor(const MountTable& table,
               absl::Span<const MountedSnapshot> mounts, const Path& within,
               Down down);

  void Seek(std::string_view key) override;
  void Next() override;
  bool Valid() const override { return valid_; }
  std::string_view key() const override { return key_; }
  absl::StatusOr<Value> value() const override;
  absl::Status status() const override { return status_; }

  // Whether mounts that the walk came to were left out.
  bool left_out() const { return left_out_; }

 private:
  // What the walk knows of a mount.
  struct Part {
    // Made when first needed.
    std::unique_ptr<Cursor> cursor;
    // Why the mount is not asked any more.
    absl::Status failure;
  };

  Part& part() { return parts_[ranges_[range_].mount]; }
  const Part& part() const { return parts_[ranges_[range_].mount]; }
  // Moves the cursor of the mount of range_, which is up, to the first key at or
  // after `key`, which is in the range. Gives whether there is one; the error of
  // a mount that did not answer is noted.
  absl::StatusOr<bool> SeekInRange(std::string_view key);
  // Takes over the position of the mount's cursor. As SeekInRange.
  absl::StatusOr<bool> TakePosition();
  // Goes to the first entry of the ranges after range_.
  void EnterNextRange();
  // The mount of range_ does not let the walk go on: ends it, or leaves the rest
  // of the range out.
  void Lose(const absl::Status& failure);

  const MountTable& table_;
  const absl::Span<const MountedSnapshot> mounts_;
  const Path within_;
  const Down down_;
  const std::vector<MountTable::Range> ranges_;
  // One for each mount.
  std::vector<Part> parts_;
  size_t range_ = 0;
  bool valid_ = false;
  bool left_out_ = false;
  absl::Status status_;
  // The whole key of the entry.
  std::string key_;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_BACKEND_HYBRID_HYBRID_CURSOR_H_
