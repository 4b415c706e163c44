#include "engine/mount/pending_cursor.h"

#include <algorithm>
#include <utility>

#include "engine/path/path.h"

namespace restate {

void PendingCursor::Seek(std::string_view key) {
  subtree_.reset();
  key = std::max(key, std::string_view(within_));
  if (const auto* covering = writes_.Covering(key)) {
    entry_ = writes_.entries().LowerBound(covering->key);
    // Everything of the base's in there is replaced.
    const std::string end = Path::FromKey(covering->key).SubtreeEnd();
    if (EnterSubtree(key.substr(covering->key.size()))) {
      at_ = At::kSubtree;
      base_->Seek(end);
      return;
    }
    ++entry_;
    if (end.empty()) {
      at_ = At::kEnd;
      return;
    }
    base_->Seek(end);
  } else {
    entry_ = writes_.entries().LowerBound(key);
    base_->Seek(key);
  }
  Settle();
}

void PendingCursor::Next() {
  switch (at_) {
    case At::kEnd:
      return;
    case At::kBase:
      base_->Next();
      break;
    case At::kOwnValue:
      ++entry_;
      break;
    case At::kSubtree:
      subtree_->Next();
      if (subtree_->Valid()) {
        SetSubtreeKey();
        return;
      }
      // The base was moved behind the subtree when it was entered. Of the whole
      // tree there is nothing behind.
      if (entry_->key.empty()) {
        at_ = At::kEnd;
        return;
      }
      subtree_.reset();
      ++entry_;
      break;
  }
  Settle();
}

void PendingCursor::Settle() {
  while (true) {
    // An error of the base's ends the walk: what it would show is not known.
    if (!base_->status().ok()) {
      at_ = At::kEnd;
      return;
    }
    if (entry_.at_end() ||
        (base_->Valid() && base_->key() < std::string_view(entry_->key))) {
      at_ = base_->Valid() ? At::kBase : At::kEnd;
      return;
    }
    const PendingWrites::Entry& entry = entry_->value;
    if (entry.scope == Write::Scope::kSubtree) {
      const std::string end = Path::FromKey(entry_->key).SubtreeEnd();
      const bool has_values = EnterSubtree("");
      if (end.empty()) {
        at_ = has_values ? At::kSubtree : At::kEnd;
        return;
      }
      if (base_->Valid() && base_->key().starts_with(entry_->key)) {
        base_->Seek(end);
      }
      if (has_values) {
        at_ = At::kSubtree;
        return;
      }
    } else {
      if (base_->Valid() && base_->key() == entry_->key) base_->Next();
      if (entry.value.has_value()) {
        at_ = At::kOwnValue;
        return;
      }
    }
    ++entry_;
  }
}

bool PendingCursor::EnterSubtree(std::string_view relative) {
  subtree_.emplace(entry_->value.value);
  subtree_->Seek(relative);
  if (!subtree_->Valid()) {
    subtree_.reset();
    return false;
  }
  SetSubtreeKey();
  return true;
}

void PendingCursor::SetSubtreeKey() {
  key_ = entry_->key;
  key_.append(subtree_->key());
}

std::string_view PendingCursor::key() const {
  switch (at_) {
    case At::kBase:
      return base_->key();
    case At::kOwnValue:
      return entry_->key;
    default:
      return key_;
  }
}

absl::StatusOr<Value> PendingCursor::value() const {
  switch (at_) {
    case At::kBase:
      return base_->value();
    case At::kOwnValue:
      return *entry_->value.value;
    default:
      return subtree_->value();
  }
}

}  // namespace restate
