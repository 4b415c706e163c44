#include "engine/derivation/view_walk.h"

#include <string>
#include <utility>

namespace restate {

ViewWalk::ViewWalk(const Snapshot* tree, DerivedValues derived, Path path,
                   View view)
    : tree_(tree),
      derived_(std::move(derived)),
      path_(std::move(path)),
      view_(view),
      owner_(derived_.OwnerOf(path_)) {}

absl::StatusOr<std::optional<ViewWalk::Entry>> ViewWalk::NextOwnValue() {
  if (std::exchange(own_value_given_, true)) return std::nullopt;
  absl::StatusOr<NodeProbe> probe = tree_->Probe(path_);
  if (!probe.ok()) return probe.status();
  if (!probe->own.has_value()) return std::nullopt;
  return Entry{path_, *std::move(probe->own)};
}

absl::StatusOr<bool> ViewWalk::HasChildOfItsOwn(const Path& path) {
  const std::optional<Path> owner = derived_.OwnerOf(path);
  if (ahead_ == nullptr) ahead_ = tree_->NewCursor(path_);
  // Behind its own value.
  ahead_->Seek(path.key() + '\x01');
  while (ahead_->Valid() && ahead_->key().starts_with(path.key())) {
    const std::optional<Path> other =
        derived_.OwnerOf(Path::FromKey(std::string(ahead_->key())));
    if (other == owner) return true;
    ahead_->Seek(other->SubtreeEnd());
  }
  if (absl::Status status = ahead_->status(); !status.ok()) return status;
  return false;
}

absl::StatusOr<std::optional<ViewWalk::Entry>> ViewWalk::Next() {
  if (view_ == View::kOwnValue) return NextOwnValue();
  if (cursor_ == nullptr) {
    cursor_ = tree_->NewCursor(path_);
    cursor_->Seek(path_.key());
  }
  while (cursor_->Valid()) {
    Path at = Path::FromKey(std::string(cursor_->key()));
    if (view_ == View::kWithoutDerived && !derived_.empty()) {
      const std::optional<Path> owner = derived_.OwnerOf(at);
      if (owner != owner_) {
        cursor_->Seek(owner->SubtreeEnd());
        continue;
      }
    }
    absl::StatusOr<Value> value = cursor_->value();
    if (!value.ok()) return value.status();
    if (view_ == View::kAll && derived_.HasBelow(at)) {
      if (value->is_leaf()) {
        absl::StatusOr<bool> has_child = HasChildOfItsOwn(at);
        if (!has_child.ok()) return has_child.status();
        if (!*has_child) {
          // The leaf hides what is derived below it.
          cursor_->Seek(at.SubtreeEnd());
          return Entry{std::move(at), *std::move(value)};
        }
      } else {
        cursor_->Next();
        // What is derived below takes the place of {}.
        if (cursor_->Valid() && cursor_->key().starts_with(at.key())) continue;
        if (absl::Status status = cursor_->status(); !status.ok()) {
          return status;
        }
        return Entry{std::move(at), *std::move(value)};
      }
    }
    cursor_->Next();
    return Entry{std::move(at), *std::move(value)};
  }
  if (absl::Status status = cursor_->status(); !status.ok()) return status;
  return std::nullopt;
}

}  // namespace restate
