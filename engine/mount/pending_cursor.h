#ifndef RESTATE_ENGINE_MOUNT_PENDING_CURSOR_H_
#define RESTATE_ENGINE_MOUNT_PENDING_CURSOR_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/backend/backend.h"
#include "engine/backend/memory/value_cursor.h"
#include "engine/mount/pending_writes.h"
#include "engine/path/path.h"

namespace restate {

// Walks a store's cursor and the writes that are not in it yet as one: what a
// write replaced is jumped over, and its own values come instead.
//
// Only the base's cursor keeps within what is walked; the entries go on behind
// it, and Valid says that it is over.
//
// Invariant while Valid(): base_ is at the first key after the current one that
// no entry before entry_ replaced (or at the current one, if that is the
// base's), and entry_ is the first entry that has not been passed (or the one
// that the current key is from).
class PendingCursor final : public Cursor {
 public:
  // `base` walks what is at and below `within`. `writes` must outlive the
  // cursor.
  PendingCursor(std::unique_ptr<Cursor> base, const PendingWrites& writes,
                const Path& within)
      : base_(std::move(base)), writes_(writes), within_(within.key()) {}

  void Seek(std::string_view key) override;
  void Next() override;
  bool Valid() const override {
    return at_ != At::kEnd && key().starts_with(within_);
  }
  std::string_view key() const override;
  absl::StatusOr<Value> value() const override;
  absl::Status status() const override { return base_->status(); }

 private:
  // Where the current own value is from.
  enum class At { kEnd, kBase, kOwnValue, kSubtree };

  // Goes to the lesser of where the base and the entries are.
  void Settle();
  // Makes subtree_ walk the entry's value, from `relative` on, a key below the
  // entry's. False if there is nothing left.
  bool EnterSubtree(std::string_view relative);
  void SetSubtreeKey();

  const std::unique_ptr<Cursor> base_;
  const PendingWrites& writes_;
  const std::string within_;
  PendingWrites::Entries::Iterator entry_;
  std::optional<ValueCursor> subtree_;
  // Of the current value, if it is from a subtree.
  std::string key_;
  At at_ = At::kEnd;
};

}  // namespace restate

#endif  // RESTATE_ENGINE_MOUNT_PENDING_CURSOR_H_
