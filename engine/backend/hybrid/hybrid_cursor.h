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

namespace restate {

// Walks all mounts as one tree: the mounts' own cursors, one key range after
// the other. What a mount hides is jumped over.
//
// A mount that is down shows as one entry at its mount point whose value() is
// the error. Asking for a key inside it by Seek ends the walk with the error in
// status().
class HybridCursor : public Cursor {
 public:
  // What to do with mounts that are down.
  enum class Down { kFail, kLeaveOut };

  // `table` and `mounts` must outlive the cursor.
  HybridCursor(const MountTable& table,
               absl::Span<const MountedSnapshot> mounts, Down down);

  void Seek(std::string_view key) override;
  void Next() override;
  bool Valid() const override { return valid_; }
  std::string_view key() const override { return key_; }
  absl::StatusOr<Value> value() const override;
  absl::Status status() const override { return status_; }

 private:
  // Whether the mount of range_ is up.
  bool Up() const;
  // Moves the mount's cursor to the first key at or after `key`, which is in
  // range_, and on to later ranges while there is none.
  void SeekFrom(std::string key);
  // Takes over the position of the mount's cursor. False if it has left the
  // range.
  bool TakePosition();
  // Goes to the beginning of the next range with an entry.
  void EnterNextRange();

  const MountTable& table_;
  const absl::Span<const MountedSnapshot> mounts_;
  const Down down_;
  const std::vector<MountTable::Range> ranges_;
  // One for each mount, made when first needed.
  std::vector<std::unique_ptr<Cursor>> cursors_;
  size_t range_ = 0;
  bool valid_ = false;
  absl::Status status_;
  // The whole key of the entry.
  std::string key_;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_BACKEND_HYBRID_HYBRID_CURSOR_H_
