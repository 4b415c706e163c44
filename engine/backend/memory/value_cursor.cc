#include "engine/backend/memory/value_cursor.h"

#include <algorithm>

namespace restate {

void ValueCursor::SetChildKey(std::string_view name) {
  key_.resize(frames_.back().key_size);
  key_.append(name);
  key_.push_back('\0');
}

void ValueCursor::Enter(const Value& node) {
  if (!node.is_map() || node.is_empty_map()) {
    current_ = &node;
    return;
  }
  frames_.push_back({node.as_map().begin(), key_.size()});
  current_ = node.as_map().Find(kOwnValueKey);
  if (current_ == nullptr) Next();
}

void ValueCursor::Next() {
  current_ = nullptr;
  while (!frames_.empty()) {
    Value::Map::Iterator& next = frames_.back().next;
    if (next.at_end()) {
      frames_.pop_back();
      continue;
    }
    const Value::Map::Entry& entry = *next;
    ++next;
    if (entry.key == kOwnValueKey) continue;
    SetChildKey(entry.key);
    // Goes on from here by itself only through nodes without an own value, so
    // the recursion is as deep as the tree at most.
    Enter(entry.value);
    return;
  }
}

void ValueCursor::Seek(std::string_view key) {
  frames_.clear();
  key_.clear();
  current_ = nullptr;
  if (!tree_.has_value()) return;
  key = std::max(key, std::string_view(within_));
  const Value* node = &*tree_;
  while (!key.empty() && node->is_map()) {
    // The own value of this node is before `key`; its children may not be. A
    // last segment without its NUL is part of a name: the order of the names is
    // that of the keys all the same.
    const size_t end = key.find('\0');
    const std::string_view name = key.substr(0, end);
    frames_.push_back({node->as_map().LowerBound(name), key_.size()});
    Value::Map::Iterator& next = frames_.back().next;
    if (end == std::string_view::npos || next.at_end() || next->key != name ||
        name == kOwnValueKey) {
      break;
    }
    node = &next->value;
    ++next;
    SetChildKey(name);
    key.remove_prefix(end + 1);
  }
  if (key.empty()) {
    Enter(*node);
  } else {
    Next();
  }
}

}  // namespace restate
