#include "engine/commit/overlay.h"

#include <memory>
#include <string_view>

namespace restate {
namespace {

bool InSubtree(std::string_view key, std::string_view subtree_key) {
  return key.starts_with(subtree_key);
}

ReadResult WithinLimits(Tree tree, const ReadLimits& limits) {
  ReadResult result;
  if (tree.has_value() &&
      ((limits.max_bytes != SIZE_MAX &&
        tree->ByteSize(limits.max_bytes) > limits.max_bytes) ||
       (limits.max_own_values != SIZE_MAX &&
        tree::CountOwnValues(tree, limits.max_own_values + 1) >
            limits.max_own_values))) {
    result.over_limit = true;
  }
  result.tree = std::move(tree);
  return result;
}

}  // namespace

const Overlay::Entries::Entry* Overlay::Covering(const Path& path) const {
  const Entries::Entry* entry = entries_.FindLastAtOrBefore(path.key());
  if (entry == nullptr || entry->value.scope != Write::Scope::kSubtree ||
      !InSubtree(path.key(), entry->key)) {
    return nullptr;
  }
  return entry;
}

absl::StatusOr<bool> Overlay::BaseShowsBelow(const Path& path) const {
  std::unique_ptr<Cursor> cursor = base_->NewCursor(path);
  // The first key after the node's own.
  cursor->Seek(path.key() + '\x01');
  while (cursor->Valid() && InSubtree(cursor->key(), path.key())) {
    const Entries::Entry* entry = entries_.FindLastAtOrBefore(cursor->key());
    if (entry != nullptr && entry->value.scope == Write::Scope::kSubtree &&
        InSubtree(cursor->key(), entry->key)) {
      // Replaced as a whole: whatever it reads as now, the base's part is gone.
      cursor->Seek(Path::FromKey(entry->key).SubtreeEnd());
    } else if (entry != nullptr && entry->key == cursor->key() &&
               !entry->value.value.has_value()) {
      cursor->Next();
    } else {
      return true;
    }
  }
  if (absl::Status status = cursor->status(); !status.ok()) return status;
  return false;
}

absl::StatusOr<NodeProbe> Overlay::Probe(const Path& path) {
  if (const Entries::Entry* covering = Covering(path)) {
    Tree node = tree::Get(covering->value.value,
                          path.RelativeTo(Path::FromKey(covering->key)));
    return NodeProbe{tree::OwnValue(node), tree::HasChildren(node)};
  }
  absl::StatusOr<NodeProbe> probe = base_->Probe(path);
  if (!probe.ok() || entries_.empty()) return probe;
  bool removed_below = false;
  bool present_below = false;
  for (auto it = entries_.LowerBound(path.key());
       !it.at_end() && InSubtree(it->key, path.key()); ++it) {
    if (it->key == path.key()) {
      probe->own = it->value.value;
    } else if (it->value.value.has_value()) {
      present_below = true;
      break;
    } else {
      removed_below = true;
    }
  }
  if (present_below) {
    probe->has_children = true;
  } else if (removed_below && probe->has_children) {
    absl::StatusOr<bool> shows = BaseShowsBelow(path);
    if (!shows.ok()) return shows.status();
    probe->has_children = *shows;
  }
  if (probe->has_children && probe->own.has_value() && probe->own->is_map()) {
    probe->own.reset();
  }
  return probe;
}

absl::StatusOr<ReadResult> Overlay::ReadBase(const Path& path,
                                             const ReadLimits& limits) const {
  const Value* leaf = leaves_ == nullptr ? nullptr : leaves_->Find(path);
  if (leaf == nullptr) return base_->Read(path, limits);
  ReadResult result;
  result.tree = *leaf;
  return result;
}

absl::StatusOr<ReadResult> Overlay::Read(const Path& path,
                                         const ReadLimits& limits) {
  if (const Entries::Entry* covering = Covering(path)) {
    return WithinLimits(
        tree::Get(covering->value.value,
                  path.RelativeTo(Path::FromKey(covering->key))),
        limits);
  }
  absl::StatusOr<ReadResult> result = ReadBase(path, limits);
  if (!result.ok() || result->over_limit) return result;
  last_base_read_.emplace(path, result->tree);
  if (entries_.empty()) return result;
  for (auto it = entries_.LowerBound(path.key());
       !it.at_end() && InSubtree(it->key, path.key()); ++it) {
    const Path relative = Path::FromKey(it->key).RelativeTo(path);
    result->tree =
        it->value.scope == Write::Scope::kSubtree
            ? tree::Replace(result->tree, relative, it->value.value)
            : tree::ReplaceOwn(result->tree, relative, it->value.value);
  }
  return result;
}

absl::Status Overlay::ClearEmptyMapAbove(const Path& path, Revision revision) {
  // The root holds no {}: it always exists.
  for (size_t depth = path.depth(); depth-- > 1;) {
    const Path ancestor = path.Ancestor(depth);
    absl::StatusOr<NodeProbe> probe = Probe(ancestor);
    if (!probe.ok()) return probe.status();
    if (!probe->exists()) continue;
    // A node that exists is a child of the one above it, which therefore is no
    // {}: the nearest one is the only one to look at.
    if (!probe->has_children && probe->own->is_map()) {
      PutOwn(ancestor, std::nullopt, revision);
      cleared_.push_back(ancestor);
    }
    break;
  }
  return absl::OkStatus();
}

absl::Status Overlay::Replace(const Path& path, Tree subtree, bool existed,
                              Revision revision) {
  if (!existed && subtree.has_value()) {
    absl::Status status = ClearEmptyMapAbove(path, revision);
    if (!status.ok()) return status;
  }
  Put(path, std::move(subtree), revision);
  return absl::OkStatus();
}

absl::Status Overlay::ReplaceOwn(const Path& path, Tree own, bool existed,
                                 Revision revision) {
  if (!existed && own.has_value()) {
    absl::Status status = ClearEmptyMapAbove(path, revision);
    if (!status.ok()) return status;
  }
  PutOwn(path, std::move(own), revision);
  return absl::OkStatus();
}

void Overlay::Put(const Path& path, Tree subtree, Revision revision) {
  if (const Entries::Entry* covering = Covering(path);
      covering != nullptr && covering->key != path.key()) {
    Entry entry = covering->value;
    entry.value = tree::Replace(
        entry.value, path.RelativeTo(Path::FromKey(covering->key)), subtree);
    entry.revision = revision;
    entries_ = entries_.Set(std::string(covering->key), std::move(entry));
    return;
  }
  std::optional<Tree> before;
  const Entry* present = entries_.Find(path.key());
  if (present != nullptr && present->scope == Write::Scope::kSubtree) {
    before = present->before;
  } else if (last_base_read_.has_value() && last_base_read_->first == path) {
    before = last_base_read_->second;
  }
  if (!entries_.empty()) {
    // What is kept strictly below; the entry at the path itself is replaced.
    entries_ = entries_.EraseRange(path.key() + '\x01', path.SubtreeEnd());
  }
  entries_ =
      entries_.Set(path.key(), Entry{Write::Scope::kSubtree, std::move(subtree),
                                     revision, std::move(before)});
}

void Overlay::PutOwn(const Path& path, Tree own, Revision revision) {
  if (const Entries::Entry* covering = Covering(path)) {
    Entry entry = covering->value;
    entry.value = tree::ReplaceOwn(
        entry.value, path.RelativeTo(Path::FromKey(covering->key)), own);
    entry.revision = revision;
    entries_ = entries_.Set(std::string(covering->key), std::move(entry));
    return;
  }
  entries_ =
      entries_.Set(path.key(), Entry{Write::Scope::kOwnValue, std::move(own),
                                     revision, std::nullopt});
}

std::vector<Write> Overlay::Writes() const {
  std::vector<Write> writes;
  writes.reserve(entries_.size());
  for (auto it = entries_.begin(); !it.at_end(); ++it) {
    writes.push_back(Write{Path::FromKey(it->key), it->value.scope,
                           it->value.value, it->value.revision,
                           it->value.before});
  }
  return writes;
}

}  // namespace restate
