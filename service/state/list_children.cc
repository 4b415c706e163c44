#include "service/state/list_children.h"

#include <memory>

#include "service/adapters/path_adapter.h"

namespace restate {
namespace {

// The segment of `key` that follows `prefix`.
std::string_view NameAfter(std::string_view prefix, std::string_view key) {
  key.remove_prefix(prefix.size());
  return key.substr(0, key.find('\0'));
}

}  // namespace

absl::StatusOr<std::string> ListChildrenPage(
    const Snapshot& tree, const Path& path, std::string_view after,
    size_t max_children, size_t max_bytes,
    v1::ListChildrenResponse* response) {
  const std::string& prefix = path.key();
  std::unique_ptr<Cursor> cursor = tree.NewCursor(path);
  cursor->Seek(after.empty() ? prefix : path.Child(after).SubtreeEnd());
  // The node's own value comes before its children.
  if (cursor->Valid() && cursor->key() == prefix) cursor->Next();

  size_t bytes = 0;
  std::string last;
  while (cursor->Valid()) {
    const size_t listed = static_cast<size_t>(response->children_size());
    if (listed > 0 && (listed >= max_children || bytes >= max_bytes)) {
      return last;
    }
    last = NameAfter(prefix, cursor->key());
    const Path child = path.Child(last);
    v1::ListChildrenResponse::Child* const entry = response->add_children();
    entry->set_name(last);
    EncodePath(child, entry->mutable_path());
    entry->set_has_value(cursor->key() == child.key());
    if (entry->has_value()) cursor->Next();
    entry->set_has_children(cursor->Valid() &&
                            cursor->key().starts_with(child.key()));
    if (entry->has_children()) cursor->Seek(child.SubtreeEnd());
    bytes += entry->ByteSizeLong();
  }
  absl::Status status = cursor->status();
  if (!status.ok()) return status;
  return std::string();
}

}  // namespace restate
