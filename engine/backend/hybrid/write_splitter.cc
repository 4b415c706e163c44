#include "engine/backend/hybrid/write_splitter.h"

#include <memory>
#include <string_view>
#include <utility>

#include "engine/tree/tree.h"

namespace restate {
namespace {

// The name of the child of `path` that `key` is at or below. REQUIRES: `key` is
// strictly below `path`.
std::string_view ChildName(const Path& path, std::string_view key) {
  key.remove_prefix(path.key().size());
  return key.substr(0, key.find('\0'));
}

Tree ChildOf(const Tree& node, std::string_view name) {
  if (!node.has_value()) return std::nullopt;
  const Value* child = tree::Child(*node, name);
  return child == nullptr ? Tree() : Tree(*child);
}

void AddNames(const Tree& node, std::set<std::string>& names) {
  if (!node.has_value() || !node->is_map()) return;
  for (auto it = node->as_map().begin(); !it.at_end(); ++it) {
    if (it->key != kOwnValueKey) names.insert(it->key);
  }
}

bool Same(const Tree& a, const Tree& b) {
  bool same = true;
  tree::Diff(a, b, [&same](const Path&, const Value*, const Value*) {
    same = false;
  });
  return same;
}

}  // namespace

absl::Status WriteSplitter::Add(const Write& write) {
  Part part{write.path, write.value, write.before, write.revision};
  if (write.scope == Write::Scope::kSubtree &&
      table_.HasMountBelow(write.path)) {
    return TakeApart(part);
  }
  AddPart(std::move(part), write.scope);
  return absl::OkStatus();
}

void WriteSplitter::AddPart(Part part, Write::Scope scope) {
  const size_t mount = table_.Find(part.path);
  written_.insert(part.path.key());
  const Path& point = table_.point(mount);
  parts_[mount].push_back(
      Write{point.is_root() ? std::move(part.path)
                            : part.path.RelativeTo(point),
            scope, std::move(part.value), part.revision,
            std::move(part.before)});
}

absl::Status WriteSplitter::TakeApart(const Part& part) {
  const bool written_before = WrittenInBatch(part.path);
  absl::StatusOr<std::set<std::string>> names = ChildNames(part);
  if (!names.ok()) return std::move(names).status();
  for (const std::string& name : *names) {
    Part child{part.path.Child(name), ChildOf(part.value, name), std::nullopt,
               part.revision};
    if (part.before.has_value()) child.before = ChildOf(*part.before, name);
    if (table_.HasMountBelow(child.path)) {
      absl::Status status = TakeApart(child);
      if (!status.ok()) return status;
      continue;
    }
    const bool is_mount = table_.point(table_.Find(child.path)) == child.path;
    if (!is_mount && child.before.has_value() &&
        !WrittenInBatch(child.path) && Same(*child.before, child.value)) {
      continue;
    }
    AddPart(std::move(child), Write::Scope::kSubtree);
  }
  // Last, because {} is a value only once the children are gone.
  return WriteOwnValue(part, written_before);
}

absl::Status WriteSplitter::WriteOwnValue(const Part& part,
                                          bool written_before) {
  Tree own = tree::OwnValue(part.value);
  if (!written_before) {
    // What is stored, rather than `part.before`: a {} that only shows while the
    // mounts below are empty is replaced too.
    Tree stored;
    const std::unique_ptr<Cursor> cursor = before_tree_.NewCursor(part.path);
    cursor->Seek(part.path.key());
    if (!cursor->status().ok()) return cursor->status();
    if (cursor->Valid() && cursor->key() == part.path.key()) {
      absl::StatusOr<Value> value = cursor->value();
      if (!value.ok()) return std::move(value).status();
      stored = *std::move(value);
    }
    if (Same(stored, own)) return absl::OkStatus();
  }
  AddPart(Part{part.path, std::move(own), std::nullopt, part.revision},
          Write::Scope::kOwnValue);
  return absl::OkStatus();
}

absl::StatusOr<std::set<std::string>> WriteSplitter::ChildNames(
    const Part& part) {
  std::set<std::string> names;
  AddNames(part.value, names);
  for (size_t mount : table_.MountsBelow(part.path)) {
    names.emplace(ChildName(part.path, table_.point(mount).key()));
  }
  AddNamesWritten(part.path, names);
  if (part.before.has_value()) {
    AddNames(*part.before, names);
    return names;
  }
  const std::unique_ptr<Cursor> cursor = before_tree_.NewCursor(part.path);
  cursor->Seek(part.path.key());
  if (cursor->Valid() && cursor->key() == part.path.key()) cursor->Next();
  while (cursor->Valid()) {
    std::string name(ChildName(part.path, cursor->key()));
    cursor->Seek(part.path.Child(name).SubtreeEnd());
    names.insert(std::move(name));
  }
  if (!cursor->status().ok()) return cursor->status();
  return names;
}

void WriteSplitter::AddNamesWritten(const Path& path,
                                    std::set<std::string>& names) const {
  auto it = written_.upper_bound(path.key());
  while (it != written_.end() && it->starts_with(path.key())) {
    std::string name(ChildName(path, *it));
    it = written_.lower_bound(path.Child(name).SubtreeEnd());
    names.insert(std::move(name));
  }
}

bool WriteSplitter::WrittenInBatch(const Path& path) const {
  auto it = written_.lower_bound(path.key());
  return it != written_.end() && it->starts_with(path.key());
}

}  // namespace restate
