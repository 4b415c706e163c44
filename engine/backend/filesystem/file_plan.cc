#include "engine/backend/filesystem/file_plan.h"

#include <set>
#include <string>
#include <utility>

namespace restate {
namespace {

// A {} that a file gives beside children does not show; once the last child is
// gone it would. Plans that they go too.
void PlanHiddenEmptyMaps(const FileSet& files, const std::set<Path>& removed,
                         const Tree& after, FilePlan* plan) {
  std::set<Path> seen;
  for (const Path& path : removed) {
    for (size_t depth = 0; depth < path.depth(); ++depth) {
      const Path above = path.Ancestor(depth);
      if (!seen.insert(above).second) continue;
      if (tree::OwnValue(tree::Get(after, above)).has_value()) continue;
      for (const Path& file : files.Giving(above)) {
        const Tree own = tree::OwnValue(
            tree::Get(files.Find(file)->content, above.RelativeTo(file)));
        if (own->is_map()) (*plan)[file].push_back({above, std::nullopt});
      }
    }
  }
}

}  // namespace

FilePlan PlanFiles(const FileSet& files, const Tree& before,
                   const Tree& after) {
  FilePlan plan;
  std::set<Path> removed;
  tree::Diff(before, after,
             [&](const Path& path, const Value*, const Value* own) {
               if (own != nullptr) {
                 plan[files.HomeOf(path)].push_back({path, *own});
                 return;
               }
               removed.insert(path);
               for (const Path& file : files.Giving(path)) {
                 plan[file].push_back({path, std::nullopt});
               }
             });
  PlanHiddenEmptyMaps(files, removed, after, &plan);
  return plan;
}

Tree ChangedContent(const Tree& content, const Path& file,
                    const std::vector<OwnChange>& changes) {
  // Removals first: {} is a value only once the children are gone.
  Tree changed = content;
  for (const OwnChange& change : changes) {
    if (change.own.has_value()) continue;
    changed = tree::ReplaceOwn(changed, change.path.RelativeTo(file),
                               std::nullopt);
  }
  for (const OwnChange& change : changes) {
    if (!change.own.has_value()) continue;
    changed =
        tree::ReplaceOwn(changed, change.path.RelativeTo(file), change.own);
  }
  return changed;
}

bool SameTree(const Tree& a, const Tree& b) {
  return a.has_value() == b.has_value() &&
         (!a.has_value() || Value::Identical(*a, *b));
}

Tree AfterWrites(Tree tree, absl::Span<const Write> writes) {
  for (const Write& write : writes) {
    tree = write.scope == Write::Scope::kSubtree
               ? tree::Replace(tree, write.path, write.value)
               : tree::ReplaceOwn(tree, write.path, write.value);
  }
  return tree;
}

std::vector<Write> WritesBetween(const Tree& before, const Tree& after) {
  std::vector<Write> removals;
  std::vector<Write> writes;
  tree::Diff(before, after,
             [&](const Path& path, const Value* was, const Value* own) {
               const bool alone = !tree::HasChildren(tree::Get(after, path));
               Write write;
               write.path = path;
               if (own != nullptr) {
                 write.scope = alone && !tree::HasChildren(
                                            tree::Get(before, path))
                                   ? Write::Scope::kSubtree
                                   : Write::Scope::kOwnValue;
                 write.value = *own;
                 writes.push_back(std::move(write));
                 return;
               }
               // The first child takes the place of {} by itself.
               if (was->is_map() && !alone) return;
               // What is below it and goes too has a removal of its own.
               write.scope = tree::HasChildren(tree::Get(before, path))
                                 ? Write::Scope::kOwnValue
                                 : Write::Scope::kSubtree;
               removals.push_back(std::move(write));
             });
  for (Write& write : writes) removals.push_back(std::move(write));
  return removals;
}

}  // namespace restate
