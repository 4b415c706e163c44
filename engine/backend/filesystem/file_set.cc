#include "engine/backend/filesystem/file_set.h"

#include <utility>

#include "absl/container/btree_map.h"
#include "absl/strings/str_cat.h"

namespace restate {

const FileEntry* FileSet::Find(const Path& path) const {
  auto it = files_.find(path);
  return it == files_.end() ? nullptr : &it->second;
}

void FileSet::Put(const Path& path, FileEntry entry) {
  Erase(path);
  bytes_ += entry.identity.size;
  files_.insert_or_assign(path, std::move(entry));
}

void FileSet::Erase(const Path& path) {
  auto it = files_.find(path);
  if (it == files_.end()) return;
  bytes_ -= it->second.identity.size;
  files_.erase(it);
}

FileSet::Reading FileSet::Read(const FileNames& names) const {
  struct Given {
    Value own;
    const Path* by;
  };
  Reading reading;
  absl::btree_map<Path, Given> own_values;
  // In path order: deeper nodes come later, and count.
  for (const auto& [file, entry] : files_) {
    tree::ForEachOwnValue(
        entry.content, [&, &file = file](const Path& relative,
                                         const Value& own) {
          const Path path = file.Join(relative);
          auto [it, is_new] = own_values.try_emplace(path, Given{own, &file});
          if (is_new) return true;
          reading.conflicts.push_back(absl::StrCat(
              path.ToText(), " is in ", names.FileOf(*it->second.by),
              " and in ", names.FileOf(file),
              ": the second counts; remove one of them"));
          it->second = Given{own, &file};
          return true;
        });
  }
  TreeBuilder builder;
  for (auto& [path, given] : own_values) {
    builder.Add(path, std::move(given.own));
  }
  reading.tree = builder.Finish();
  return reading;
}

std::vector<Path> FileSet::Giving(const Path& path) const {
  std::vector<Path> giving;
  const size_t depth = path.depth();
  for (size_t i = 0; i <= depth; ++i) {
    const Path at = path.Ancestor(i);
    const FileEntry* entry = Find(at);
    if (entry == nullptr) continue;
    if (tree::OwnValue(tree::Get(entry->content, path.RelativeTo(at)))
            .has_value()) {
      giving.push_back(at);
    }
  }
  return giving;
}

Tree FileSet::OwnOf(const Path& path) const {
  const std::vector<Path> giving = Giving(path);
  if (giving.empty()) return std::nullopt;
  const Path& file = giving.back();
  return tree::OwnValue(
      tree::Get(Find(file)->content, path.RelativeTo(file)));
}

bool FileSet::HasFilesBelow(const Path& path) const {
  auto next = files_.upper_bound(path);
  return next != files_.end() && path.StrictlyContains(next->first);
}

Path FileSet::HomeOf(const Path& path) const {
  std::vector<Path> giving = Giving(path);
  if (!giving.empty()) return giving.back();
  if (Find(path) != nullptr) return path;
  for (size_t depth = path.depth(); depth > 0; --depth) {
    const Path above = path.Ancestor(depth - 1);
    const FileEntry* entry = Find(above);
    if (entry != nullptr && tree::HasChildren(entry->content)) return above;
    if (HasFilesBelow(above)) break;
  }
  return path;
}

}  // namespace restate
